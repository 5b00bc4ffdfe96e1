"""The doctor meets you before the error: whom, how often, and with what."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from clusters import Cluster, dead_port, lifted_app
from flask import Blueprint, Flask
from flask.testing import FlaskClient
from flask_doctor import ahead, button, examine
from flask_doctor.catalogue import ENTRIES
from flask_doctor.diagnosis import Diagnosis

BROWSER = {"Accept": "text/html"}
BEHIND = Diagnosis(ENTRIES["database-behind"], {"database": "app"})


class Looks:
    """What each look finds, how many there were, and the time that it is."""

    def __init__(self) -> None:
        self.found: Diagnosis | None = BEHIND
        self.count = 0
        self.now = 0.0
        self.during: Callable[[], object] = lambda: None

    def __call__(self, app: Flask) -> Diagnosis | None:
        self.count += 1
        self.during()
        return self.found


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    """Looks that find the database behind, while the clock stands still."""
    fake = Looks()
    monkeypatch.setattr(examine, "look", fake)
    monkeypatch.setattr(ahead, "monotonic", lambda: fake.now)
    return fake


def healthy_app(**config: object) -> Flask:
    """An application whose only page needs no database."""
    app = lifted_app(f"postgresql+psycopg2://x@127.0.0.1:{dead_port()}/x", **config)
    app.add_url_rule("/", view_func=lambda: "the page", methods=["GET", "POST"])
    return app


@pytest.fixture
def app() -> Flask:
    return healthy_app(DEBUG=True)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.mark.parametrize(("path", "method"), [("/", "GET"), ("/", "POST"), ("/nowhere", "GET")])
def test_whatever_was_asked_for_a_browser_gets_the_page(looks, client, path, method):
    answer = client.open(path, method=method, headers=BROWSER)
    assert answer.status_code == 503
    assert "Database app is behind the migrations" in answer.text
    assert "<button>Upgrade the database</button>" in answer.text
    assert "DOCTOR_AHEAD" in answer.text
    assert "Traceback" not in answer.text


def test_other_clients_get_a_problem_document(looks, client):
    answer = client.get("/")
    assert (answer.status_code, answer.content_type) == (503, "application/problem+json")
    assert answer.get_json()["diagnosis"]["id"] == "database-behind"


def test_nothing_of_the_application_runs_before(looks, app):
    ran = []
    app.before_request(lambda: ran.append("before"))
    assert app.test_client().get("/").status_code == 503
    assert ran == []


@pytest.mark.parametrize(
    "config", [{"DEBUG": True, "DOCTOR_AHEAD": False}, {"DEBUG": False}], ids=["setting", "debug"]
)
def test_it_can_be_switched_off(looks, config):
    assert healthy_app(**config).test_client().get("/").text == "the page"
    assert looks.count == 0


def test_debug_may_be_switched_on_after_the_start(looks):
    app = healthy_app()
    app.debug = True  # as app.run(debug=True) does
    assert app.test_client().get("/").status_code == 503


def test_static_files_are_served_all_the_same(looks, tmp_path: Path):
    (tmp_path / "style.css").write_text("body {}")
    app = healthy_app(DEBUG=True)
    app.static_folder = tmp_path
    part = Blueprint("part", __name__, static_folder=tmp_path, static_url_path="/part")
    app.register_blueprint(part)
    for path in ("/static/style.css", "/part/style.css"):
        with app.test_client().get(path) as answer:
            assert answer.text == "body {}"
    assert looks.count == 0


@pytest.mark.parametrize("entry", ahead.HARMLESS)
def test_what_harms_no_page_is_left_to_the_query_that_it_harms(looks, client, entry):
    looks.found = Diagnosis(ENTRIES[entry], {})
    assert client.get("/").text == "the page"


@pytest.mark.parametrize("found", [None, BEHIND])
def test_one_look_answers_many_requests(looks, client, found):
    looks.found = found
    assert len({client.get("/").status_code for _ in range(50)}) == 1
    assert looks.count == 1


@pytest.mark.parametrize(
    ("found", "took", "lasts"), [(BEHIND, 0, 1), (BEHIND, 3, 1), (None, 0, 1), (None, 0.5, 25)]
)
def test_an_answer_is_good_for_a_second(looks, client, found, took, lasts):
    """Only where a look at a healthy database is dear is it good for longer."""

    def pass_time() -> None:
        looks.now += took

    looks.found, looks.during = found, pass_time
    client.get("/")
    for later, count in ((lasts, 1), (0.01, 2)):
        looks.now += later
        client.get("/")
        assert looks.count == count


def test_the_button_makes_it_look_again(looks, client, monkeypatch):
    monkeypatch.setattr(button, "_run_apart", lambda name: None)
    body = client.get("/", headers=BROWSER).text
    looks.found = None
    token = body.partition('name="token" value="')[2].partition('"')[0]
    client.post("/_doctor/", data={"token": token}, headers={"Origin": "http://localhost"})
    assert client.get("/").text == "the page"


def test_two_applications_share_nothing(looks):
    first, second = (healthy_app(DEBUG=True).test_client() for _ in range(2))
    assert first.get("/").status_code == 503
    looks.found = None
    assert second.get("/").text == "the page"


def test_a_look_that_fails_hinders_nobody(looks, client):
    looks.during = lambda: 1 / 0
    assert client.get("/").text == "the page"


@pytest.fixture
def slow(looks: Looks) -> Iterator[tuple[threading.Event, threading.Event]]:
    """Looks that last until they are let go: (one has begun, let them end)."""
    begun, ended = threading.Event(), threading.Event()
    looks.during = lambda: (begun.set(), ended.wait())
    yield begun, ended
    ended.set()


def visit(app: Flask, answers: list[int]) -> threading.Thread:
    thread = threading.Thread(
        target=lambda: answers.append(app.test_client().get("/").status_code), daemon=True
    )
    thread.start()
    return thread


def test_while_one_looks_others_take_the_last_answer(looks, app, slow):
    begun, ended = slow
    ended.set()
    looks.found = None
    assert app.test_client().get("/").text == "the page"
    begun.clear()
    ended.clear()
    looks.now, looks.found = 2, BEHIND
    first: list[int] = []
    looking = visit(app, first)
    assert begun.wait(30)
    other: list[int] = []
    visit(app, other).join(30)
    assert (first, other) == ([], [200])
    ended.set()
    looking.join(30)
    assert (first, looks.count) == ([503], 2)


def test_the_very_first_answer_is_waited_for(looks, app, slow):
    begun, ended = slow
    answers: list[int] = []
    threads = [visit(app, answers) for _ in range(4)]
    assert begun.wait(30)
    assert answers == []
    ended.set()
    for thread in threads:
        thread.join(30)
    assert (answers, looks.count) == ([503] * 4, 1)


def found(app: Flask) -> str | None:
    """Return what a new application's first request is met with."""
    answer = app.test_client().get("/")
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()
    return answer.get_json()["diagnosis"]["id"] if answer.status_code == 503 else None


def test_a_database_that_cannot_be_used_is_met(server: Cluster):
    assert found(healthy_app(DEBUG=True)) == "connection-refused"
    app = lifted_app(server.url("trusted", "not_there"), DEBUG=True)
    assert found(app) == "database-missing"
