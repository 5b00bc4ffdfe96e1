"""The page that explains a failing request, and who may press its button."""

import html
import json
import platform
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

import psycopg
import psycopg2
import pytest
from clusters import ENCODED, PASSWORD, Cluster, free_port, lifted_app
from flask import Flask, abort, request
from flask.testing import FlaskClient
from flask_doctor import Doctor, button
from flask_doctor.catalogue import Action, Entry
from flask_doctor.diagnosis import Diagnosis, masked
from flask_doctor.state import state_of
from project import Project
from sqlalchemy import text
from werkzeug.debug import DebuggedApplication

ORIGIN = {"Origin": "http://localhost"}


def failing_app(url: str, **config: object) -> Flask:
    app = lifted_app(url, **config)

    @app.get("/birds")
    def fail():
        with app.extensions["sqlalchemy"].engine.connect() as connection:
            return str(connection.execute(text("SELECT count(*) FROM nothing")).scalar())

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


RAISE = "DO $$ BEGIN RAISE SQLSTATE '{}'; END $$"


@pytest.mark.parametrize(
    ("statement", "status"),
    [
        ("SELECT * FROM nothing", 500),
        ("SELECT nothing FROM pg_class", 500),
        ("SELEC 1", 500),
        ("SELECT 'x'::int", 500),
        ("SET TRANSACTION READ ONLY; CREATE TABLE x ()", 503),
        (RAISE.format("55P03"), 503),  # a lock
        (RAISE.format("57014"), 503),  # too slow
        (RAISE.format("57P03"), 503),  # starting
        (RAISE.format("53300"), 503),  # full
    ],
)
def test_only_what_passes_by_itself_is_an_outage(server: Cluster, caplog, statement, status):
    app = lifted_app(server.url("trusted", "app"))

    @app.get("/")
    def query():
        with app.extensions["sqlalchemy"].engine.connect() as connection:
            connection.execute(text(statement))

    answer = app.test_client().get("/")
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()
    assert answer.status_code == status
    assert answer.headers.get("Retry-After") == ("5" if status == 503 else None)
    assert not re.search("nothing|psycopg|SELE|trusted", answer.text)
    assert "Traceback (most recent call last)" in caplog.text
    assert ("table-missing: " in caplog.text) == (statement == "SELECT * FROM nothing")


@contextmanager
def mute_server() -> Iterator[tuple[str, list[int]]]:
    """A server that hangs up at once: its URL, and an item for each who called."""
    calls: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            with suppress(OSError):
                while True:
                    listener.accept()[0].close()
                    calls.append(1)

        thread = threading.Thread(target=hang_up)
        thread.start()
        port = listener.getsockname()[1]
        try:
            yield f"postgresql+psycopg2://x@127.0.0.1:{port}/x?sslmode=disable", calls
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_production_asks_the_server_nothing_of_its_own():
    with mute_server() as (url, calls):
        assert failing_app(url).test_client().get("/birds").status_code == 503
    assert len(calls) == 1


def test_an_api_tells_the_outage_in_its_own_words():
    app = failing_app(f"postgresql+psycopg2://x@127.0.0.1:{free_port()}/x")
    app.register_error_handler(503, lambda error: ({"busy": error.retry_after}, 503))
    answer = app.test_client().get("/birds")
    assert (answer.get_json(), answer.headers["Retry-After"]) == ({"busy": 5}, "5")


def test_what_the_application_handles_itself_stays_its_own():
    app = Flask("own")
    app.register_error_handler(Exception, lambda error: (type(error).__name__, 418))
    Doctor().init_app(app)
    app.add_url_rule("/", view_func=lambda: psycopg2.connect(port=free_port(), host="127.0.0.1"))
    answer = app.test_client().get("/")
    assert (answer.status_code, answer.text) == (418, "OperationalError")


@pytest.mark.parametrize("driver", [psycopg2, psycopg])
def test_a_raw_error_of_a_driver_is_answered_too(server: Cluster, driver):
    """In debug explained, in production an outage or a mistake, as ever."""
    for port, statement, expected in (
        (free_port(), "", (503, "connection-refused", 503)),
        (server.port, "SELECT * FROM nothing", (500, "table-missing", 500)),
    ):

        def query(port: int = port, statement: str = statement):
            dsn = f"host=127.0.0.1 port={port} user=trusted dbname=app"
            with closing(driver.connect(dsn)) as connection:
                connection.cursor().execute(statement)

        app = lifted_app("postgresql+psycopg2://x@127.0.0.1:1/x", DOCTOR_AHEAD=False)
        app.add_url_rule("/", view_func=query)
        production = app.test_client().get("/").status_code
        app.debug = True
        answer = app.test_client().get("/")
        got = (answer.status_code, answer.get_json()["diagnosis"]["id"], production)
        assert got == expected


