"""What all forms have in common."""

import io

import pytest
from flask import Flask
from flask.testing import FlaskClient
from forms import submit
from gunicorn.http.errors import ChunkMissingTerminator
from werkzeug.routing import Rule

from stationsapp.extensions import db
from stationsapp.models import Station, Upload

URLENCODED = "application/x-www-form-urlencoded"
OPTIONS = {"source": "s", "format": "", "key": "", "columns": "", "language": ""}


def posts(app: Flask) -> list[Rule]:
    """Find what takes a form: all addresses that are no API's."""
    rules = [rule for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())]
    return [rule for rule in rules if not rule.rule.startswith("/api/")]


@pytest.mark.parametrize("sent", [{}, {"csrf_token": "forged"}])
def test_no_form_is_taken_without_its_csrf_token(
    app: Flask, signed_in: FlaskClient, sent: dict[str, str]
):
    db.session.add(Station(source="s", code="1", name="n", lat=1, lng=2))
    db.session.add(Upload(token_id=1, name="s.csv", size=0, digest="", options=OPTIONS))
    db.session.commit()
    typed = {"source": "s", "code": "2", "name": "m", "lat": "1", "lng": "2", "before": "x"}
    rules = posts(app)
    assert {"sign_in.sign_out", "stations.add"} <= {rule.endpoint for rule in rules}
    with app.test_request_context():
        paths = [app.url_for(rule.endpoint, **dict.fromkeys(rule.arguments, 1)) for rule in rules]
    answers = {path: signed_in.post(path, data=typed | sent).status_code for path in paths}
    assert {path: status for path, status in answers.items() if not 400 <= status < 500} == {}
    assert "Sign out" in signed_in.get("/sign-in").text
    db.session.expire_all()
    assert [station.name for station in db.session.query(Station)] == ["n"]


def test_a_page_whose_form_is_too_old_says_so_and_the_next_is_taken(client: FlaskClient):
    page = client.post("/sign-in", data={"token": "x", "csrf_token": "old"}).text
    assert "has expired" in page
    assert "has expired" not in submit(client, "/sign-in", token="x").text


MULTIPART = "multipart/form-data; boundary=x"
NAMELESS = b"--x\r\nContent-Disposition: form-data\r\n\r\nno name\r\n--x--\r\n"
FILE = NAMELESS.replace(b"form-data", b"form-data; name=token; filename=f")


@pytest.mark.parametrize(
    ("body", "kind", "status", "said"),
    [
        (NAMELESS, MULTIPART, 400, "A field has a name that this form doesn&#39;t have."),
        (FILE, MULTIPART, 422, "Enter your API token."),
        (b"&".join(b"n%d=" % i for i in range(1_001)), URLENCODED, 413, "has at most 1,000 fields"),
    ],
    ids=["no name", "a file for text", "too many"],
)
def test_what_no_browser_sends_is_refused(
    client: FlaskClient, body: bytes, kind: str, status: int, said: str
):
    answer = client.post("/sign-in", data=body, content_type=kind)
    assert (answer.status_code, said in answer.text) == (status, True)


class Broken(io.BytesIO):
    """A body whose chunks are wrong, of which gunicorn tells while it is read."""

    def read(self, *args: int) -> bytes:
        raise ChunkMissingTerminator(b"")

    readinto = read


@pytest.mark.parametrize("kind", [URLENCODED, MULTIPART])
@pytest.mark.parametrize("path", ["/sign-in", "/stations/import"])
def test_a_broken_body_is_the_clients_error(signed_in: FlaskClient, path: str, kind: str):
    answer = signed_in.post(
        path,
        content_type=kind,
        environ_overrides={"wsgi.input": Broken(), "wsgi.input_terminated": True},
    )
    assert (answer.status_code, "The body can&#39;t be read." in answer.text) == (400, True)
