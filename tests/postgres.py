"""The server that tests run on, and the databases that they make there."""

import psycopg2
import pytest
from psycopg2.extensions import parse_dsn
from pytest_postgresql.executors import NoopExecutor

from config import TestingConfig
from stationsapp import embedded

MARK = "made by the tests of stationsapp"


def server_connection(database: str = "postgres") -> psycopg2.extensions.connection:
    """Connect to the server that tests run on: DATABASE_URL's, or the embedded one."""
    if TestingConfig.DATABASE_URL:
        return psycopg2.connect(**parse_dsn(TestingConfig.DATABASE_URL) | {"dbname": database})
    return embedded.connect(TestingConfig.EMBEDDED_POSTGRES, database)


def is_ours(connection: psycopg2.extensions.connection, database: str) -> bool | None:
    """Tell whether the tests made this database; None when there is no such database."""
    cursor = connection.cursor()
    cursor.execute(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s",
        [database],
    )
    row = cursor.fetchone()
    return row and row[0] == MARK


def refuse_foreign_database(connection: psycopg2.extensions.connection) -> None:
    """End the run rather than empty the tables of a database that isn't the tests' own."""
    name = connection.info.dbname
    if not is_ours(connection, name):
        pytest.exit(f"the database {name} was not made by these tests", 1)


def url_of(server: NoopExecutor, database: str) -> str:
    """Return the DATABASE_URL of a database on this server; libpq takes a folder as host."""
    arguments = {"host": server.host, "port": server.port, "user": server.user}
    if server.password:
        arguments["password"] = server.password
    query = "&".join(f"{name}={value}" for name, value in arguments.items())
    return f"postgresql:///{database}?{query}"


def config_for(url: str) -> type:
    """Make a configuration class for this database."""
    return type("Config", (TestingConfig,), {"DATABASE_URL": url, "EMBEDDED_POSTGRES": None})
