"""Errors: a page for people, a problem document for programs."""

import pytest
from flask.testing import FlaskClient

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("path", "accept", "media_type"),
    [
        ("/nowhere", BROWSER, "text/html"),
        ("/nowhere", "*/*", "text/html"),
        ("/nowhere", "application/json", "application/problem+json"),
        ("/api/nowhere", BROWSER, "application/problem+json"),
    ],
)
def test_an_error_suits_who_asks(client: FlaskClient, path: str, accept: str, media_type: str):
    response = client.get(path, headers={"Accept": accept})
    assert (response.status_code, response.mimetype) == (404, media_type)


def test_an_error_page_says_what_to_do(client: FlaskClient):
    page = client.get("/nowhere").text
    assert "There is nothing here" in page
    assert "Go to the start page" in page


def test_a_method_that_is_not_allowed_names_those_that_are(client: FlaskClient):
    response = client.post("/", headers={"Accept": BROWSER})
    assert response.status_code == 405
    assert "GET" in response.headers["Allow"]
