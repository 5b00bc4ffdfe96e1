"""Forms, as a browser without JavaScript sends them."""

import re

from flask import g
from flask.testing import FlaskClient
from werkzeug.test import TestResponse


class Client(FlaskClient):
    """A client whose requests forget `g`, which would live as long as the test's own context."""

    def open(self, *args, **kwargs) -> TestResponse:
        for name in list(g):
            g.pop(name)
        return super().open(*args, **kwargs)


def csrf(client: FlaskClient, path: str) -> str:
    """Return the token in the first form of a page."""
    return re.search(r'name="csrf_token"[^>]* value="([^"]+)"', client.get(path).text)[1]


def submit(client: FlaskClient, path: str, to: str = "", **data: object) -> TestResponse:
    """Send the form of a page, to its own address or another."""
    return client.post(to or path, data={"csrf_token": csrf(client, path)} | data)
