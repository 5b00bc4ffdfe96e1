"""The notes on exceptions: no false alarm, and no harm."""

import psycopg2
import pytest
from clusters import Cluster, dead_port, engine_of, lifted_app
from flask import abort
from flask_doctor import notes, recognise, refusal
from flask_doctor.rules import connecting
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError


def query(engine: Engine, statement: str) -> None:
    with engine.connect() as connection:
        connection.execute(text(statement))


def test_ordinary_errors_get_no_note(server: Cluster):
    app = lifted_app(server.url("trusted", "app"))
    for statement in ("SELECT 1/0", "SELECT 'x'::int"):
        with engine_of(app) as engine, pytest.raises(SQLAlchemyError) as caught:
            query(engine, statement)
        assert not hasattr(caught.value, "__notes__")


def test_a_unique_violation_and_a_null_get_no_note(server: Cluster):
    app = lifted_app(server.url("trusted", "app"))
    with engine_of(app) as engine:
        for values in ("(1), (1)", "(NULL)"):
            with engine.connect() as connection:
                connection.execute(text("CREATE TEMP TABLE once (id int PRIMARY KEY)"))
                with pytest.raises(SQLAlchemyError) as caught:
                    connection.execute(text(f"INSERT INTO once VALUES {values}"))
                connection.rollback()
            assert not hasattr(caught.value, "__notes__")


def test_a_404_stays_one(server: Cluster):
    app = lifted_app(server.url("trusted", "app"), DEBUG=True, DOCTOR_AHEAD=False)
    app.add_url_rule("/gone", view_func=lambda: abort(404))
    assert app.test_client().get("/gone").status_code == 404


def test_an_error_inside_the_doctor_hides_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(notes, "diagnose", lambda *_, **__: 1 / 0)
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
