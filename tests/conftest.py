"""What every test stands on: a real PostgreSQL, and a database of the tests' own.

pytest-postgresql makes one database for each worker, migrated once by the real migrations. A test
commits as the application does, on the same two engines; afterwards the tables are emptied. That
costs milliseconds, and unlike a transaction that is rolled back it lets COPY, locks, autocommit
reads and several connections be what they are in production.
"""

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from postgres import (
    MARK,
    config_for,
    is_ours,
    refuse_foreign_database,
    server_connection,
    url_of,
)
from psycopg2.extensions import parse_dsn
from pytest_postgresql import factories
from pytest_postgresql.executors import NoopExecutor
from pytest_postgresql.factories.noprocess import xdistify_dbname
from pytest_postgresql.janitor import DatabaseJanitor
from sqlalchemy import text
from werkzeug.serving import make_server

from config import TestingConfig
from stationsapp import create_app
from stationsapp.extensions import db
from stationsapp.stations import sample
from stationsapp.stations.feeds import csv
from stationsapp.stations.importer import import_records

DATABASE = "stationsapp_tests"


def migrate_template(host: str, port: str, user: str, dbname: str, password: str, **_) -> None:
    """Run the migrations in the database that the worker's own is copied from."""
    server = NoopExecutor(host, port, user, "", dbname, password)
    with create_app(config_for(url_of(server, dbname))).app_context():
        with db.engine.begin() as connection:
            connection.execute(text(f"COMMENT ON DATABASE {dbname} IS '{MARK}'"))
        upgrade()
        for engine in db.engines.values():
            engine.dispose()


def pytest_configure(config: pytest.Config) -> None:
    config.option.postgresql_drop_test_database = True  # left behind by a run that was killed


@pytest.fixture(scope="session")
def connected(pytestconfig: pytest.Config) -> Iterator[None]:
    """Start the server and keep it; refuse databases that bear our names but aren't ours."""
    connection = server_connection()
    for name in (xdistify_dbname(DATABASE), f"{xdistify_dbname(DATABASE)}_tmpl"):
        if is_ours(connection, name) is False:
            pytest.exit(f"the database {name} was not made by these tests: drop or rename it", 1)
    parameters = connection.get_dsn_parameters()
    pytestconfig.option.postgresql_host = parameters["host"]
    pytestconfig.option.postgresql_port = parameters["port"]
    pytestconfig.option.postgresql_user = parameters["user"]
    if TestingConfig.DATABASE_URL:
        password = parse_dsn(TestingConfig.DATABASE_URL).get("password")
        pytestconfig.option.postgresql_password = password
    connection.rollback()
    yield
    connection.close()


template = factories.postgresql_noproc(dbname=DATABASE, load=[migrate_template])


@pytest.fixture(scope="session")
def database_url(connected: None, request: pytest.FixtureRequest) -> Iterator[str]:
    """Make the worker's database and return its URL."""
    server: NoopExecutor = request.getfixturevalue("template")
    janitor = DatabaseJanitor(
        user=server.user,
        host=server.host,
        port=server.port,
        password=server.password,
        dbname=server.dbname,
        template_dbname=server.template_dbname,
    )
    janitor.drop()
    with janitor:
        with janitor.cursor() as cursor:
            cursor.execute(f"COMMENT ON DATABASE {server.dbname} IS '{MARK}'")
        yield url_of(server, server.dbname)


@pytest.fixture
def own_url(connected: None, template: NoopExecutor) -> Iterator[str]:
    """The URL of a migrated database of the test's own."""
    name = f"{template.dbname}_own"
    with closing(server_connection()) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE {template.template_dbname}")
        yield url_of(template, name)
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def application(database_url: str) -> Iterator[Flask]:
    app = create_app(config_for(database_url))
    yield app
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()


@pytest.fixture
def app(application: Flask) -> Iterator[Flask]:
    """Give the application in its context, and empty its tables afterwards."""
    with application.app_context():
        yield application
        db.session.rollback()
        with db.engine.begin() as connection:
            refuse_foreign_database(connection.connection.dbapi_connection)
            # A test that leaves a connection with locks behind fails, and doesn't hang.
            connection.execute(text("SET LOCAL lock_timeout = '10s'"))
            tables = ", ".join(table.name for table in db.metadata.sorted_tables)
            connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY"))


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def live_url(app: Flask) -> Iterator[str]:
    """Serve the application over real HTTP."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def sample_stations(app: Flask) -> None:
    """The table filled with the sample."""
    with sample.SAMPLE.open("rb") as stream:
        import_records("sample", csv.read(stream))
