"""What every test stands on: a real PostgreSQL, and a database that the run makes for itself."""

import re
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import quote, urlencode
from uuid import uuid4

import psycopg2
import pytest
from flask import Flask, g
from flask.testing import FlaskClient
from flask_migrate import upgrade
from sqlalchemy import text
from werkzeug.test import TestResponse

from config import TestingConfig
from starterapp import create_app, embedded
from starterapp.extensions import db
from starterapp.postgres import create_database, engine_url


class Client(FlaskClient):
    """A client that sends forms as a browser does."""

    def open(self, *args, **kwargs) -> TestResponse:
        for name in list(g):  # `g` would live as long as the test's own context
            g.pop(name)
        return super().open(*args, **kwargs)

    def submit(self, path: str, **data: object) -> TestResponse:
        """Send the form of a page, with its CSRF token."""
        return self.post(path, data={"csrf_token": self.csrf_token(path)} | data)

    def csrf_token(self, path: str) -> str:
        """Return the CSRF token in the form of a page."""
        return re.search(r'name="csrf_token"[^>]* value="([^"]+)"', self.get(path).text)[1]


def connect_to_server():
    """Connect to DATABASE_URL's server, or to the embedded one, which this starts."""
    if not TestingConfig.DATABASE_URL:
        return embedded.connect(TestingConfig.EMBEDDED_POSTGRES, "postgres")
    url = engine_url("DATABASE_URL", TestingConfig.DATABASE_URL or "")
    return psycopg2.connect(
        dbname="postgres", user=url.username, password=url.password, **url.query
    )


@pytest.fixture(scope="session")
def application() -> Iterator[Flask]:
    """The application on a migrated database."""
    name = f"starterapp_test_{uuid4().hex[:8]}"
    with closing(connect_to_server()) as connection:
        server = connection.info
        place = {"user": server.user, "host": server.host, "port": server.port}
        if server.password:
            place["password"] = server.password
        url = f"postgresql:///{name}?{urlencode(place, quote_via=quote)}"
        app = create_app(type("Config", (TestingConfig,), {"DATABASE_URL": url}))
        create_database(app)
        with app.app_context():
            upgrade()
            yield app
            db.engine.dispose()
        connection.autocommit = True
        connection.cursor().execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def app(application: Flask) -> Iterator[Flask]:
    """The application in its context. Its tables are emptied afterwards."""
    with application.app_context():
        yield application
        db.session.remove()
        tables = ", ".join(table.name for table in db.metadata.sorted_tables)
        with db.engine.begin() as connection:
            connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY"))


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client that isn't signed in."""
    return Client(app)


@pytest.fixture
def token(app: Flask) -> str:
    """An API token, whose name is ada."""
    return app.test_cli_runner().invoke(args=["tokens", "create", "ada"]).stdout.strip()


@pytest.fixture
def writer(client: FlaskClient, token: str) -> FlaskClient:
    """A client that may use the API to write."""
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return client


@pytest.fixture
def signed_in(client: FlaskClient, token: str) -> FlaskClient:
    """A client that is signed in as ada."""
    client.submit("/sign-in", token=token)
    return client
