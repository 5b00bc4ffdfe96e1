"""The two engines, made from the settings, and queries on them; creates a missing database."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any
from zlib import crc32

import psycopg2
from flask import Flask
from psycopg2 import errors, sql
from psycopg2.extensions import connection as DBAPIConnection  # noqa: N812
from psycopg2.extensions import parse_dsn
from sqlalchemy import URL, Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from . import embedded, limits
from .extensions import db
from .replica import may_lag, reading
from .settings import SettingsError

EMBEDDED_DATABASE = "stationsapp"

Row = dict[str, Any]
"""A row's values by the names of their columns."""


def configure(app: Flask) -> None:
    """Set Flask-SQLAlchemy's two engines: the default one, and `read`.

    `read` is for reads, and connects to the replica if there is one. It uses autocommit, so that a
    query costs one round trip. Raises SettingsError for a URL that can't be used.
    """
    options: dict[str, Any] = {"pool_timeout": limits.POOL, "pool_recycle": limits.RECYCLE}
    if app.config["DATABASE_URL"]:
        url = engine_url("DATABASE_URL", app.config["DATABASE_URL"])
    else:
        url = URL.create("postgresql+psycopg2", embedded.ROLE, database=EMBEDDED_DATABASE)
        options["creator"] = partial(_connect_embedded, app.config["EMBEDDED_POSTGRES"])
    # Hide what users have sent from the log, but show it to a developer.
    options["hide_parameters"] = not app.debug
    read = {"url": url} | options
    if address := app.config["DATABASE_READ_URL"]:
        read["url"] = engine_url("DATABASE_READ_URL", address)
        read.pop("creator", None)

    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = options
    app.config["SQLALCHEMY_BINDS"] = {"read": read | {"isolation_level": "AUTOCOMMIT"}}


def init_app(app: Flask) -> None:
    """Apply the time limits to the engines. Call this after `db.init_app`."""
    with app.app_context():
        for name, engine in db.engines.items():
            limits.bound(engine, ping=name is None)
    app.teardown_appcontext(_end_session)  # runs first, because it is registered last


def _end_session(_: object) -> None:
    """Roll back an open transaction. The response is sent even if the connection is lost."""
    if db.session.registry.has():
        try:
            db.session.rollback()
        except SQLAlchemyError:
            db.session().invalidate()


def engine_url(setting: str, value: str) -> URL:
    """Turn any libpq URL, several hosts included, into one of SQLAlchemy's psycopg2 dialect.

    Raises SettingsError, which names the setting but not its value, because a URL has a password.
    """
    scheme, _, rest = value.partition("://")
    try:
        parameters = parse_dsn(f"postgresql://{rest}")
    except psycopg2.ProgrammingError:
        parameters = {}
    if not (
        scheme.partition("+")[0] in ("postgres", "postgresql")
        and "dbname" in parameters
        and all(port.isdecimal() for port in parameters.get("port", "5432").split(","))
    ):
        raise SettingsError(
            f"{setting} isn't the URL of a PostgreSQL database: expected postgresql://user:password"
            "@host:5432/database; percent-encode special characters in the password (@ is %40)"
        )
    query = limits.LIBPQ | {"application_name": "stationsapp"} | parameters
    return URL.create(
        "postgresql+psycopg2",
        username=query.pop("user", None),
        password=query.pop("password", None),
        database=query.pop("dbname"),
        query=query,
    )


ATTEMPTS = 2
# A pooler may run a statement on another server connection than the one that prepared it.
NOT_PREPARED = (errors.InvalidSqlStatementName, errors.DuplicatePreparedStatement)


def read(
    statement: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    prepare: bool = False,
    surely: bool = False,
) -> list[Row]:
    """Run a query on the read engine and return its rows. Retry once if the connection was lost.

    The SQL and the cursor are psycopg2's, with parameters as `%(name)s`. SQLAlchemy manages the
    connections and errors, but its result rows would cost as much as a small query. Raises
    sqlalchemy.exc.DBAPIError.

    With `prepare`, PostgreSQL plans the query once for each connection. Use it for queries whose
    best plan doesn't depend on the parameters. With `surely`, the primary is asked if the replica
    has no rows.
    """
    rows = _read(statement, parameters or {}, prepare=prepare)
    if surely and not rows and may_lag():
        return _read(statement, parameters or {}, prepare=prepare, fresh=True)
    return rows


