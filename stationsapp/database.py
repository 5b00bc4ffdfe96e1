"""The two engines, made from the settings, and queries on them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import repeat
from typing import Any
from zlib import crc32

import psycopg2
from flask import Flask
from psycopg2 import errors
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from . import limits, postgres
from .extensions import db
from .replica import may_lag, reading

Row = dict[str, Any]
"""A row's values by the names of their columns."""


# Of each engine, kept open: one for each request that gunicorn.conf.py lets use the database at
# once. With fewer, a busy worker would close connections and open others all the time.
CONNECTIONS = 12
OVERFLOW = 3  # for requests that need a second one for a moment


def configure(app: Flask) -> None:
    """Set Flask-SQLAlchemy's two engines: the default one, and `read`.

    `read` is for reads, and connects to the replica if there is one. It uses autocommit, so that a
    query costs one round trip. Raises SettingsError for a URL that can't be used.
    """
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {
        "pool_timeout": limits.POOL,
        "pool_size": CONNECTIONS,
        "max_overflow": OVERFLOW,
        "pool_recycle": limits.RECYCLE,
    }
    postgres.configure(app)
    options = app.config["SQLALCHEMY_ENGINE_OPTIONS"]
    if connect := options.get("creator"):  # the embedded server's
        options["creator"] = partial(connect, limits.options(limits.SESSION))
    read = options | {
        "url": app.config["SQLALCHEMY_DATABASE_URI"],
        "isolation_level": "AUTOCOMMIT",
    }
    if address := app.config["DATABASE_READ_URL"]:
        read["url"] = postgres.engine_url("DATABASE_READ_URL", address)
        read.pop("creator", None)
    app.config["SQLALCHEMY_BINDS"] = {"read": read}


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
