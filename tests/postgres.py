"""The server that tests run on, and the databases that they make there."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlencode
from uuid import uuid4

import psycopg2
from flask import Flask
from psycopg2.extensions import connection as Connection  # noqa: N812
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from psycopg2.extensions import parse_dsn
from pytest_postgresql.executors import NoopExecutor

# What this machine sets, in its environment or in .env, reaches no test, but for two settings:
# DATABASE_URL chooses the server, and WEB_CONCURRENCY must be a number.
ROOT = Path(__file__).parents[1]
EXAMPLE = (ROOT / ".env.example").read_text()
SETTINGS = set(re.findall(r"^#([A-Z_]+)=", EXAMPLE, re.MULTILINE))
os.environ |= dict.fromkeys(SETTINGS - {"DATABASE_URL", "WEB_CONCURRENCY"}, "")

from config import TestingConfig  # noqa: E402
from stationsapp import create_app, embedded  # noqa: E402
from stationsapp.extensions import db  # noqa: E402

# The name of all that a run makes begins with this, and that of no other run does.
RUN = f"stationsapp_tests_{os.environ.get('PYTEST_XDIST_TESTRUNUID', uuid4().hex)[:8]}"
RUNS = re.compile(r"stationsapp_tests_[0-9a-f]{8}(?=$|gw|_)")


def server_connection() -> Connection:
    """Connect to the server that tests run on: DATABASE_URL's, or the embedded one."""
    if TestingConfig.DATABASE_URL:
        parameters = parse_dsn(TestingConfig.DATABASE_URL) | {"dbname": "postgres"}
        connection = psycopg2.connect(**parameters)
    else:
        connection = embedded.connect(TestingConfig.EMBEDDED_POSTGRES, "postgres")
    connection.autocommit = True
    return connection


def drop_leftovers_and_lock(connection: Connection, run: str = RUN) -> None:
    """Drop what killed runs left on the server, and keep this run's databases from the same.

    A run holds a lock while it lives: it ends with the connection, however that ends.
    """
    cursor = connection.cursor()
    for other in {match[0] for match in map(RUNS.match, databases(cursor)) if match}:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [other])
        if cursor.fetchone() == (True,):
            for name in databases(cursor, other):
                query = "SELECT FROM pg_database WHERE datname = %s AND datistemplate"
                cursor.execute(query, [name])
                if cursor.rowcount:  # one that was half dropped isn't, and can't be altered
                    cursor.execute(f"ALTER DATABASE {name} IS_TEMPLATE false")
                cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
            cursor.execute("SELECT pg_advisory_unlock(hashtext(%s))", [other])
    cursor.execute("SELECT pg_advisory_lock_shared(hashtext(%s))", [run])


def databases(cursor: Cursor, prefix: str = "") -> list[str]:
    cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [prefix])
    return [name for (name,) in cursor.fetchall()]


def emptying(tables: list[str]) -> str:
    """Return the SQL that makes tables as good as new, those that refer to others last.

    TRUNCATE makes new files for a table and its indexes: it takes far longer than to delete a few
    rows, and is needed only for many of them, or where the planner's statistics would stay.
    """
    return f"""
        DO $$ DECLARE name text; BEGIN
            FOREACH name IN ARRAY '{{{",".join(reversed(tables))}}}'::text[] LOOP
                IF pg_relation_size(name::regclass) < 200000
                    AND (SELECT reltuples < 0 FROM pg_class WHERE oid = name::regclass)
                THEN EXECUTE 'DELETE FROM ' || name;
                ELSE EXECUTE 'TRUNCATE ' || name || ' CASCADE';
                END IF;
            END LOOP;
            PERFORM setval(seqrelid, seqstart, false) FROM pg_sequence;
        END $$
    """


def refuse_foreign_database(name: str) -> None:
    """Fail rather than empty the tables of a database that this run did not make."""
    assert name.startswith(RUN), f"the database {name} was not made by this run"


def url_of(server: NoopExecutor, database: str) -> str:
    """Return the DATABASE_URL of a database on this server; libpq takes a folder as host."""
    arguments = {"host": server.host, "port": server.port, "user": server.user}
    if server.password:
        arguments["password"] = server.password
    return f"postgresql:///{database}?{urlencode(arguments, quote_via=quote)}"


def config_for(url: str, **settings: object) -> type:
    """Make a configuration class for this database, with further settings."""
    settings |= {"DATABASE_URL": url, "EMBEDDED_POSTGRES": None}
    return type("Config", (TestingConfig,), settings)


@contextmanager
def app_on(url: str, **settings: object) -> Iterator[Flask]:
    """Make an application on this database, and close its connections afterwards."""
    app = create_app(config_for(url, **settings))
    yield app
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()
