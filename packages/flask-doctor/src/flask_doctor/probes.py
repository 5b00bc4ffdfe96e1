"""The stages of an examination: each finds out one thing, or raises Found."""

import codecs
import io
import os
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dotenv import find_dotenv
from dotenv.parser import parse_stream
from flask import Flask
from sqlalchemy import Connection, Engine, text
from sqlalchemy.pool import QueuePool

from . import migrations, models, server, urls
from .catalogue import ENTRIES
from .diagnosis import Diagnosis, command_facts, masked
from .recognise import connection_facts, diagnose, engine_facts
from .server import Found

STATEMENT_TIMEOUT = 2000  # milliseconds


@dataclass
class Examination:
    """What the stages have found out so far, for those that follow."""

    load_app: Callable[[], Flask]
    stack: ExitStack
    app: Flask = field(init=False)
    engine: Engine | None = None
    targets: list[server.Target] = field(default_factory=list)
    connection: Connection = field(init=False)

    @property
    def password(self) -> str | None:
        """The password that no output may contain."""
        return self.targets[0].password if self.targets else None


@dataclass(frozen=True)
class Step:
    """How a stage went: what it found out, or why it failed (unknown errors have no diagnosis)."""

    stage: str
    ok: bool
    detail: str
    diagnosis: Diagnosis | None = None


def examine(load_app: Callable[[], Flask]) -> Iterator[Step]:
    """Go through the stages and yield each; end with the first that fails."""
    with ExitStack() as stack:
        state = Examination(load_app, stack)
        for name, stage in STAGES.items():
            try:
                detail = stage(state)
            except Exception as error:
                yield _failed(name, error, state)
                return
            yield Step(name, True, masked(detail, state.password))


def _failed(name: str, error: Exception, state: Examination) -> Step:
    facts = command_facts() | engine_facts(state.engine)
    if connection := getattr(state, "connection", None):
        facts |= connection_facts(connection.connection.dbapi_connection)
    if isinstance(error, Found):
        diagnosis: Diagnosis | None = Diagnosis(ENTRIES[error.entry], facts | error.facts)
    else:
        diagnosis = diagnose(error, state.engine)
    raw = str(getattr(error, "orig", None) or error).strip() or type(error).__name__
    return Step(
        name, False, diagnosis.title if diagnosis else masked(raw, state.password), diagnosis
    )


def settings(state: Examination) -> str:
    """Read `.env`, if there is one."""
    path = find_dotenv(usecwd=True)
    if not path:
        return "no .env: the environment alone counts"
    content, facts = Path(path).read_bytes(), {"file": os.path.relpath(path)}
    if content.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise Found("env-file-unreadable", line="1", detail="It has a byte order mark.", **facts)
    try:
        lines = content.decode()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise Found(
            "env-file-unreadable", line=str(line), detail="It is not UTF-8.", **facts
        ) from error
    for binding in parse_stream(io.StringIO(lines)):
        if binding.error:
            raise Found("env-file-unreadable", line=str(binding.original.line), **facts)
    return facts["file"]


def application(state: Examination) -> str:
    """Import the application."""
    try:
        state.app = state.load_app()
    except (Exception, SystemExit) as error:
        known = diagnose(error)
        if known:
            raise Found(known.entry.id, **known.facts) from error
        inner = error.__cause__ or error.__context__ or error
        detail = masked(f"{type(inner).__name__}: {inner}")
        raise Found("app-not-importable", detail=detail, place=_place(inner)) from error
    state.stack.enter_context(state.app.app_context())
    return state.app.import_name


