"""Signing in and out, by plain HTTP as a browser without JavaScript does it."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from flask.testing import FlaskClient
from forms import Client, csrf, submit
from postgres import app_on
from sqlalchemy import text

from config import ProductionConfig
from stationsapp import create_app
from stationsapp.extensions import db


def sign_in(client: FlaskClient, token: str, **extra):
    return submit(client, "/sign-in", token=token, **extra)


def test_a_token_signs_in_and_its_secret_is_not_in_the_session(client: FlaskClient, token: str):
    assert sign_in(client, token).location == "/"
    with client.session_transaction() as session:
        assert token not in str(dict(session))
    assert "You are signed in as ada." in client.get("/").text


def test_what_is_copied_along_with_a_token_is_taken_off(client: FlaskClient, token: str):
    assert sign_in(client, f" {token}\n").status_code == 302


def test_signing_in_leaves_nothing_of_the_session_before(client: FlaskClient, token: str):
    before = csrf(client, "/sign-in")
    with client.session_transaction() as session:
        session["planted"] = "by another"
    sign_in(client, token)
    with client.session_transaction() as session:
        assert "planted" not in session
    response = client.post("/sign-out", data={"csrf_token": before})
    assert response.status_code == 400


def test_the_cookie_of_production_is_for_https_and_no_script(application: Flask):
    settings = {"DATABASE_URL": "postgresql:///x", "SECRET_KEY": "x" * 16}
    app = create_app(type("Config", (ProductionConfig,), settings))
    response = app.test_client().get("/sign-in", base_url="https://localhost")
    [cookie] = response.headers.getlist("Set-Cookie")
    assert set(cookie.split("; ")[1:]) == {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"}
    assert "Cookie" in response.headers["Vary"]  # no cache shows it to another


def test_the_field_suits_password_managers_and_never_shows_the_token(client: FlaskClient):
    assert 'autocomplete="current-password"' in client.get("/sign-in").text
    answer = sign_in(client, "not a token")
    assert answer.status_code == 422
    assert "unknown or revoked" in answer.text
    assert "not a token" not in answer.text


def test_a_revoked_token_is_signed_out_at_once(app: Flask, client: FlaskClient, token: str):
    sign_in(client, token)
    assert "Sign out" in client.get("/").text
    app.test_cli_runner().invoke(args=["tokens", "revoke", "ada"])
    assert "Sign out" not in client.get("/").text


def test_a_form_made_while_the_token_was_revoked_can_be_sent(app: Flask, signed_in: FlaskClient):
    app.test_cli_runner().invoke(args=["tokens", "revoke", "ada"])
    other = app.test_cli_runner().invoke(args=["tokens", "create", "bob"]).stdout
    assert sign_in(signed_in, other).status_code == 302


def test_signing_out_forgets_the_token(client: FlaskClient, token: str):
    sign_in(client, token)
    assert "Sign out" in client.get("/").text
    submit(client, "/", to="/sign-out")
    assert "Sign out" not in client.get("/").text


def test_signing_in_needs_the_token_of_the_form(client: FlaskClient, token: str):
    response = client.post("/sign-in", data={"token": token})
    assert response.status_code == 422
    assert "Send it again" in response.text


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


def test_many_tries_at_once_are_no_more_than_five(app: Flask):
    def attempt(number: int) -> int:
        client = app.test_client()
        page = client.get("/sign-in").text
        value = page.partition('name="csrf_token" type="hidden" value="')[2].partition('"')[0]
        return client.post("/sign-in", data={"token": number, "csrf_token": value}).status_code

    with ThreadPoolExecutor(12) as pool:
        assert sorted(pool.map(attempt, range(12))) == [422] * 5 + [429] * 7


@pytest.mark.parametrize(
    ("proxies", "statuses"), [("1", [422] * 5 + [422]), ("0", [422] * 5 + [429])]
)
def test_the_address_is_what_the_trusted_proxy_says(
    app: Flask, database_url: str, proxies: str, statuses: list[int]
):
    """The proxy puts the client's address last; what stands before that, the client may invent."""
    with app_on(database_url, TRUSTED_PROXIES=proxies) as behind, behind.app_context():
        client = Client(behind)

        def attempt(addresses: str) -> int:
            data = {"token": "wrong", "csrf_token": csrf(client, "/sign-in")}
            headers = {"X-Forwarded-For": addresses}
            return client.post("/sign-in", data=data, headers=headers).status_code

        tries = [attempt(f"192.0.2.{i}, 198.51.100.1") for i in range(5)]
        assert [*tries, attempt("192.0.2.1, 198.51.100.2")] == statuses
        assert attempt("192.0.2.9, 198.51.100.1") == 429


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"json": [1]}, 415),
        ({"json": {"token": 5}}, 415),
        ({"data": {"\u00b2": "x"}}, 400),
        ({"data": {"token": "\0"}}, 422),
        ({"data": {"token": "x" * 1_100_000}}, 413),
        ({"data": {"next": "/", "csrf_token": "x"}}, 422),
    ],
)
def test_what_no_form_sends_is_refused(client: FlaskClient, sent: dict, status: int):
    assert client.post("/sign-in", **sent).status_code == status


@pytest.mark.parametrize(
    ("asked", "led"),
    [
        ("/stations?q=a", "/stations?q=a"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("/\t/evil.example/", "/"),
        ("/\n/evil.example/", "/"),
        ("\t//evil.example/", "/"),
        ("/stations\r\nSet-Cookie: a=b", "/"),
        ("javascript:alert(1)", "/"),
        ("stations", "/"),
        ("", "/"),
    ],
)
def test_signing_in_leads_back_but_never_elsewhere(
    client: FlaskClient, token: str, asked: str, led: str
):
    assert sign_in(client, token, next=asked).location == led


@pytest.mark.parametrize("prefix", ["", "/app"])
def test_the_way_to_a_page_leads_through_sign_in(client: FlaskClient, prefix: str):
    sent = client.get("/stations/new?lat=1", environ_overrides={"SCRIPT_NAME": prefix})
    assert sent.location == f"{prefix}/sign-in?next={prefix}/stations/new?lat%3D1"
