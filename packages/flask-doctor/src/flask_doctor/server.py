"""Where a connection fails, found out step by step: name, port, is it PostgreSQL, log-in."""

import errno
import getpass
import os
import socket
import ssl
import threading
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import URL, Engine

from . import wire
from .diagnosis import server_facts

TIMEOUT = 3.0  # seconds, for each step
SHORT_TIMEOUT = 1.0  # after a driver that has waited already
# A refusal's SQLSTATE tells the entry; 28000 is shared by several of the server's routines.
SHARED = "28000"
REFUSALS = {
    "auth_failed": "peer-rejected",
    "ClientAuthentication": "no-hba-entry",
    "InitializeSessionUserId": "role-missing",
    "28P01": "password-rejected",
    "3D000": "database-missing",
    "53300": "too-many-connections",
    "57P03": "server-starting",
}
# Which of libpq's modes try it unencrypted, encrypted, in which order.
ENCRYPTED = {"disable": [False], "allow": [False, True], "prefer": [True, False]}


class Found(Exception):  # noqa: N818 - a finding, not a fault of the doctor's
    """A known error, by its id, and the facts that are known of it."""

    def __init__(self, entry: str, **facts: str) -> None:
        super().__init__(entry)
        self.entry = entry
        self.facts = facts


@dataclass(frozen=True)
class Target:
    """One server of a database URL, as libpq would take it."""

    host: str
    port: int
    role: str
    database: str
    password: str | None = field(default=None, repr=False)
    sslmode: str = "prefer"
    sslrootcert: str | None = None
    timeout: float = TIMEOUT

    @property
    def facts(self) -> dict[str, str]:
        """What the catalogue's texts are filled with."""
        return server_facts(self.host, self.port, self.role, self.database)

    @property
    def socket_file(self) -> Path | None:
        """Where the server's socket lies, when it isn't TCP."""
        return Path(self.host, f".s.PGSQL.{self.port}") if self.host.startswith("/") else None


def targets(engine: Engine) -> list[Target]:
    """Return the servers that an engine's URL names; none when it isn't connected by its URL."""
    # SQLAlchemy's own connector is a function of create_engine; anything else is somebody's.
    if getattr(engine.pool._creator, "__module__", "") != "sqlalchemy.engine.create":
        return []
    return targets_of(engine.url)


def targets_of(url: URL) -> list[Target]:
    """Return the servers that a URL names, its gaps filled from PGHOST and the like."""
    arguments = url.get_dialect()().create_connect_args(url)[1]
    hosts = str(arguments.get("host") or os.environ.get("PGHOST") or _socket_folder()).split(",")
    ports = str(arguments.get("port") or os.environ.get("PGPORT") or "5432").split(",")
    role = arguments.get("user") or os.environ.get("PGUSER") or getpass.getuser()
    return [
        Target(
            host=host or _socket_folder(),
            port=int(port or 5432),
            role=role,
            database=arguments.get("dbname") or os.environ.get("PGDATABASE") or role,
            password=arguments.get("password") or os.environ.get("PGPASSWORD"),
            sslmode=arguments.get("sslmode") or os.environ.get("PGSSLMODE") or "prefer",
            sslrootcert=arguments.get("sslrootcert"),
            timeout=TIMEOUT / len(hosts),
        )
        for host, port in zip(hosts, ports * len(hosts) if len(ports) == 1 else ports, strict=False)
    ]


def _socket_folder() -> str:
    return "/var/run/postgresql" if Path("/var/run/postgresql").is_dir() else "/tmp"  # noqa: S108


def examine(target: Target) -> None:
    """Go through all steps; raise Found at the first that fails."""
    find_name(target)
    find_port(target)
    find_refusal(target)