def _place(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f"{os.path.relpath(error.filename or '')}, line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    # The error is the user's to mend where the user's own code called a package.
    last = ([frame for frame in frames if "site-packages" not in frame.filename] or frames)[-1]
    return f"{os.path.relpath(last.filename)}, line {last.lineno}"


def url(state: Examination) -> str:
    """Find the engine, and what is wrong with its URL."""
    if "sqlalchemy" not in state.app.extensions:
        raise Found("app-not-registered")
    engine = state.engine = state.app.extensions["sqlalchemy"].engine
    raw = state.app.config.get("SQLALCHEMY_DATABASE_URI")
    for text_of_url in (raw, os.environ.get("DATABASE_URL")):
        fault = urls.flaw(text_of_url) if isinstance(text_of_url, str) else None
        if fault and not (fault == "url-scheme" and text_of_url != raw):
            raise Found(fault)
    state.targets = server.targets(engine)
    return str(engine.url.render_as_string())


def driver(state: Examination) -> str:
    """Name the driver; that it can be imported, the engine has shown."""
    dbapi: Any = state.app.extensions["sqlalchemy"].engine.dialect.dbapi
    return f"{dbapi.__name__} {dbapi.__version__.split()[0]}"


def _each_target(
    step: Callable[[server.Target], object], own: str = "by the application's own connector"
) -> Callable[[Examination], str]:
    """Make a stage of a step of the connection: good when one of the servers passes it."""

    def stage(state: Examination) -> str:
        if not state.targets:
            return own
        found: Found | None = None
        for target in state.targets:
            try:
                return str(step(target))
            except Found as error:
                found = found or error
        raise found or AssertionError

    return stage


def _speaks(target: server.Target) -> str:
    with suppress(NotImplementedError):
        try:
            server.find_refusal(target)
        except Found as error:
            if error.entry in ("not-postgresql", "ssl-unsupported", "server-starting"):
                raise
    return "PostgreSQL"


def _logs_in(target: server.Target) -> str:
    with suppress(NotImplementedError):
        try:
            server.find_refusal(target)
        except Found as error:
            if error.entry != "database-missing":
                raise
    return f"role {target.role}"


def database(state: Examination) -> str:
    """Connect as the application does, with each of its engines."""
    engines = state.app.extensions["sqlalchemy"].engines
    for engine in (*engines.values(), engines[None]):
        state.engine = engine
        engine.connect().close()
    state.connection = state.stack.enter_context(
        state.app.extensions["sqlalchemy"].engine.connect()
    )
    version, name, read_only = state.connection.execute(
        text(
            f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT};"
            "SELECT current_setting('server_version'), current_database(), "
            "current_setting('transaction_read_only')"
        )
    ).one()
    if read_only == "on":
        raise Found("read-only-server")
    return f"{name}, PostgreSQL {version.split()[0]}"


def privileges(state: Examination) -> str:
    """See whether the role may create tables; it need not when there is nothing to migrate."""
    may_create, schema = state.connection.execute(
        text("SELECT has_schema_privilege(current_schema(), 'CREATE'), current_schema()")
    ).one()
    if may_create:
        return f"may create tables in schema {schema}"
    if migrations.up_to_date(state.app, state.connection):
        return f"may not create tables in schema {schema}, and need not now"
    raise Found("schema-privilege")


def known_models(state: Examination) -> str:
    """List the models, and the ones that the migrations don't see."""
    seen = ", ".join(models.known_models(state.app)) or "none"
    missing = models.missing_models(state.app)
    if missing:
        raise Found("nothing-to-migrate", seen=f"Models known: {seen}.", missing="; ".join(missing))
    return seen


def migrated(state: Examination) -> str:
    """Compare the database's revision with the migrations."""
    return migrations.find_revision(state.app, state.connection)


def drift(state: Examination) -> str:
    """Compare the models with the database."""
    return migrations.find_drift(state.app, state.connection)


def budget(state: Examination) -> str:
    """Compare the pools of all processes with what the server allows."""
    limit = int(state.connection.execute(text("SHOW max_connections")).scalar_one())
    used = state.connection.execute(
        text("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
    ).scalar_one()
    pools = [engine.pool for engine in state.app.extensions["sqlalchemy"].engines.values()]
    own = sum(p.size() + p._max_overflow for p in pools if isinstance(p, QueuePool))
    processes = int(os.environ.get("WEB_CONCURRENCY") or 1)
    if own * processes > limit:
        raise Found("too-many-connections")
    return f"{used} of {limit} connections in use; at most {own} for each process of ours"


STAGES: dict[str, Callable[[Examination], str]] = {
    "settings": settings,
    "application": application,
    "URL": url,
    "driver": driver,
    "name": _each_target(server.find_name),
    "port": _each_target(server.find_port),
    "server": _each_target(_speaks),
    "log-in": _each_target(_logs_in),
    "database": database,
    "privileges": privileges,
    "models": known_models,
    "migrations": migrated,
    "drift": drift,
    "connections": budget,
}
