from flask import Flask
from flask.testing import FlaskClient


def test_signing_in_leads_back_to_the_page(client: FlaskClient, token: str):
    response = client.submit("/sign-in?next=/widgets/new", token=token)
    assert response.location == "/widgets/new"
    assert "You are signed in as ada." in client.get("/widgets/new").text


def test_an_unknown_token_is_refused(client: FlaskClient):
    response = client.submit("/sign-in", token="unknown")
    assert response.status_code == 422
    assert "This token is unknown or revoked." in response.text


def test_a_revoked_token_signs_out(app: Flask, signed_in: FlaskClient):
    app.test_cli_runner().invoke(args=["tokens", "revoke", "ada"])
    assert signed_in.get("/widgets/new").location.startswith("/sign-in")
