"""From an exception to the entry of the catalogue that explains it."""

import os
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from flask import current_app
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from . import libpq
from .catalogue import Entry
from .diagnosis import Diagnosis, command_facts, server_facts
from .errors import is_connecting, sqlstate_of
from .migrations import tool_of
from .state import State, current_state, known_entries
from .urls import flaw

# What wraps the error that matters, and says no more than that it happened.
WRAPPERS = ("SystemExit", "NoAppException", "ClickException", "UsageError")
REACHING = 2.0  # seconds for a look whether a port takes connections

NO_MIGRATIONS = (
    "This application has no migrations. Create what is missing with `metadata.create_all()` "
    "(`db.create_all()` in Flask-SQLAlchemy), or set up Flask-Migrate."
)
PACKAGES = {"psycopg2": "psycopg2-binary", "psycopg": "psycopg[binary]"}  # what pip installs

Found = tuple[str, dict[str, str]]
"""The id of an entry, and the facts of the case."""


def diagnose(
    error: BaseException,
    engine: Engine | None = None,
    connection: Any = None,
    *,
    state: State | None = None,
    probe: bool = False,
) -> Diagnosis | None:
    """Return what the catalogue says of an error, of the one that it wraps, or None.

    `engine` is the one that failed, `connection` its driver's connection if it stands: for the
    facts of the server. With `probe` a refusal that the text doesn't explain is examined, which
    takes up to some seconds.
    """
    state = state or current_state()
    entries = state.entries if state else known_entries()
    for inner in _chain(error):
        known: Diagnosis | None = getattr(inner, "diagnosis", None)
        if known:
            return known
        found = _find(inner, entries, parameters_of(engine, state), probe)
        if found and found[0] in entries:
            facts = facts_of(state, engine) | connection_facts(connection) | found[1]
            return Diagnosis(_possible(entries[found[0]], state), facts)
    return None


def _possible(entry: Entry, state: State | None) -> Entry:
    """Return the entry, without a fix by migrations in an application that has none."""
    if entry.action != "upgrade" or state is None or tool_of(state):
        return entry
    return replace(entry, action=None, fix=(NO_MIGRATIONS,))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        wrapper = type(error).__name__ in WRAPPERS
        error = error.__cause__ or (error.__context__ if wrapper else None)


def parameters_of(engine: Engine | None, state: State | None) -> dict[str, Any]:
    """Return what an engine connects with; nothing where it has a connector of its own."""
    if engine is None:
        return {}
    if state is not None:
        return state.parameters.get(engine, {})
    return dict(engine.dialect.create_connect_args(engine.url)[1])


def facts_of(state: State | None, engine: Engine | None) -> dict[str, str]:
    """Return what the texts are filled with: the commands of this set-up, the engine's server."""
    tool = tool_of(state) if state else None
    facts = command_facts(tool.commands if tool else {})
    if engine is None and state is not None and current_state() is state:
        engine = state.engine
    if engine is None:
        return facts
    own = libpq.effective(parameters_of(engine, state))
    role, database = engine.url.username, engine.url.database
    return facts | server_facts(
        own.get("host", "").partition(",")[0],
        own.get("port", "").partition(",")[0] or ("5432" if own else ""),
        own.get("user") or role or "",
        own.get("dbname") or database or "",
    )


def connection_facts(connection: Any) -> dict[str, str]:
    """Return the same of a driver's connection, which knows where an own connector has led."""
    if connection is None or connection.closed:
        return {}
    info = connection.info
    return server_facts(info.host, str(info.port), info.user, info.dbname)


def _find(
    error: BaseException,
    entries: Mapping[str, Entry],
    parameters: dict[str, Any],
    probe: bool,
) -> Found | None:
    if sqlstate := sqlstate_of(error):
        statement = (getattr(error, "statement", None) or "").strip()
        for entry in entries.values():
            if sqlstate in entry.sqlstates and re.match(entry.statement, statement, re.I):
                return entry.id, {}
        return None
    if isinstance(error, DBAPIError) and error.connection_invalidated and error.statement:
        return "connection-lost", {}
    if is_connecting(error):
        return _refused(error, entries, parameters, probe)
    found = _by_text(error, entries)
    if isinstance(error, ModuleNotFoundError) and _is_driver(error.name or ""):
        name = str(error.name)
        return "driver-missing", {
            "detail": f"Missing: {name}.",
            "package": PACKAGES.get(name, name),
        }
    if found in ("url-scheme", "url-unescaped"):
        # What int() says of a port cut out of a password, it says of much else: ask the URL.
        fault = flaw(_url())
        if fault or found == "url-unescaped":
            return (fault, {}) if fault else None
    return (found, {}) if found else None


def _refused(
    error: BaseException,
    entries: Mapping[str, Entry],
    parameters: dict[str, Any],
    probe: bool,
) -> Found | None:
    """Explain why a connection failed: first by what libpq says, then by a look at the server."""
    original = error.orig if isinstance(error, DBAPIError) else error
    message = str(original)
    attempt = libpq.decisive(message)
    text = attempt.text if attempt else message
    entry = _by_text(original, entries, text)
    facts = libpq.names_in(text) | _place(attempt, text, parameters)
    if "@" in str(parameters.get("host", "")):  # a part of the password, which is not shown
        return "url-unescaped", {}
    if probe and attempt and parameters:
        from . import refusal  # pg8000 takes 25 ms of a start, and few starts need it

        if entry is None:
            entry = refusal.examine(parameters, attempt)
        elif entry == "no-hba-entry" and refusal.needs_encryption(parameters, attempt):
            entry = "ssl-required"
        elif entry == "host-silent" and _is_open(attempt):
            facts["detail"] = "The port accepts connections, so it is not a firewall: " + (
                "the server hangs or is overloaded, or another program listens there."
            )
    return (entry, facts) if entry else None


def _place(attempt: libpq.Attempt | None, text: str, parameters: dict[str, Any]) -> dict[str, str]:
    """Return the server's facts as libpq tells them: of several hosts, those of the one."""
    if attempt is None:
        named = re.search(r"host (?:name )?[\"']([^\"']+)[\"']", text)
        return {"host": named[1]} if named else {}
    own = libpq.effective(parameters)
    names = {"role": own.get("user", ""), "database": own.get("dbname", "")} | libpq.names_in(text)
    return server_facts(attempt.host, attempt.port, names["role"], names["database"])


def _is_open(attempt: libpq.Attempt) -> bool:
    try:
        socket.create_connection((attempt.host, int(attempt.port)), REACHING).close()
    except (OSError, ValueError):
        return False
    return True


def _by_text(
    error: BaseException | None, entries: Mapping[str, Entry], text: str | None = None
) -> str | None:
    names = {kind.__name__ for kind in type(error).__mro__}
    text = str(error) if text is None else text
    for entry in entries.values():
        if names & set(entry.exceptions) and any(pattern(m).search(text) for m in entry.messages):
            return entry.id
    return None


def pattern(message: str) -> re.Pattern[str]:
    """Turn a message of the catalogue into a pattern: `…` stands for anything."""
    words = re.escape(message).replace("…", ".*?").replace(r"\ ", r"\s+")  # some break lines
    return re.compile(words, re.S)


def _url() -> str:
    configured = current_app.config.get("SQLALCHEMY_DATABASE_URI") if current_app else None
    return configured if isinstance(configured, str) else os.environ.get("DATABASE_URL", "")


def _is_driver(module: str) -> bool:
    return module.partition(".")[0] in ("psycopg2", "psycopg", "pg8000", "asyncpg", "psycopg2cffi")
