"""What all forms have in common."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from forms import submit
from werkzeug.routing import Rule

from stationsapp.extensions import db
from stationsapp.models import Station, Upload

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
