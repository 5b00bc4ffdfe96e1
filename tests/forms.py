"""Forms, as a browser without JavaScript sends them."""

import re
from html.parser import HTMLParser

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


class Fields(HTMLParser):
    """The fields of a page's forms, as a browser without JavaScript would send them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.sent: dict[str, str] = {}
        self.open = ""  # the name of the select or the textarea around
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        name, value = values.get("name", ""), values.get("value") or ""
        if tag == "input" and ("checked" in values or values.get("type") != "radio"):
            self.sent[name] = re.sub(r"[\r\n]", "", value)
        elif tag in ("select", "textarea"):
            self.open = name
        elif tag == "option" and (self.open not in self.sent or "selected" in values):
            self.sent[self.open] = value

    def handle_data(self, data: str) -> None:
        if self.lasttag == "textarea" and self.open:
            text = self.sent.get(self.open, "") + data
            self.sent[self.open] = re.sub(
                r"\r?\n", "\r\n", text.removeprefix("\r").removeprefix("\n")
            )

    def handle_endtag(self, tag: str) -> None:
        if tag in ("select", "textarea"):
            self.sent.setdefault(self.open, "")
            self.open = ""


def resubmit(client: FlaskClient, path: str, page: str, **changes: str) -> TestResponse:
    """Send the form that a page shows, with some fields changed."""
    return client.post(path, data=Fields(page).sent | changes)