def _read(
    statement: str, parameters: Mapping[str, Any], *, prepare: bool, fresh: bool = False
) -> list[Row]:
    for attempt in range(1, ATTEMPTS + 1):
        with reading(fresh=fresh) as connection:
            cursor = connection.connection.cursor()
            try:
                sql = _prepared(connection, statement, parameters) if prepare else statement
                cursor.execute(sql, parameters)
            except psycopg2.Error as error:
                lost = bool(cursor.connection.closed)
                if lost:
                    connection.invalidate(error)
                    connection.engine.dispose()  # idle connections to this server are lost too
                elif isinstance(error, NOT_PREPARED):
                    connection.info[PREPARED] = None
                if attempt < ATTEMPTS and (lost or isinstance(error, NOT_PREPARED)):
                    continue
                raise _explained(error, statement, lost) from error
            names = [column[0] for column in cursor.description]
            # A loop in Python would take a third more time.
            return list(map(dict, map(zip, repeat(names), cursor.fetchall())))
    raise AssertionError("the last attempt returns or raises")


def _explained(error: psycopg2.Error, statement: str, lost: bool) -> BaseException:
    """Turn a driver's error into SQLAlchemy's, without the parameters, which are a user's."""
    return DBAPIError.instance(statement, None, error, psycopg2.Error, connection_invalidated=lost)


PREPARED = "prepared"  # in a connection's `info`: its statements, or None if it can't keep any


def _prepared(connection: Connection, statement: str, parameters: Mapping[str, Any]) -> str:
    """Prepare a statement if it is new, and return the SQL that runs it."""
    known = connection.info.setdefault(PREPARED, set())
    if known is None or not connection.info.get(limits.SETTLED, True):
        return statement
    # The name stands for one statement, even if a pooler shares the connection between clients.
    name = f"read_{crc32(statement.encode()):08x}"
    values = ", ".join(f"%({key})s" for key in parameters)
    execute = f"EXECUTE {name} ({values})" if parameters else f"EXECUTE {name}"
    if name not in known:
        numbered = statement % {key: f"${number}" for number, key in enumerate(parameters, 1)}
        connection.connection.cursor().execute(f"PREPARE {name} AS {numbered}")
        known.add(name)
    return execute


@contextmanager
def snapshot() -> Iterator[Connection]:
    """Provide a read connection on which all queries see the same data."""
    with reading() as connection:
        yield connection.execution_options(isolation_level="REPEATABLE READ")


def create_database(app: Flask) -> bool:
    """Create the application's database if it is missing. Return whether it was created.

    Raises psycopg2.Error if it can connect neither to the database nor to the maintenance database
    `postgres`.
    """
    url = app.config["SQLALCHEMY_DATABASE_URI"]
    if not app.config["DATABASE_URL"]:
        return _create_database(
            partial(embedded.connect, app.config["EMBEDDED_POSTGRES"]), url.database
        )
    arguments = {"user": url.username, "password": url.password, **url.query}
    return _create_database(
        lambda database: psycopg2.connect(dbname=database, **arguments), url.database
    )


def _connect_embedded(directory: Path) -> DBAPIConnection:
    connect = partial(embedded.connect, directory, options=limits.options(limits.SESSION))
    try:
        return connect(EMBEDDED_DATABASE)
    except psycopg2.OperationalError:
        _create_database(connect, EMBEDDED_DATABASE)
        return connect(EMBEDDED_DATABASE)


def _create_database(connect: Callable[[str], DBAPIConnection], name: str) -> bool:
    try:
        connect(name).close()
        return False
    except psycopg2.OperationalError:
        with closing(connect("postgres")) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute("SELECT FROM pg_database WHERE datname = %s", [name])
            if cursor.rowcount:
                # Another process has just created it, or connecting failed for another reason.
                connect(name).close()
                return False
            # Searching names in any case needs a Unicode locale. PostgreSQL 17 and newer have one
            # that is the same on every machine.
            locale = "LOCALE 'C' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'"
            statement = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' ").format(
                sql.Identifier(name)
            ) + sql.SQL(locale if connection.server_version >= 17_00_00 else "")
            with suppress(errors.DuplicateDatabase, errors.UniqueViolation):
                cursor.execute(statement)
        return True
