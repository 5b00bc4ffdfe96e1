"""Why a connection fails: first by what libpq says, then by a look around."""

import re
from typing import Any

from sqlalchemy.exc import DBAPIError

from .. import libpq, machine, urls
from ..case import NOTHING, Case, Found
from ..diagnosis import masked, quoted, server_facts
from ..errors import is_connecting, sqlstate_of
from ..matching import by_text, words_of
from . import databases
from .looking import look

# What another server of this machine would perhaps accept.
PERHAPS_ELSEWHERE = ("password-rejected", "role-missing", "database-missing", "no-hba-entry")
# What the server checks only after the role has logged in.
AFTER_LOGIN = (
    *("database-missing", "database-name-differs", "database-name-with-space", "database-closed"),
    *("database-left-to-administrator", "no-connect-privilege", "too-many-connections-to-database"),
)


def lost(error: BaseException, case: Case) -> Found | None:
    """Explain a connection that broke off under a statement; psycopg2 tells no SQLSTATE then."""
    if sqlstate_of(error) or not isinstance(error, DBAPIError):
        return None
    if not (error.connection_invalidated and error.statement):
        return None
    said = [(words_of(e, str(error.orig)), e.id) for e in case.entries.values() if e.sqlstates]
    (words, facts), entry = max(said, key=lambda item: item[0][0])
    return (entry, facts) if words else ("connection-lost", databases.ended(case))


def refused(error: BaseException, case: Case) -> Found | None:
    """Explain a connection that failed."""
    if sqlstate_of(error) or not is_connecting(error):
        return None
    original = error.orig if isinstance(error, DBAPIError) else error
    message = str(original)
    parameters = case.parameters
    attempt = libpq.decisive(message) or libpq.waited_for(message, parameters)
    text = attempt.text if attempt else message
    entry, captured = by_text(original, case, text) or ("", {})
    facts = captured | libpq.names_in(text) | _place(attempt, text, parameters)
    # No host's name has an @ in it: it is a part of the password, which is not shown.
    if "@" in f"{parameters.get('host', '')}{facts.get('host', '')}":
        return "url-unescaped", {}
    if attempt is None:
        return (entry, facts | (_unknown_host(facts) if case.probe else {})) if entry else NOTHING
    if case.probe and parameters and (not entry or entry == "no-hba-entry"):
        entry = _asked(entry, attempt, parameters)
    entry = entry or "refused-otherwise"
    if entry in ("role-missing", "database-missing") and _is_replaced(text, parameters):
        entry, facts["database"] = "pooler-target-missing", str(parameters["dbname"])
    if entry == "ssl-unsupported":
        whose = "sslmode" if "sslmode" in parameters else "PGSSLMODE"
        facts |= {"whose": whose, "mode": libpq.effective(parameters).get("sslmode", "require")}
    facts |= _named(entry, attempt.reason, facts)
    facts["says"] = masked(attempt.reason, str(parameters.get("password") or "") or None)
    if entry == "database-missing":
        entry, more = databases.missing(case, facts["database"])
        facts |= more
    if case.probe:
        entry, more = _around(entry, attempt, facts, case)
        facts |= more
    return entry, facts | {"reached": _reached(entry, attempt, facts)}


def _is_replaced(text: str, parameters: dict[str, Any]) -> bool:
    """Tell whether a refusal names another role or database than was asked for."""
    own = libpq.effective(parameters)
    asked = {"role": own.get("user"), "database": own.get("dbname")}
    named = libpq.names_in(text)
    return all(asked.values()) and any(asked[kind] != name for kind, name in named.items())


def _named(entry: str, reason: str, facts: dict[str, str]) -> dict[str, str]:
    """Return what a refusal, in whatever language, names in quotes, and what to do with it."""
    role, database = (quoted(facts.get(name, "")) for name in ("role", "database"))
    if entry == "database-closed" and facts.get("database") != "template0":
        return {"sql": f"ALTER DATABASE {database} ALLOW_CONNECTIONS true"}
    if entry == "peer-rejected":
        return machine.system_user()
    said = re.search(r"[\"»«“]\s*([^\s\"»«”]+)", reason)
    if not said:
        return {}
    if entry.startswith("parameter-"):
        return {"parameter": said[1]}
    if entry == "no-hba-entry" and said[1] == "[local]":
        return {"address": "this machine", "line": f"local {database} {role} scram-sha-256"}
    if entry == "no-hba-entry":
        network = f"{said[1]}/{128 if ':' in said[1] else 32}"
        line = f"host {database} {role} {network} scram-sha-256"
        return {"address": said[1], "line": line}
    return {}


def _asked(entry: str, attempt: libpq.Attempt, parameters: dict[str, Any]) -> str:
    """Ask the server why: it may speak another language, or want encryption."""
    from .. import refusal  # pg8000 takes 25 ms of a start, and few starts need it

    if entry:
        return "ssl-required" if refusal.needs_encryption(parameters, attempt) else entry
    return refusal.examine(parameters, attempt) or "" if "FATAL" in attempt.text else ""


