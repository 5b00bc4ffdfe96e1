"""The notes on exceptions: no false alarm, and no harm."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg2
import pytest
from clusters import Cluster, dead_port, engine_of, lifted_app
from flask import abort
from flask_doctor import notes, recognise, refusal
from flask_doctor.rules import connecting, looking
from project import APP, Project
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError


@pytest.fixture
def project(server: Cluster, tmp_path: Path) -> Iterator[Project]:
    server.execute("CREATE DATABASE noted OWNER trusted")
    yield Project(tmp_path, server.url("trusted", "noted"))
    server.drop("noted")


def query(engine: Engine, statement: str) -> None:
    with engine.connect() as connection:
        connection.execute(text(statement))


def test_an_error_that_nobody_knows_gets_no_note(server: Cluster):
    app = lifted_app(server.url("trusted", "app"))
    with engine_of(app) as engine, pytest.raises(SQLAlchemyError) as caught:
        query(engine, "DO $$ BEGIN RAISE 'as the application wants it'; END $$")
    assert not hasattr(caught.value, "__notes__")


ONCE = "CREATE TEMP TABLE once (id int PRIMARY KEY)"
REFUSED = {
    "INSERT INTO once VALUES (4711), (4711)": "key-taken",
    "INSERT INTO once VALUES (NULL)": "value-missing",
    "SELECT '4711x'::int": "text-not-a-value",
    "SELECT 1/0": "division-by-zero",
}


@pytest.mark.parametrize("statement", REFUSED)
def test_a_request_in_production_says_nothing_of_values(
    server: Cluster, monkeypatch: pytest.MonkeyPatch, statement: str
):
    """Applications catch these errors, and their values are nobody's business in a log."""
    app = lifted_app(server.url("trusted", "app"))
    caught: list[BaseException] = []

    @app.get("/")
    def index():
        with app.extensions["sqlalchemy"].engine.connect() as connection:
            connection.execute(text(ONCE))
            try:
                connection.execute(text(statement))
            except SQLAlchemyError as error:
                caught.append(error)
                connection.rollback()
        return "ok"

    monkeypatch.setattr(looking, "looking", lambda *_: pytest.fail("it looks"))
    assert app.test_client().get("/").text == "ok"
    assert not hasattr(caught[0], "__notes__")
    monkeypatch.undo()
    app.debug = True
    app.config["DOCTOR_AHEAD"] = False
    assert app.test_client().get("/").text == "ok"
    assert caught[1].diagnosis.entry.id == REFUSED[statement]


def test_what_follows_from_an_error_names_it_without_values_in_production(server: Cluster):
    app = lifted_app(server.url("trusted", "app"))
    caught: list[BaseException] = []

    @app.get("/")
    def index():
        with app.extensions["sqlalchemy"].engine.connect() as connection:
            with suppress(SQLAlchemyError):
                connection.execute(text("SELECT '4711x'::int"))
            try:
                connection.execute(text("SELECT 1"))
            except SQLAlchemyError as error:
                caught.append(error)
        return "ok"

    app.test_client().get("/")
    assert "It happened at" in caught[0].__notes__[0]
    assert '"4711x"' not in caught[0].__notes__[0]


def test_hidden_parameters_stay_hidden(server: Cluster):
    options = {"hide_parameters": True}
    app = lifted_app(server.url("trusted", "app"), SQLALCHEMY_ENGINE_OPTIONS=options)
    with engine_of(app) as engine, engine.connect() as connection:
        connection.execute(text(ONCE))
        values = {"n": 4711}
        with pytest.raises(SQLAlchemyError) as caught:
            connection.execute(text("INSERT INTO once VALUES (:n), (:n)"), values)
    assert "4711" not in caught.value.__notes__[0]


def test_what_ends_a_thread_or_a_script_is_explained(project: Project):
    project.write(
        "work.py",
        "from threading import Thread\nfrom app import Bird, app, db\n"
        "thread = Thread(target=lambda: db.session.query(Bird).all())\n"
        "thread.start()\nthread.join()\n"
        "with app.app_context():\n    db.create_all()\n"
        "    db.session.add(Bird(id=1, name='a'))\n    db.session.commit()\n"
        "    db.session.add(Bird(name='b'))\n    db.session.commit()\n",
    )
    output = project.run("python work.py")
    assert "no-app-context: " in output
    assert "Where: work.py, line 3: thread =" in output
    assert "id-taken: The next id for table birds is already taken" in output
    assert "Where: work.py, line 11: db.session.commit()" in output


def test_an_error_in_the_shell_is_explained(project: Project):
    output = project.run("echo 'db.session.query(Bird).find(1)' | flask shell")
    assert "query-method-unknown: " in output


def test_an_error_of_a_command_that_shows_no_traceback_is_explained(project: Project):
    project.write(
        "app.py",
        f"{APP}\nimport click\n\n\n@app.cli.command('count')\ndef count():\n"
        "    try:\n        print(db.session.query(Bird).count())\n"
        "    except Exception as error:\n"
        "        raise click.ClickException('no birds') from error\n",
    )
    assert project.diagnosis("flask count", "Error: no birds") == "no-migrations-folder"
    assert "Traceback" not in project.output


def test_an_error_at_import_time_is_explained_where_the_application_is_run(project: Project):
    project.write("app.py", f"{APP}\nprint(Bird.query.all())\n")
    output = project.run("python app.py")
    assert "no-app-context: " in output
    assert "Where: app.py, line" in output


def test_a_404_stays_one(server: Cluster):
    app = lifted_app(server.url("trusted", "app"), DEBUG=True, DOCTOR_AHEAD=False)
    app.add_url_rule("/gone", view_func=lambda: abort(404))
    assert app.test_client().get("/gone").status_code == 404


def test_an_error_inside_the_doctor_hides_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(recognise, "diagnose", lambda *_, **__: 1 / 0)
    app = lifted_app(f"postgresql+psycopg2://x@127.0.0.1:{dead_port()}/x")
    with engine_of(app) as engine, pytest.raises(OperationalError, match="Connection refused"):
        engine.connect()


def test_no_request_in_production_examines_the_server(
    server: Cluster, monkeypatch: pytest.MonkeyPatch
):
    """What libpq doesn't say in English stays unknown then, and is answered by its class."""
    monkeypatch.setattr(connecting, "by_text", lambda *_: None)
    looks: list[object] = []
    monkeypatch.setattr(refusal, "examine", lambda *arguments: looks.append(arguments))
    monkeypatch.setattr(
        connecting.libpq, "decisive", lambda message: connecting.libpq.Attempt("h", "1", message)
    )
    app = lifted_app(server.url("ghost", "app"))
    app.add_url_rule("/", view_func=lambda: str(app.extensions["sqlalchemy"].engine.connect()))
    assert app.test_client().get("/").status_code == 503
    assert looks == []
    with engine_of(app) as engine, pytest.raises(OperationalError):
        engine.connect()
    assert len(looks) == 1


def test_a_raw_error_of_the_driver_is_known_by_its_text():
    with pytest.raises(psycopg2.OperationalError) as caught:
        psycopg2.connect(host="127.0.0.1", port=dead_port(), dbname="x")
    assert recognise.diagnose(caught.value).entry.id == "connection-refused"


def test_a_note_is_added_once():
    app = lifted_app(f"postgresql+psycopg2://x@127.0.0.1:{dead_port()}/x")
    with engine_of(app) as engine, pytest.raises(OperationalError) as caught:
        engine.connect()
    notes.annotate(caught.value)
    assert len(caught.value.__notes__) == 1
