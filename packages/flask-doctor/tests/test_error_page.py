"""The page that explains a failing request, and who may press its button."""

import html
import json
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from clusters import ENCODED, PASSWORD, Cluster, free_port, lifted_app
from flask import Flask
from flask.testing import FlaskClient
from flask_doctor import button
from flask_doctor.state import state_of
from project import Project
from sqlalchemy import text

ORIGIN = {"Origin": "http://localhost"}


def failing_app(url: str, **config: object) -> Flask:
    app = lifted_app(url, **config)

    @app.get("/birds")
    def fail():
        with app.extensions["sqlalchemy"].engine.connect() as connection:
            return str(connection.execute(text("SELECT count(*) FROM nothing")).scalar())

    @app.get("/bug")
    def bug():
        raise RuntimeError("a bug of ours")

    return app


@pytest.fixture
def app(server: Cluster) -> Iterator[Flask]:
    url = server.url("secret", "nowhere", ENCODED)
    application = failing_app(url, DEBUG=True, DOCTOR_AHEAD=False)
    yield application
    with application.app_context():
        application.extensions["sqlalchemy"].engine.dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def token_in(body: str) -> str:
    return html.unescape(re.search(r'name="token" value="([^"]+)"', body)[1])


def test_a_browser_gets_a_page_with_the_button(client: FlaskClient):
    answer = client.get("/birds", headers={"Accept": "text/html"})
    assert answer.status_code == 503
    assert "The server has no database nowhere" in answer.text
    assert "<button>Create the database</button>" in answer.text
    assert PASSWORD not in html.unescape(answer.text)
    assert ENCODED not in answer.text


def test_other_clients_get_a_problem_document(client: FlaskClient):
    answer = client.get("/birds")
    assert (answer.status_code, answer.content_type) == (503, "application/problem+json")
    assert answer.get_json()["diagnosis"]["id"] == "database-missing"
    assert PASSWORD not in answer.text


@pytest.mark.parametrize("ahead", [{}, {"DOCTOR_AHEAD": False}])
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_a_password_that_was_cut_in_two_is_not_shown_in_part(accept: str, ahead: dict):
    app = failing_app("postgresql+psycopg2://x:top@secret@localhost:1/x", DEBUG=True, **ahead)
    answer = app.test_client().get("/birds", headers={"Accept": accept})
    assert "not encoded" in answer.text
    assert "secret" not in answer.text