def ask_for_what_is_not_there():
    return request.form["x"]


def divide():
    return str(1 / 0)


def bug():
    raise RuntimeError("a bug of ours")


@pytest.mark.parametrize("view", [ask_for_what_is_not_there, divide, bug])
def test_in_debug_what_is_unknown_ends_in_the_debugger(view):
    app = lifted_app("postgresql+psycopg2://x@127.0.0.1:1/x", DEBUG=True, DOCTOR_AHEAD=False)
    app.add_url_rule("/", view_func=view)
    app.wsgi_app = DebuggedApplication(app.wsgi_app)
    answer = app.test_client().get("/", headers={"Accept": "text/html"})
    assert "Werkzeug Debugger" in answer.text
    assert view.__name__ in answer.text
    assert "flask_doctor" not in answer.text.partition('class="plain"')[0]


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize("status", [404, 418, 500])
def test_http_errors_stay_what_they_are(debug: bool, status: int):
    app = lifted_app("postgresql+psycopg2://x@127.0.0.1:1/x", DEBUG=debug, DOCTOR_AHEAD=False)
    app.add_url_rule("/", view_func=lambda: abort(status))
    assert app.test_client().get("/").status_code == status


@pytest.mark.parametrize("trap", [True, False])
def test_in_production_a_bug_is_a_500_with_its_traceback_logged(caplog, trap: bool):
    app = lifted_app("postgresql+psycopg2://x@127.0.0.1:1/x", TRAP_HTTP_EXCEPTIONS=trap)
    app.add_url_rule("/", view_func=divide)
    assert app.test_client().get("/").status_code == 500
    assert "ZeroDivisionError" in caplog.text


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


def test_a_token_of_another_application_is_refused(client: FlaskClient, runs: list[str]):
    other = failing_app(client.application.config["SQLALCHEMY_DATABASE_URI"], DEBUG=True)
    assert post(other.test_client(), get_token(client)) == 403
    assert runs == []


def test_a_cure_that_fails_tells_why_without_the_password(client: FlaskClient, monkeypatch):
    monkeypatch.setattr(button, "_run_apart", lambda name: f"no: {PASSWORD} <b>")
    token = get_token(client)
    answer = client.post("/_doctor/", headers=ORIGIN, data={"token": token})
    assert answer.status_code == 500
    assert "no: *** &lt;b&gt;" in answer.text
    assert 'href="/birds?page=2"' in answer.text


@pytest.fixture
def cured(client: FlaskClient) -> list[Flask]:
    """The applications that another package's action has cured; /cache needs it."""
    ran: list[Flask] = []
    entry = Entry(
        "cache-missing", "There is no cache", why="Nobody made it.", fix=(), action="make-cache"
    )
    app = client.application
    state_of(app).registered.append(Action("make-cache", "Make the cache", ran.append))

    @app.get("/cache")
    def cache():
        error = LookupError("no cache")
        error.diagnosis = Diagnosis(entry)
        raise error

    return ran


def test_an_action_of_another_package_has_its_button_too(client: FlaskClient, cured: list[Flask]):
    body = client.get("/cache", headers={"Accept": "text/html"}).text
    assert "<button>Make the cache</button>" in body
    assert post(client, token_in(body)) == 303
    assert cured == [client.application]


def test_an_action_that_is_known_no_more_is_refused(client: FlaskClient, cured: list[Flask]):
    token = get_token(client, "/cache")
    state_of(client.application).registered.clear()
    assert post(client, token) == 403
    assert cured == []


def test_foreign_eyes_get_no_button(client: FlaskClient):
    for changes in ({"environ_overrides": {"REMOTE_ADDR": "192.0.2.1"}}, {"base_url": "http://x"}):
        answer = client.get("/birds", **{"headers": {"Accept": "text/html"}} | changes)
        assert "token" not in answer.text


