"""The examination: one stage after another, each finding out one thing."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from . import drift, migrations, models
from .beginning import Examination, application, driver, hidden_url, settings, url
from .case import connection_facts, facts_of, reached
from .diagnosis import Diagnosis, masked
from .lost import fitting
from .migrations import Finding
from .own_code import own_line
from .recognise import diagnose, possible
from .rights import find_rights, unreadable_revision
from .rules import databases
from .state import known_entries, patience, state_of
from .trying import attempt

log = logging.getLogger(__name__)

CONNECT_TIMEOUT = 10  # seconds, where the application sets none and would wait for ever
STATEMENT_TIMEOUT = 2000  # milliseconds
NATURE = """
    SELECT current_setting('server_version'), current_database(),
           current_setting('transaction_read_only'), current_setting('server_encoding')
"""
BUDGET = """
    SELECT current_setting('max_connections')::int, rolconnlimit, datconnlimit,
           (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')
    FROM pg_roles, pg_database
    WHERE rolname = current_user AND datname = current_database()
"""
# What leads to a try of the migrations, which shows why they weren't run.
TRIED = ("database-behind", "table-exists")
ROLLED_BACK = "(The migrations that are left were tried and rolled back: nothing is changed.)"


@dataclass(frozen=True)
class Step:
    """How a stage went: what it found out, or why it failed (unknown errors have no diagnosis)."""

    stage: str
    ok: bool
    detail: str
    diagnosis: Diagnosis | None = None
    where: str = ""  # the line of the user's own code that an unknown error comes from


def examine(load_app: Callable[[], Flask]) -> Iterator[Step]:
    """Go through the stages and yield each; end with the first that fails."""
    with ExitStack() as stack:
        case = Examination(load_app, stack)
        for name, stage in STAGES.items():
            try:
                detail = stage(case)
            except Exception as error:
                explained = case.flaw if case.flaw and name in BEFORE_QUERIES else error
                if explained is error and name in HIDEABLE:
                    explained = hidden_url(case, name) or error
                yield _failed(name, explained, case)
                return
            yield Step(name, True, masked(detail, case.password))


def look(app: Flask, *, models: bool = False) -> Diagnosis | None:
    """Return what keeps an application's database from being used, None when nothing does.

    That is whether it can be reached, how far it is migrated, and with `models` whether these agree
    with it, which takes longer.
    """
    with ExitStack() as stack:
        case = Examination(lambda: app, stack, state_of(app))
        stack.enter_context(app.app_context())
        for stage in (url, connection, migrated, *([drifted] if models else [])):
            try:
                stage(case)
            except Exception as error:
                return _failed(stage.__name__, error, case).diagnosis
    return None


def _failed(name: str, error: Exception, case: Examination) -> Step:
    diagnosis: Diagnosis | None
    if isinstance(error, Finding):
        connection = case.standing.connection.dbapi_connection if case.standing else None
        facts = facts_of(case.state, case.engine) | connection_facts(connection) | error.facts
        entries = case.state.entries if case.state else known_entries()
        ruled_out = reached(connection)
        _give_back(case)
        entry = possible(entries[error.entry], case.state, case.engine)
        diagnosis = Diagnosis(entry, facts, facts.get("where", ""), ruled_out)
    else:
        try:
            _give_back(case)
            diagnosis = diagnose(error, case.engine, state=case.state, probe=True)
        except Exception:
            log.debug("the doctor failed", exc_info=True)
            diagnosis = None
    said = str(getattr(error, "orig", None) or error).strip() or type(error).__name__
    detail = diagnosis.title if diagnosis else masked(said, case.password)
    engine = f"engine {case.name}: " if case.name != "default" else ""
    where = "" if diagnosis else masked(own_line(error), case.password)
    return Step(name, False, engine + detail, diagnosis, where)


def _give_back(case: Examination) -> None:
    if case.standing:
        migrations.give_back(case.standing)


def connection(case: Examination) -> str:
    """Connect as the application does, with each of its engines; the main one stays."""
    (main, engine), *others = case.doctor.engines().items()
    case.stack.callback(patience.reset, patience.set(CONNECT_TIMEOUT))
    case.standing = case.stack.enter_context(engine.connect())
    for case.name, case.engine in others:
        case.engine.connect().close()
    case.name, case.engine = main, engine
    limit = text(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT}")
    try:
        case.connection.execute(limit)
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        case.connection.rollback()  # it had died in the pool, so that a new one is made now
        case.connection.execute(limit)
    version, database, read_only, encoding = case.connection.execute(text(NATURE)).one()
    if read_only == "on":
        row = case.connection.execute(text(databases.READ_ONLY)).one()
        entry, facts = databases.read_only(*row)
        raise Finding(entry, **facts)
    kind = "" if encoding == "UTF8" else f", encoding {encoding}"
    also = f"; also {', '.join(name for name, _ in others)}" if others else ""
    return f"{database}, PostgreSQL {version.split()[0]}{kind}{also}"


def privileges(case: Examination) -> str:
    """See what the role may do with the tables of the models, and whether it may create others."""
    rights = find_rights(case.doctor, case.connection)
    may_create, schema = case.connection.execute(
        text("SELECT has_schema_privilege(current_schema(), 'CREATE'), current_schema()")
    ).one()
    if schema is None:
        return rights or "no schema is searched, and none is needed"
    may = "may" if may_create else "may not"
    return f"{may} create tables in schema {schema}{rights and f'; {rights}'}"


def known_models(case: Examination) -> str:
    """Connect the models with each other, and list them, and those that the migrations miss."""
    told = models.connect_models(case.doctor)
    seen = ", ".join(models.known_models(case.doctor)) or "none"
    missing = models.missing_models(case.doctor) if migrations.tool_of(case.doctor) else []
    if missing:
        raise Finding(
            "nothing-to-migrate", seen=f"Models known: {seen}.", missing="; ".join(missing)
        )
    return "; ".join([seen, *told])


def migrated(case: Examination) -> str:
    """Compare the database's revision with the migrations."""
    hidden = unreadable_revision(case.doctor, case.connection)
    return hidden or migrations.find_revision(case.doctor, case.connection)


def tried(case: Examination) -> str:
    """Do the same, and find out whether the migrations that are left would run."""
    try:
        return migrated(case)
    except Finding as finding:
        if finding.entry not in TRIED:
            raise
        drift.find_elsewhere(case.doctor, case.connection)
        if finding.entry == "table-exists" and (fits := fitting(case.doctor, case.connection)):
            finding.facts |= fits
            raise
        migrations.give_back(case.connection)
        try:
            said = attempt(case.doctor)
        except Exception as error:
            if known := diagnose(error, case.engine, state=case.state, probe=True):
                entry = replace(known.entry, why=f"{known.entry.why} {ROLLED_BACK}")
                error.diagnosis = replace(known, entry=entry)  # type: ignore[attr-defined]
            raise
        detail = f"{finding.facts.get('detail', '')} {said}"
        raise Finding("database-behind", detail=detail) from None


def drifted(case: Examination) -> str:
    """Compare the models with the database."""
    if unreadable_revision(case.doctor, case.connection):
        return "not compared"
    return drift.find_drift(case.doctor, case.connection)


def budget(case: Examination) -> str:
    """Compare the pools of all processes with what the server allows; that there is room is known.

    A pool that is larger than the server is only mentioned: it may never fill.
    """
    server, role, database, used = case.connection.execute(text(BUDGET)).one()
    limit = min([server, *(n for n in (role, database) if n >= 0)])
    pools = [engine.pool for engine in case.doctor.engines().values()]
    # No public way leads to what a pool may open beyond its size.
    own = sum(p.size() + p._max_overflow for p in pools if isinstance(p, QueuePool))
    processes = int(os.environ.get("WEB_CONCURRENCY") or 1)
    told = f"{used} of {server} connections in use; "
    if own * processes > limit:
        each = "the application" if processes == 1 else f"its {processes} processes"
        return f"{told}{each} may open up to {own * processes}, and {limit} are allowed"
    return f"{told}at most {own} for each process of the application"


STAGES: dict[str, Callable[[Examination], str]] = {
    "settings": settings,
    "application": application,
    "URL": url,
    "driver": driver,
    "connection": connection,
    "privileges": privileges,
    "models": known_models,
    "migrations": tried,
    "drift": drifted,
    "connections": budget,
}
# What a URL that hides another one, by accident, can be the cause of.
HIDEABLE = ("connection", "migrations")
BEFORE_QUERIES = ("application", "URL", "driver", "connection")
