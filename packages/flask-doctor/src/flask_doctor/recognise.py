"""From an exception to the entry of the catalogue that explains it."""

import os
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from flask import current_app
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from . import server
from .catalogue import ENTRIES, Entry
from .diagnosis import Diagnosis, command_facts, server_facts
from .urls import flaw

REUSE = 5.0  # seconds for which a server's examination is good for all who fail on it
# What wraps the error that matters, and says no more than that it happened.
WRAPPERS = ("SystemExit", "NoAppException", "ClickException", "UsageError")

_examined: dict[server.Target, tuple[float, server.Found | None]] = {}
_examining = threading.Lock()


def diagnose(
    error: BaseException, engine: Engine | None = None, connection: Any = None
) -> Diagnosis | None:
    """Return what the catalogue says of an error, of the one that it wraps, or None.

    `engine` is the one that failed, `connection` its driver's connection if it stands: for the
    facts of the server.
    """
    for inner in _chain(error):
        known: Diagnosis | None = getattr(inner, "diagnosis", None)
        if known:
            return known
        found = _found(inner, engine)
        if found:
            facts = command_facts() | engine_facts(engine) | connection_facts(connection)
            return Diagnosis(ENTRIES[found.entry], facts | found.facts)
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        wrapper = type(error).__name__ in WRAPPERS
        error = error.__cause__ or (error.__context__ if wrapper else None)


def engine_facts(engine: Engine | None) -> dict[str, str]:
    """Return what the catalogue's texts are filled with, as far as an engine's URL tells."""
    if engine is None:
        return {}
    targets = server.targets(engine)
    if targets:
        return targets[0].facts
    return {"database": engine.url.database or "", "role": engine.url.username or ""}


def connection_facts(connection: Any) -> dict[str, str]:
    """Return the same of a driver's connection, which knows where an own connector has led."""
    if connection is None or connection.closed:
        return {}
    info = connection.info
    return server_facts(info.host, info.port, info.user, info.dbname)


def _found(error: BaseException, engine: Engine | None) -> server.Found | None:
    entry: Entry | None
    if not isinstance(error, DBAPIError):
        if sqlstate := sqlstate_of(error):
            entry = _by_sqlstate(sqlstate, "")
            return server.Found(entry.id) if entry else None
        entry = _by_text(error)
        if entry and "OperationalError" in entry.exceptions:
            return _examine(engine) or server.Found(entry.id)
        return _refined(entry, error)
    if sqlstate := sqlstate_of(error.orig):
        entry = _by_sqlstate(sqlstate, error.statement or "")
        return server.Found(entry.id) if entry else None
    if error.statement is None:  # a connection, or the end of a transaction
        found = _examine(engine)
        if found:
            return found
    if error.connection_invalidated and error.statement is not None:
        return server.Found("connection-lost")
    entry = _by_text(error.orig) if error.orig else None
    return server.Found(entry.id) if entry else None


def sqlstate_of(error: BaseException | None) -> str | None:
    """Return the SQLSTATE of a driver's error: psycopg2 and psycopg each have a name for it."""
    return getattr(error, "pgcode", None) or getattr(error, "sqlstate", None)


def _refined(entry: Entry | None, error: BaseException) -> server.Found | None:
    """Add what the error itself doesn't say: which flaw a database URL has, which module."""
    if isinstance(error, ModuleNotFoundError) and _is_driver(error.name or ""):
        return server.Found("driver-missing", detail=f"Missing: {error.name}.")
    if entry in (ENTRIES["url-scheme"], ENTRIES["url-unescaped"]):
        # What int() says of a port cut out of a password, it says of much else: ask the URL.
        fault = flaw(_url())
        if fault or entry is ENTRIES["url-unescaped"]:
            return server.Found(fault) if fault else None
    return server.Found(entry.id) if entry else None


def _url() -> str:
    configured = current_app.config.get("SQLALCHEMY_DATABASE_URI") if current_app else None
    return configured if isinstance(configured, str) else os.environ.get("DATABASE_URL", "")


def _is_driver(module: str) -> bool:
    return module.partition(".")[0] in ("psycopg2", "psycopg", "pg8000", "asyncpg", "psycopg2cffi")


def _by_sqlstate(sqlstate: str, statement: str) -> Entry | None:
    for entry in ENTRIES.values():
        if sqlstate in entry.sqlstates and re.match(entry.statement, statement.strip(), re.I):
            return entry
    return None


def _by_text(error: BaseException) -> Entry | None:
    names = {kind.__name__ for kind in type(error).__mro__}
    text = str(error)
    for entry in ENTRIES.values():
        if names & set(entry.exceptions) and any(pattern(m).search(text) for m in entry.messages):
            return entry
    return None


def pattern(message: str) -> re.Pattern[str]:
    """Turn a message of the catalogue into a pattern: `…` stands for anything."""
    words = re.escape(message).replace("…", ".*?").replace(r"\ ", r"\s+")  # some break lines
    return re.compile(words, re.S)


def _examine(engine: Engine | None) -> server.Found | None:
    """Examine the engine's servers, once in a while: meanwhile all get the same answer."""
    for target in server.targets(engine) if engine is not None else []:
        found = _examine_once(target)
        if found:
            return found
    return None


def _examine_once(target: server.Target) -> server.Found | None:
    at, found = _examined.get(target, (float("-inf"), None))
    # Who comes while another one examines takes the last answer rather than wait.
    if time.monotonic() - at < REUSE or not _examining.acquire(blocking=False):
        return found
    try:
        found = None
        server.examine(replace(target, timeout=server.SHORT_TIMEOUT))
    except server.Found as finding:
        found = finding.with_traceback(None)
    except (OSError, NotImplementedError, ValueError):
        pass
    finally:
        _examined[target] = (time.monotonic(), found)
        _examining.release()
    return found
