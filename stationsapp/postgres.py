"""Which PostgreSQL: DATABASE_URL's server, or the embedded one. Creates a missing database."""

from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

import psycopg2
from flask import Flask
from psycopg2 import errors, sql
from psycopg2.extensions import connection as Connection  # noqa: N812
from psycopg2.extensions import parse_dsn
from sqlalchemy import URL

from . import embedded
from .settings import SettingsError

Connect = Callable[[str], Connection]
"""Connects to a database of the server by the database's name."""

APPLICATION = __name__.partition(".")[0]
EMBEDDED_URL = f"postgresql://{embedded.ROLE}@/{APPLICATION}"

# Seconds. A server that refuses a connection says so at once, but one that hangs doesn't.
CONNECT = 2  # to reach a host and log in; libpq's minimum
DEAD_PEER = 10  # without any acknowledgement, until a connection is given up
LIBPQ = {
    "application_name": APPLICATION,
    "connect_timeout": str(CONNECT),
    "tcp_user_timeout": str(DEAD_PEER * 1000),
    "keepalives_idle": str(DEAD_PEER),
    "keepalives_interval": str(DEAD_PEER // 2),
    "keepalives_count": "2",
}


def configure(app: Flask) -> None:
    """Set Flask-SQLAlchemy's URL and engine options. Raises SettingsError for a wrong URL."""
    # Hide what users have sent from the log, but show it to a developer.
    options = {"hide_parameters": not app.debug} | app.config.get("SQLALCHEMY_ENGINE_OPTIONS", {})
    address = app.config["DATABASE_URL"]
    if not address:
        address = EMBEDDED_URL
        options["creator"] = partial(_connect_embedded, app.config["EMBEDDED_POSTGRES"])
    app.config["SQLALCHEMY_DATABASE_URI"] = engine_url("DATABASE_URL", address)
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = options


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
    query = LIBPQ | parameters
    return URL.create(
        "postgresql+psycopg2",
        username=query.pop("user", None),
        password=query.pop("password", None),
        database=query.pop("dbname"),
        query=query,
    )


def create_database(app: Flask) -> bool:
    """Create the application's database if it is missing. Return whether it was created.

    Raises psycopg2.Error if it can connect neither to the database nor to the maintenance database
    `postgres`.
    """
    url = app.config["SQLALCHEMY_DATABASE_URI"]
    connect: Connect = partial(_connect, url)
    if not app.config["DATABASE_URL"]:
        connect = partial(embedded.connect, app.config["EMBEDDED_POSTGRES"])
    return _create_database(connect, url.database)


def _connect(url: URL, database: str) -> Connection:
    arguments: dict[str, Any] = {"user": url.username, "password": url.password, **url.query}
    connection: Connection = psycopg2.connect(dbname=database, **arguments)
    return connection


def _connect_embedded(directory: Path, options: str = "") -> Connection:
    connect = partial(embedded.connect, directory, options=options)
    try:
        return connect(APPLICATION)
    except psycopg2.OperationalError:
        _create_database(connect, APPLICATION)
        return connect(APPLICATION)


def _create_database(connect: Connect, name: str) -> bool:
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
