"""The first stages of the examination: the settings, the application, its URL and its driver."""

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from flask import Flask
from flask.cli import NoAppException
from flask.helpers import get_load_dotenv
from sqlalchemy import Connection, Engine, create_engine, make_url
from sqlalchemy.pool import NullPool

from . import migrations, urls
from .case import parameters_of
from .diagnosis import masked
from .folder import settings_file, settings_in
from .migrations import Finding
from .own_code import own_line
from .recognise import diagnose
from .rules import env_file
from .rules.looking import REACHING
from .state import State, state_of


@dataclass
class Examination:
    """What the stages have found out so far, for those that follow."""

    load_app: Callable[[], Flask]
    stack: ExitStack
    state: State | None = None
    name: str = "default"  # of the engine
    engine: Engine | None = None
    flaw: Finding | None = None  # of the settings; it counts only if something fails for it
    hidden: dict[str, str] = field(default_factory=dict)  # URLs that the environment hides
    standing: Connection | None = None  # to the main engine's database

    @property
    def doctor(self) -> State:
        """The application's state, once the application is loaded."""
        assert self.state is not None  # noqa: S101
        return self.state

    @property
    def connection(self) -> Connection:
        """The connection, once it stands."""
        assert self.standing is not None  # noqa: S101
        return self.standing

    @property
    def password(self) -> str | None:
        """The password that no output may contain."""
        known = parameters_of(self.engine, self.state).get("password")
        known = known or (self.engine.url.password if self.engine is not None else None)
        return str(known) if known else None


def settings(case: Examination) -> str:
    """Read `.env`, if there is one; what is wrong with it counts if the application fails."""
    file = settings_file()
    if file is None:
        return "no .env file; only the environment is used"
    name = os.path.relpath(file)
    if find_spec("dotenv") is None:
        case.flaw = Finding("dotenv-missing", file=name)
        return f"{name}, but python-dotenv is not installed, so it is not read"
    if flaw := env_file.flaw(file):
        case.flaw = Finding(flaw[0], **flaw[1])
        if flaw[0] == "env-file-encoding" and get_load_dotenv(True):
            raise case.flaw  # Flask itself stumbles over it
        return f"{name}, but line {case.flaw.facts['line']} can't be read"
    given = settings_in(file)
    case.hidden = {n: v for n, v in given.items() if v and "://" in v and os.environ.get(n, v) != v}
    said = "".join(f"; the terminal sets {n} too, and takes precedence" for n in case.hidden)
    return name + said


def application(case: Examination) -> str:
    """Import the application."""
    try:
        app = case.load_app()
    except (Exception, SystemExit) as error:
        known = diagnose(error, probe=True)
        if known and known.entry.id.startswith("url-") and (hidden := _hidden(case)):
            raise hidden from error
        if known:
            raise Finding(known.entry.id, **known.facts | {"where": known.where}) from error
        wrapped = error.__context__ if isinstance(error, NoAppException) else None
        inner = error.__cause__ or wrapped or error
        detail = masked(f"{type(inner).__name__}: {inner}")
        place = own_line(inner) or "the line that the traceback ends with"
        raise Finding("app-not-importable", detail=detail, place=place) from error
    case.state = state_of(app)
    case.stack.enter_context(app.app_context())
    return app.import_name


def url(case: Examination) -> str:
    """Find the engine."""
    case.engine = case.doctor.engine
    if case.engine is None:
        with_extension = "sqlalchemy" in case.doctor.app.extensions
        known = "flask_sqlalchemy" in sys.modules or "flask_sqlalchemy_lite" in sys.modules
        raise Finding("app-not-registered" if with_extension or known else "engine-not-given")
    if case.engine.dialect.name != "postgresql":
        raise Finding("other-database", detail=case.engine.dialect.name)
    text = case.doctor.app.config.get("SQLALCHEMY_DATABASE_URI")
    if isinstance(text, str) and urls.is_cut(text, str(case.engine.url.password or "")):
        return urls.shown(text)  # what SQLAlchemy takes for the host is a part of the password
    return str(case.engine.url.render_as_string())


def driver(case: Examination) -> str:
    """Name the driver; that it can be imported, the engine has shown."""
    dbapi: Any = case.doctor.engine.dialect.dbapi  # type: ignore[union-attr]
    return f"{dbapi.__name__} {dbapi.__version__.split()[0]}"


def hidden_url(case: Examination, stage: str) -> Finding | None:
    """Return that another URL is used than that of `.env`, if that one works where this fails."""
    engine = case.engine
    for name in case.hidden:
        if engine is None or not urls.same(os.environ[name], urls.whole(engine.url)):
            continue
        meant = make_url(case.hidden[name]).set(drivername=engine.url.drivername)
        trial = create_engine(meant, poolclass=NullPool, connect_args={"connect_timeout": REACHING})
        try:
            with trial.connect() as connection:
                if stage == "connection" or not migrations.is_behind(case.doctor, connection):
                    return _hidden(case)
        except Exception:  # noqa: S112 - it doesn't work either, so that it isn't the cause
            continue
    return None


def _hidden(case: Examination) -> Finding | None:
    """Return the finding of the first hidden URL, if that is none that can't be read either."""
    for name, value in case.hidden.items():
        if urls.flaw(value) is None:
            return Finding(
                "url-hidden",
                variable=name,
                file=os.path.relpath(settings_file() or ".env"),
                used=urls.shown(os.environ[name]),
                meant=urls.shown(value),
            )
    return None
