import pytest
from flask import Flask
from flask.testing import FlaskClient

from starterapp.extensions import db
from starterapp.models import Widget
from starterapp.widgets import pages

ONE = {"name": "One", "status": "active", "rating": "4.5", "starts_at": "2026-05-01T10:00"}


def test_what_is_added_is_shown_and_listed(signed_in: FlaskClient):
    response = signed_in.submit("/widgets/new", **ONE)
    page = signed_in.get(response.location).text
    for shown in ("One is saved.", "Active", "4.5", "2026-05-01 10:00", "ada"):
        assert shown in page
    assert ">One</a>" in signed_in.get("/").text


def test_a_form_shows_what_it_changes(signed_in: FlaskClient):
    signed_in.submit("/widgets/new", **ONE)
    form = signed_in.get("/widgets/1/edit").text
    for value in ("One", "4.5", "2026-05-01T10:00:00"):
        assert f'value="{value}"' in form
    signed_in.submit("/widgets/1/edit", name="Two", status="draft", rating="", starts_at="")
    widget = db.session.get(Widget, 1)
    assert (widget.name, widget.status) == ("Two", "draft")
    assert (widget.rating, widget.starts_at) == (None, None)


def test_what_is_deleted_is_gone(signed_in: FlaskClient):
    signed_in.submit("/widgets/new", **ONE)
    signed_in.submit("/widgets/1/delete")
    assert "There are no widgets yet." in signed_in.get("/").text
    assert signed_in.get("/widgets/1").status_code == 404


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("name", "", "Enter a name."),
        ("name", "a\x00b", "NUL"),
        ("status", "unknown", "Not a valid choice"),
        ("rating", "6", "Enter a number from 0 to 5."),
        ("rating", "nan", "Enter a number from 0 to 5."),
        ("starts_at", "0001-01-01T00:00", "Enter a year from 1900 to 2200."),
        ("starts_at", "tomorrow", "Not a valid datetime"),
    ],
)
def test_a_wrong_field_is_explained(signed_in: FlaskClient, field: str, value: str, reason: str):
    response = signed_in.submit("/widgets/new", **ONE | {field: value})
    assert response.status_code == 422
    assert reason in response.text


@pytest.mark.parametrize("path", ["/widgets/new", "/widgets/1/edit", "/widgets/1/delete"])
def test_changing_needs_to_sign_in(client: FlaskClient, path: str):
    assert client.get(path).location.startswith("/sign-in")


def test_who_is_signed_out_meanwhile_loses_nothing(app: Flask, signed_in: FlaskClient):
    app.test_cli_runner().invoke(args=["tokens", "revoke", "ada"])
    data = ONE | {"csrf_token": signed_in.csrf_token("/sign-in")}
    response = signed_in.post("/widgets/new", data=data)
    assert response.status_code == 422
    assert 'value="One"' in response.text


def test_a_form_without_its_token_is_refused(signed_in: FlaskClient):
    assert signed_in.post("/widgets/new", data=ONE).status_code == 422


def test_pages_follow_one_another(client: FlaskClient, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pages, "PAGE", 1)
    db.session.add_all([Widget(name="One"), Widget(name="Two")])
    db.session.commit()
    first = client.get("/widgets").text
    assert "/widgets?after=1" in first
    assert "Two" not in first
    assert "Two" in client.get("/widgets?after=1").text


@pytest.mark.parametrize("path", ["/nowhere", "/widgets/1", f"/widgets/{10**30}"])
def test_what_is_not_there_is_a_page(client: FlaskClient, path: str):
    response = client.get(path)
    assert response.status_code == 404
    assert "There is nothing here" in response.text