def test_production_says_nothing_of_the_server_save_in_its_log(server: Cluster, caplog):
    client = failing_app(server.url("secret", "nowhere", ENCODED)).test_client()
    answer = client.get("/birds", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert not re.search("nowhere|secret|127|SELECT|psycopg|role|database", answer.text)
    assert client.post("/_doctor/", headers=ORIGIN).status_code == 404
    assert "database-missing: The server has no database nowhere" in caplog.text
    assert PASSWORD not in caplog.text


@pytest.mark.parametrize("debug", [True, False])
def test_a_bug_in_a_view_is_not_explained_away(debug: bool, server: Cluster):
    app = failing_app(
        server.url("trusted", "app"),
        DEBUG=debug,
        DOCTOR_AHEAD=False,
        PROPAGATE_EXCEPTIONS=True,
    )
    with pytest.raises(RuntimeError, match="a bug of ours") as caught:
        app.test_client().get("/bug")
    assert not hasattr(caught.value, "__notes__")


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The actions that would have been run."""
    ran: list[str] = []
    monkeypatch.setattr(button, "_run_apart", ran.append)
    return ran


def post(client: FlaskClient, token: str, **changes: object) -> int:
    arguments = {"headers": ORIGIN, "data": {"token": token}} | changes
    return client.post("/_doctor/", **arguments).status_code


def get_token(client: FlaskClient, path: str = "/birds?page=2") -> str:
    return token_in(client.get(path, headers={"Accept": "text/html"}).text)


def test_the_button_acts_once_and_goes_back(client: FlaskClient, runs: list[str]):
    token = get_token(client)
    answer = client.post("/_doctor/", headers=ORIGIN, data={"token": token})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/birds?page=2")
    assert post(client, token) == 403
    assert runs == ["create-database"]


@pytest.mark.parametrize(
    "changes",
    [
        {"headers": {}},
        {"headers": {"Origin": "http://evil.example"}},
        {"headers": {"Origin": "null"}},
        {"headers": {"Origin": "https://localhost"}},
        {"headers": {"Origin": "http://localhost:8080"}},
        {"headers": ORIGIN | {"Host": "evil.example", "Origin": "http://evil.example"}},
        {"headers": ORIGIN | {"X-Forwarded-For": "192.0.2.1"}},
        {"environ_overrides": {"REMOTE_ADDR": "192.0.2.1"}},
        {"data": {}},
        {"data": {"token": "forged"}},
    ],
)
def test_whoever_is_not_our_own_page_is_refused(client: FlaskClient, runs: list[str], changes):
    assert post(client, get_token(client), **changes) == 403
    assert runs == []


def test_a_token_signed_with_the_secret_key_is_refused(client: FlaskClient, runs: list[str]):
    forger = button.URLSafeTimedSerializer("known", salt="doctor")
    assert post(client, forger.dumps(["upgrade", "/", "nonce"])) == 403
    assert runs == []


def test_an_action_that_is_not_known_is_refused(client: FlaskClient, runs: list[str]):
    token = get_token(client)
    del state_of(client.application).actions["create-database"]
    assert post(client, token) == 403
    assert runs == []


def test_an_expired_token_is_refused(client: FlaskClient, runs: list[str], monkeypatch):
    token = get_token(client)
    monkeypatch.setattr(button, "TOKEN_AGE", -1)
    assert post(client, token) == 403
    assert runs == []


def test_a_get_does_nothing(client: FlaskClient, runs: list[str]):
    token = get_token(client)
    assert client.get(f"/_doctor/?token={token}", headers=ORIGIN).status_code == 405
    assert runs == []


def test_the_action_is_gone_when_debug_is_switched_off(app: Flask, runs: list[str]):
    client = app.test_client()
    token = get_token(client)
    app.debug = False
    assert post(client, token) == 404
    assert runs == []


def test_foreign_eyes_get_no_button(client: FlaskClient):
    for changes in ({"environ_overrides": {"REMOTE_ADDR": "192.0.2.1"}}, {"base_url": "http://x"}):
        answer = client.get("/birds", **{"headers": {"Accept": "text/html"}} | changes)
        assert "token" not in answer.text


def test_the_way_back_leads_to_no_other_site(client: FlaskClient):
    for path in ("//evil.example/x", "/\\evil.example/x", "///evil.example"):
        with client.application.test_request_context(environ_overrides={"PATH_INFO": path}):
            assert button.here() == "/" + path.strip("/\\")


def wait_for(port: int) -> None:
    for _ in range(100):
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.1)


def test_the_buttons_lead_from_no_database_to_the_page(server: Cluster, tmp_path: Path):
    """With a real development server, its browser played by a plain HTTP client."""
    server.execute("CREATE DATABASE pressed OWNER trusted")
    project = Project(tmp_path, server.url("trusted", "pressed"))
    project.do("flask db init && flask db migrate -m first")
    server.execute("DROP DATABASE pressed WITH (FORCE)")
    port = free_port()
    site = f"http://localhost:{port}"
    with subprocess.Popen(
        ["flask", "--app", "app", "run", "--debug", "--no-reload", "--port", str(port)],
        cwd=tmp_path,
        env=project.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as development:
        try:
            wait_for(port)
            for label in ("Create the database", "Upgrade the database"):
                with pytest.raises(urllib.error.HTTPError) as caught:
                    open_url(f"{site}/")
                body = caught.value.read().decode()
                caught.value.close()
                assert f"<button>{label}</button>" in body
                token = token_in(body).encode()
                # The way back leads to the next error, and at last to the page.
                with suppress(urllib.error.HTTPError):
                    open_url(f"{site}/_doctor/", b"token=" + token, Origin=site)
            assert json.loads(open_url(f"{site}/")) == {"birds": 0}
        finally:
            development.terminate()
    server.execute("DROP DATABASE pressed WITH (FORCE)")


def open_url(url: str, data: bytes | None = None, **headers: str) -> str:
    request = urllib.request.Request(url, data, {"Accept": "text/html"} | headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()