def test_the_whole_can_be_copied_as_markdown_without_secrets(server: Cluster):
    url = server.url("secret", "app", ENCODED)
    app = lifted_app(url, DEBUG=True, DOCTOR_AHEAD=False)

    def query(password: str) -> None:
        with app.extensions["sqlalchemy"].engine.connect() as connection:
            connection.execute(text("SELECT FROM nothing WHERE password = :password"), locals())

    @app.get("/")
    def fail():
        try:
            raise ValueError(f"{url} {PASSWORD} {PASSWORD!r}")
        except ValueError:
            query(password="hunter two")

    body = html.unescape(app.test_client().get("/", headers={"Accept": "text/html"}).text)
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()
    report = re.search(r'<pre [^>]*id="report"[^>]*>(.*?)</pre>', body, re.S)[1]
    assert report.startswith("# There is no table nothing\n")
    for line in (
        f"- Python {platform.python_version()}, {platform.platform()}",
        f"- Flask {version('flask')}",
        f"- SQLAlchemy {version('sqlalchemy')}",
        f"- default: psycopg2 {version('psycopg2-binary')}, PostgreSQL 18",
    ):
        assert line in report
    traceback = report.partition("````text\nTraceback (most recent call last):\n")[2]
    assert "in fail" in traceback
    assert traceback.endswith(")\n````\n")
    for secret in (PASSWORD, repr(PASSWORD)[1:-1], ENCODED, "hunter two"):
        assert secret not in body


def test_the_page_has_a_strict_policy_and_keeps_to_it(client: FlaskClient):
    nonces = set()
    for _ in range(2):
        answer = client.get("/birds", headers={"Accept": "text/html"})
        nonce = re.search("script-src 'nonce-([^']+)'", answer.headers["Content-Security-Policy"])[
            1
        ]
        assert answer.headers["Content-Security-Policy"] == (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
            "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        )
        assert answer.headers["Cache-Control"] == "no-store"
        tags = re.findall("<(?:script|style|link|img)[^>]*>", answer.text)
        assert tags == [f'<style nonce="{nonce}">', f'<script nonce="{nonce}">']
        nonces.add(nonce)
    assert len(nonces) == 2


def test_the_page_needs_nothing_of_the_application(client: FlaskClient, tmp_path: Path):
    client.application.context_processor(lambda: 1 / 0)
    client.application.jinja_env.block_start_string = "<%"
    answer = client.get("/birds", headers={"Accept": "text/html"})
    assert "The server has no database nowhere" in answer.text


def test_the_way_back_leads_to_no_other_site(client: FlaskClient):
    for path in ("//evil.example/x", "/\\evil.example/x", "///evil.example"):
        with client.application.test_request_context(environ_overrides={"PATH_INFO": path}):
            assert button.here() == "/" + path.strip("/\\")


def wait_for(port: int) -> None:
    for _ in range(1200):
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.1)


def test_the_buttons_lead_from_no_database_to_the_page(
    server: Cluster, tmp_path: Path, programs: Path
):
    """With a real development server, its browser played by a plain HTTP client."""
    server.execute("CREATE DATABASE pressed OWNER trusted")
    project = Project(tmp_path, server.url("trusted", "pressed"), programs)
    project.do("flask db init && flask db migrate -m first")
    server.drop("pressed")
    port = free_port()
    site = f"http://localhost:{port}"
    with subprocess.Popen(
        [sys.executable, "-m", "flask", "run", "--debug", "--no-reload", "--port", str(port)],
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
    server.drop("pressed")


def open_url(url: str, data: bytes | None = None, **headers: str) -> str:
    request = urllib.request.Request(url, data, {"Accept": "text/html"} | headers)
    with urllib.request.urlopen(request, timeout=120) as answer:
        return answer.read().decode()


@pytest.mark.parametrize(
    ("code", "diagnosis", "fixed"),
    [
        (0, None, True),
        (1, {"action": None}, True),  # the next error is one that the page tells about
        (1, {"action": "upgrade"}, True),
        (1, {"action": "create-database"}, False),
        (1, None, False),
    ],
)
def test_a_button_has_worked_if_its_error_is_gone(monkeypatch, code, diagnosis, fixed):
    done = subprocess.CompletedProcess([], code, json.dumps({"diagnosis": diagnosis}), "")
    monkeypatch.setattr(button.subprocess, "run", lambda *_, **__: done)
    assert (button._run_apart("create-database") is None) is fixed


@pytest.mark.parametrize(
    ("text", "password", "shown"),
    [
        ("postgresql://x:p@ss@host/db", None, "postgresql://x:***@host/db"),
        ("password=app for the app of apps", "app", "password=*** for the *** of apps"),
        ("'p@\\n'", "p@\n", "'***'"),
    ],
)
def test_a_password_is_masked_as_a_word(text: str, password: str | None, shown: str):
    assert masked(text, password) == shown
