"""What every test stands on: a real PostgreSQL, and a database of the tests' own.

pytest-postgresql makes one database for each worker, migrated once by the real migrations. A test
commits as the application does, on the same two engines; afterwards the tables are emptied. That
costs milliseconds, and unlike a transaction that is rolled back it lets COPY, locks, autocommit
reads and several connections be what they are in production.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from forms import Client, submit
from hypothesis import HealthCheck, settings
from postgres import (
    RUN,
    app_on,
    drop_leftovers_and_lock,
    emptying,
    refuse_foreign_database,
    server_connection,
    url_of,
)
from pytest_postgresql import factories
from pytest_postgresql.executors import NoopExecutor
from pytest_postgresql.janitor import DatabaseJanitor
from sqlalchemy import text
from werkzeug.serving import make_server

from stationsapp.extensions import db
from stationsapp.stations import sample
from stationsapp.stations.feeds import csv
from stationsapp.stations.importer import import_records

# `make test` is the same each time, on a slow machine too; `make fuzz` looks for what is new.
settings.register_profile(
    "tests",
    deadline=None,
    derandomize="FUZZ_EXAMPLES" not in os.environ,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("tests")


def migrate_template(host: str, port: str, user: str, dbname: str, password: str, **_) -> None:
    """Run the migrations in the database that the worker's own is copied from."""
    server = NoopExecutor(host, port, user, "", dbname, password)
    with app_on(url_of(server, dbname)) as app, app.app_context():
        upgrade()


@pytest.fixture(scope="session")
def connected(pytestconfig: pytest.Config) -> Iterator[None]:
    """Start the server and keep it."""
    with closing(server_connection()) as connection:
        drop_leftovers_and_lock(connection)
        for name in ("host", "port", "user", "password"):
            setattr(pytestconfig.option, f"postgresql_{name}", getattr(connection.info, name))
        yield


template = factories.postgresql_noproc(dbname=RUN, load=[migrate_template])


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
    with janitor, closing(server_connection()) as connection:
        connection.cursor().execute(  # a commit needn't wait for the disk
            f"ALTER DATABASE {server.dbname} SET synchronous_commit = off"
        )
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
    with app_on(database_url) as app:
        yield app


@pytest.fixture
def app(application: Flask) -> Iterator[Flask]:
    """Give the application in its context, and empty its tables afterwards."""
    with application.app_context():
        yield application
        db.session.rollback()
        with db.engine.begin() as connection:
            refuse_foreign_database(connection.scalar(text("SELECT current_database()")))
            # A test that leaves a connection with locks behind fails, and doesn't hang.
            connection.execute(text("SET LOCAL lock_timeout = '60s'"))
            connection.exec_driver_sql(emptying([t.name for t in db.metadata.sorted_tables]))


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder that a root's server can reach: pytest keeps other users out of its own."""
    with TemporaryDirectory() as path:
        yield Path(path)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return Client(app)


@pytest.fixture
def token(app: Flask) -> str:
    """An API token, whose name is ada."""
    return app.test_cli_runner().invoke(args=["tokens", "create", "ada"]).stdout.strip()


@pytest.fixture
def signed_in(client: FlaskClient, token: str) -> FlaskClient:
    """A client that is signed in as ada."""
    submit(client, "/sign-in", token=token)
    return client


@pytest.fixture
def live_url(app: Flask) -> Iterator[str]:
    """Serve the application over real HTTP."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
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
