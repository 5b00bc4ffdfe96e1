"""What libpq tries, and what it says when that fails."""

import os
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

# What a connection takes (PostgreSQL's documentation, 34.1.2). An environment variable may stand in
# for each: PGSSLMODE for sslmode.
PARAMETERS = """
    host hostaddr port dbname user password passfile require_auth channel_binding connect_timeout
    client_encoding options application_name fallback_application_name keepalives keepalives_idle
    keepalives_interval keepalives_count tcp_user_timeout replication gssencmode sslmode requiressl
    sslnegotiation sslcompression sslcert sslkey sslkeylogfile sslpassword sslcertmode sslrootcert
    sslcrl sslcrldir sslsni requirepeer ssl_min_protocol_version ssl_max_protocol_version
    min_protocol_version max_protocol_version krbsrvname gsslib gssdelegation service
    target_session_attrs load_balance_hosts
""".split()  # noqa: SIM905 - as a list, it takes a page
# "connection to server at "host" (address), port 5432 failed: reason"; one for each address tried.
ATTEMPT = re.compile(
    r'connection to server (?:at "(?P<host>[^"]*)"(?: \((?P<address>[^)]*)\))?, port (?P<port>\d+)'
    r'|on socket "(?P<socket>[^"]*)") failed: .*?(?=connection to server |\Z)',
    re.S,
)
SOCKET = re.compile(r"(?P<folder>.*)/\.s\.PGSQL\.(?P<port>\d+)")
NAMED = re.compile(r'\b(user|role|database) "([^"]+)"')
# What tells less than any other answer, from the least on.
TELLING_LITTLE = (
    *("Cannot assign requested address", "unreachable", "No route to host"),
    *("timeout expired", "Connection timed out", "No such file or directory", "Connection refused"),
)


class Attempt(NamedTuple):
    """One address that libpq tried: where, and what it says of it."""

    host: str
    port: str
    text: str
    address: str = ""  # what the host's name has led to

    @property
    def reached(self) -> bool:
        """Tell whether a program answered there."""
        words = (*TELLING_LITTLE, "Permission denied")
        return "FATAL" in self.text or not any(word in self.text for word in words)

    @property
    def reason(self) -> str:
        """What is said of it, in a line."""
        said = self.text.partition(" failed: ")[2].partition("\n")[0]
        return said.removeprefix("FATAL:").strip()

    @property
    def telling(self) -> int:
        """How much it says: a server's refusal tells most."""
        if "FATAL" in self.text:
            return len(TELLING_LITTLE) + 1
        said = (n for n, words in enumerate(TELLING_LITTLE) if words in self.text)
        return next(said, len(TELLING_LITTLE))


def attempts(message: str) -> list[Attempt]:
    """Take libpq's message about a failed connection apart."""
    found = []
    for match in ATTEMPT.finditer(message):
        socket = SOCKET.fullmatch(match["socket"] or "")
        where = socket or {"folder": match["host"] or "", "port": match["port"] or ""}
        address = match["address"] or ""
        found.append(Attempt(where["folder"], where["port"], match[0].strip(), address))
    return found


def decisive(message: str) -> Attempt | None:
    """Return the attempt that tells most, of equal ones the first."""
    return max(attempts(message), key=lambda attempt: attempt.telling, default=None)


def waited_for(message: str, parameters: Mapping[str, Any]) -> Attempt | None:
    """Return where psycopg 3 tried to connect: of a timeout, it doesn't say."""
    own = effective(parameters)
    host = own.get("host", "")
    if "timeout expired" not in message or not host or "," in host:
        return None
    return Attempt(host, own.get("port", "5432"), message)


def names_in(message: str) -> dict[str, str]:
    """Return the role and the database that a server's English message names."""
    return {
        "database" if kind == "database" else "role": name for kind, name in NAMED.findall(message)
    }


def effective(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return a connection's parameters, the gaps filled from the environment as libpq does."""
    variables = {n: f"PG{n.replace('_', '').upper()}" for n in PARAMETERS} | {
        "dbname": "PGDATABASE"
    }
    filled = {name: os.environ[v] for name, v in variables.items() if os.environ.get(v)}
    return filled | {name: str(value) for name, value in parameters.items() if value is not None}
