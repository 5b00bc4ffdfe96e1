"""Signing in and out, by plain HTTP as a browser without JavaScript does it."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from forms import csrf, submit
from sqlalchemy import text

from stationsapp.extensions import db


def sign_in(client: FlaskClient, token: str, **extra):
    return submit(client, "/sign-in", token=token, **extra)


def test_a_token_signs_in_and_its_secret_is_not_in_the_session(client: FlaskClient, token: str):
    assert sign_in(client, token).location == "/"
    with client.session_transaction() as session:
        assert token not in str(dict(session))
    assert "You are signed in as ada." in client.get("/").text


def test_a_revoked_token_is_signed_out_at_once(app: Flask, client: FlaskClient, token: str):
    sign_in(client, token)
    assert "Sign out" in client.get("/").text
    app.test_cli_runner().invoke(args=["tokens", "revoke", "ada"])
    assert "Sign out" not in client.get("/").text


def test_signing_out_forgets_the_token(client: FlaskClient, token: str):
    sign_in(client, token)
    assert "Sign out" in client.get("/").text
    submit(client, "/", to="/sign-out")
    assert "Sign out" not in client.get("/").text


def test_signing_in_needs_the_token_of_the_form(client: FlaskClient, token: str):
    response = client.post("/sign-in", data={"token": token})
    assert response.status_code == 422
    assert "Send the form again" in response.text


def test_after_five_bad_tries_an_address_waits_a_minute(client: FlaskClient, token: str):
    answers = [sign_in(client, f"wrong {i}") for i in range(6)]
    assert [answer.status_code for answer in answers] == [422] * 5 + [429]
    assert answers[-1].headers["Retry-After"] == "60"
    assert sign_in(client, token).status_code == 429
    elsewhere = {"environ_overrides": {"REMOTE_ADDR": "192.0.2.1"}}
    data = {"token": token, "csrf_token": csrf(client, "/sign-in")}
    assert client.post("/sign-in", data=data, **elsewhere).status_code == 302
    db.session.execute(text("UPDATE sign_in_tries SET created_at = now() - interval '61 seconds'"))
    db.session.commit()
    submit(client, "/", to="/sign-out")
    assert sign_in(client, token).status_code == 302


@pytest.mark.parametrize(
    ("asked", "led"),
    [
        ("/stations?q=a", "/stations?q=a"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("/\t/evil.example/", "/"),
        ("", "/"),
    ],
)
def test_signing_in_leads_back_but_never_elsewhere(
    client: FlaskClient, token: str, asked: str, led: str
):
    assert sign_in(client, token, next=asked).location == led
