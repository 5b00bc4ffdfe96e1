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


READY = {"status": "ok", "read": True, "write": True}


def test_ready_answers_when_the_migrations_are_at_head(client: FlaskClient):
    response = client.get("/health/ready")
    assert (response.status_code, response.get_json()) == (200, READY)


def test_ready_says_that_reads_work_alone(app: Flask, client: FlaskClient):
    db.engine.dispose()
    database = db.engine.url.database
    with db.engines["read"].connect() as connection:
        set_read_only = f"ALTER DATABASE {database} SET default_transaction_read_only ="
        connection.execute(text(f"{set_read_only} on"))
        response = client.get("/health/ready")
        db.engine.dispose()
        connection.execute(text(f"{set_read_only} off"))
    expected = READY | {"status": "read-only", "write": False}
    assert (response.status_code, response.get_json()) == (200, expected)


def test_a_database_that_the_next_release_has_migrated_is_ready(app: Flask, client: FlaskClient):
    with db.engine.begin() as connection:
        head = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        connection.execute(text("UPDATE alembic_version SET version_num = 'next'"))
    response = client.get("/health/ready")
    with db.engine.begin() as connection:
        restore = text("UPDATE alembic_version SET version_num = :head").bindparams(head=head)
        connection.execute(restore)
    assert (response.status_code, response.get_json()) == (200, READY)


def test_a_balancer_may_ask_by_address(database_url: str):
    config = config_for(database_url, TRUSTED_HOSTS=["stations.example"])
    client = create_app(config).test_client()
    for path, status in [("/health/live", 200), ("/health/ready", 200), ("/", 400)]:
        assert client.get(path, base_url="http://10.0.0.7:8000").status_code == status


def test_a_database_that_is_behind_is_not_ready(app: Flask, client: FlaskClient):
    with db.engine.begin() as connection:
        head = connection.execute(text("DELETE FROM alembic_version RETURNING version_num"))
        restore = text("INSERT INTO alembic_version VALUES (:head)").bindparams(head=head.scalar())
    response = client.get("/health/ready")
    with db.engine.begin() as connection:
        connection.execute(restore)
    expected = {"status": "unavailable", "reason": "database-behind"}
    assert (response.status_code, response.get_json()) == (503, expected)