def _place(attempt: libpq.Attempt | None, text: str, parameters: dict[str, Any]) -> dict[str, str]:
    """Return the server's facts as libpq tells them: of several hosts, those of the one."""
    if attempt is None:
        named = re.search(r"host (?:name )?[\"']([^\"']+)[\"']", text)
        return {"host": named[1]} if named else {}
    own = libpq.effective(parameters)
    # libpq takes the system's user by default, but what another connection asked for is unknown.
    role = own.get("user") or (machine.system_user().get("system_user", "") if parameters else "")
    names = {"role": role}
    names |= {"database": own.get("dbname", "")} | libpq.names_in(text)
    return server_facts(attempt.host, attempt.port, names["role"], names["database"])


def _around(entry: str, attempt: libpq.Attempt, facts: dict[str, str], case: Case) -> Found:
    """Look at what else there is: databases of other names, other servers of this machine."""
    if entry == "host-silent" and machine.takes_connections(attempt.host, attempt.port):
        return "no-answer", {}
    if entry == "connection-refused" and machine.is_local(attempt.host):
        return _elsewhere(attempt, case) or (entry, _not_running(attempt))
    if entry == "too-many-connections-to-database":
        more = databases.limit(case, facts["database"])
    else:
        more = {}
    others = sorted(machine.servers().keys() - {attempt.port})
    if entry in PERHAPS_ELSEWHERE and others and machine.is_local(attempt.host):
        more["elsewhere"] = (
            f"Another PostgreSQL server of this machine listens at port {others[0]}: "
            "perhaps you mean that one."
        )
    return entry, more


def _elsewhere(attempt: libpq.Attempt, case: Case) -> Found | None:
    """Explain that the server listens at this port, at another address or by another socket."""
    usual = (folder for folder in machine.FOLDERS if folder != attempt.host)
    folder = next((f for f in usual if machine.takes_connections(f, attempt.port)), None)
    own = case.engine.url if case.engine else None
    if own is None or own.port not in (None, int(attempt.port)):
        return None
    if attempt.host.startswith("/") and folder:
        place = f"the socket in {folder}"
        changed = own.update_query_dict({"host": folder, "port": attempt.port})
    elif attempt.host != "localhost" and machine.takes_connections("localhost", attempt.port):
        place = f"localhost, port {attempt.port}"
        changed = own.difference_update_query(["host", "port"])
        changed = changed.set(host="localhost", port=int(attempt.port))
    else:
        return None
    return "server-elsewhere", {"place": place} | urls.edit(urls.whole(own), urls.whole(changed))


def _not_running(attempt: libpq.Attempt) -> dict[str, str]:
    """Say what runs on this machine instead of the server that doesn't."""
    start = machine.start_command(attempt.port)
    facts = {"start": start} if start else {}
    for port, folder in sorted(machine.servers().items())[:1]:
        local = machine.takes_connections("localhost", port)
        place = f"`@localhost:{port}/`" if local else f"`@/DATABASE?host={folder}&port={port}`"
        detail = f"On this machine, PostgreSQL listens at port {port}, with its socket in {folder}."
        return facts | {"detail": detail, "remedy": f"For the one that runs, write {place}."}
    if attempt.host.startswith("/"):
        place = f"`@localhost:{attempt.port}/`"
        remedy = f"A server in a container, or on another machine, needs a host there: {place}."
        return facts | {"remedy": remedy}
    if not machine.in_container():
        return facts
    return facts | {
        "detail": f"This program runs in a container, where {attempt.host} is the container.",
        "remedy": "A server in another container has the name of its Compose service as its "
        "host; one on the machine itself, `host.docker.internal`.",
    }


def _unknown_host(facts: dict[str, str]) -> dict[str, str]:
    """Say of a host that isn't found what it is called outside of Docker Compose."""
    host = facts.get("host", "")
    if not host or "." in host:
        return {}
    services = machine.compose_services()
    if host in services:
        detail = f"{host} is a service of your Compose file: only its containers know that name."
    else:
        detail = f"{host} looks like a Docker Compose service: only its containers know that name."
    place = f"`@localhost:{services.get(host) or 5432}/`"
    remedy = f"Outside the containers, write {place}"
    if not services.get(host):
        remedy += ", with the port that the service publishes (`ports: ['5432:5432']`)"
    return {"detail": detail, "remedy": f"{remedy}."}


def _reached(entry: str, attempt: libpq.Attempt, facts: dict[str, str]) -> str:
    """Say what an attempt rules out, in a sentence."""
    if not attempt.reached:
        named = attempt.address and attempt.address != attempt.host
        return f"{attempt.host} is found, at {attempt.address}." if named else ""
    said = f"{attempt.host}:{attempt.port} is reached"
    if "FATAL" in attempt.text or "password" in attempt.text:
        said += ", and a PostgreSQL server or a pooler answers there"
    if entry in AFTER_LOGIN:
        said += f"; it lets role {facts.get('role', '')} in"
    return f"{said}."


def read_only(error: BaseException, case: Case) -> Found | None:
    """Tell apart why a statement may not write."""
    if sqlstate_of(error) != "25006":
        return None
    row = look(case, databases.READ_ONLY)
    return databases.read_only(*row) if row else None
