from clusters import dead_port
from flask import Flask
from flask.testing import FlaskClient
from postgres import config_for
from sqlalchemy import text

from stationsapp import create_app
from stationsapp.extensions import db


def test_live_answers_even_without_a_database():
    app = create_app(config_for(f"postgresql://127.0.0.1:{dead_port()}/stations"))
    assert app.test_client().get("/health/live").get_json() == {"status": "ok"}


def test_ready_answers_when_the_migrations_are_at_head(client: FlaskClient):
    response = client.get("/health/ready")
    assert (response.status_code, response.get_json()) == (200, {"status": "ok"})


def test_a_database_that_is_behind_is_not_ready(app: Flask, client: FlaskClient):
    with db.engine.begin() as connection:
        head = connection.execute(text("DELETE FROM alembic_version RETURNING version_num"))
        restore = text("INSERT INTO alembic_version VALUES (:head)").bindparams(head=head.scalar())
    response = client.get("/health/ready")
    with db.engine.begin() as connection:
        connection.execute(restore)
    expected = {"status": "unavailable", "reason": "database-behind"}
    assert (response.status_code, response.get_json()) == (503, expected)
