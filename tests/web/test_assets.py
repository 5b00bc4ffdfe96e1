"""Static files: named by their content, kept by browsers, compressed."""

import gzip
import re

import pytest
from flask.testing import FlaskClient


def address(client: FlaskClient, name: str) -> str:
    return re.search(rf'"(/static/[0-9a-f]{{8}}/[^"]*{name})"', client.get("/").text)[1]


def test_a_browser_keeps_a_file_for_a_year(client: FlaskClient):
    with client.get(address(client, "style.css")) as response:
        assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert response.mimetype == "text/css"


def test_a_file_of_another_release_is_not_kept(client: FlaskClient):
    with client.get("/static/00000000/style.css") as response:
        assert (response.status_code, response.headers["Cache-Control"]) == (200, "no-cache")


@pytest.mark.parametrize(("accepted", "packed"), [("gzip, br", True), ("gzip;q=0", False)])
def test_a_file_is_compressed_for_who_accepts_it(client: FlaskClient, accepted: str, packed: bool):
    path = address(client, "style.css")
    with client.get(path) as plain:
        content = plain.data
    with client.get(path, headers={"Accept-Encoding": accepted}) as response:
        assert response.headers["Vary"] == "Accept-Encoding"
        assert response.headers.get("Content-Encoding") == ("gzip" if packed else None)
        assert (gzip.decompress(response.data) if packed else response.data) == content


def test_stylesheets_come_in_one(client: FlaskClient):
    with client.get("/static/0/base.css+style.css") as response:
        assert response.mimetype == "text/css"
        assert response.text == "".join(
            client.get(f"/static/0/{name}").text for name in ("base.css", "style.css")
        )


@pytest.mark.parametrize("name", ["map.js+land.js", "style.css+style.css", "style.css+"])
def test_what_is_no_list_of_stylesheets_is_not_found(client: FlaskClient, name: str):
    assert client.get(f"/static/0/{name}").status_code == 404


@pytest.mark.parametrize("name", ["nothing.css", "../config.py", "%2e%2e/base.html", "", "."])
def test_nothing_else_is_served(client: FlaskClient, name: str):
    assert client.get(f"/static/0/{name}").status_code == 404