def find_name(target: Target) -> str:
    """Return the addresses of the host; raise Found for a name that is unknown."""
    if target.socket_file:
        return str(target.socket_file)
    if "@" in target.host:  # part of it is the password's: neither is shown
        raise Found("url-unescaped")
    answers: list[str] = []

    def resolve() -> None:
        try:
            found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return
        answers.extend(dict.fromkeys(str(address[4][0]) for address in found))

    # The resolver knows no time limit of ours.
    thread = threading.Thread(target=resolve, daemon=True)
    thread.start()
    thread.join(target.timeout)
    if not answers:
        raise Found("host-unknown", **target.facts)
    return ", ".join(answers)


def find_port(target: Target) -> str:
    """Return the port; raise Found when nothing listens there, or nothing answers."""
    _connect(target).close()
    return str(target.port)


def _connect(target: Target) -> socket.socket:
    try:
        if target.socket_file:
            with ExitStack() as stack:
                stream = stack.enter_context(socket.socket(socket.AF_UNIX))
                stream.settimeout(target.timeout)
                stream.connect(str(target.socket_file))
                stack.pop_all()  # connected: it is the caller's to close
            return stream
        return socket.create_connection((target.host, target.port), target.timeout)
    except TimeoutError as error:
        raise Found("host-silent", **target.facts) from error
    except OSError as error:
        if error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN):
            raise Found("host-silent", **target.facts) from error
        if isinstance(error, ConnectionRefusedError | FileNotFoundError):
            raise Found("connection-refused", **target.facts) from error
        raise


def find_refusal(target: Target) -> None:
    """Log in as libpq would; raise Found when that isn't PostgreSQL, or it refuses.

    Raises NotImplementedError where the server wants another proof than a password, OSError where
    the connection breaks.
    """
    try:
        refusals = _refusals(target)
    except wire.NotPostgreSQLError as error:
        raise Found("not-postgresql", **target.facts) from error
    except wire.NoPasswordError as error:
        raise Found("no-password", **target.facts) from error
    except wire.NoEncryptionError as error:
        raise Found("ssl-unsupported", **target.facts) from error
    if not refusals:
        return
    last = list(refusals.values())[-1]
    entry = REFUSALS.get(last.routine if last.sqlstate == SHARED else last.sqlstate)
    if entry == "no-hba-entry" and set(refusals) == {False} and _would_do_encrypted(target):
        entry = "ssl-required"
    if entry:
        raise Found(entry, **target.facts)


def _refusals(target: Target) -> dict[bool, wire.Refusal]:
    """Try as libpq does, encrypted or not; return the refusals, none when we are let in."""
    refusals: dict[bool, wire.Refusal] = {}
    attempts = [False] if target.socket_file else ENCRYPTED.get(target.sslmode, [True])
    for encrypted in attempts:
        try:
            refusal = _log_in(target, encrypted)
        except wire.NoEncryptionError:
            if attempts == [True]:
                raise
            continue
        if refusal is None:
            return {}
        refusals[encrypted] = refusal
        if refusal.routine != "ClientAuthentication":
            break  # libpq tries the other way only where pg_hba.conf says no
    return refusals


def _would_do_encrypted(target: Target) -> bool:
    try:
        refusal = _log_in(target, encrypted=True)
    except wire.NoPasswordError:
        return True
    except (wire.NoEncryptionError, wire.NotPostgreSQLError, NotImplementedError, OSError):
        return False
    return refusal is None or refusal.routine != "ClientAuthentication"


def _log_in(target: Target, encrypted: bool) -> wire.Refusal | None:
    stream = _connect(target)
    with closing(stream):
        if encrypted:
            stream = wire.encrypt(stream, _context(target), target.host)
            with closing(stream):
                return wire.log_in(stream, target.role, target.database, target.password)
        return wire.log_in(stream, target.role, target.database, target.password)


def _context(target: Target) -> ssl.SSLContext:
    own = target.sslrootcert if target.sslrootcert != "system" else None
    context = ssl.create_default_context(cafile=own)
    context.check_hostname = target.sslmode == "verify-full"
    if not target.sslmode.startswith("verify-"):
        context.verify_mode = ssl.CERT_NONE
    return context
