from flask.testing import FlaskClient
from sqlalchemy import text

from starterapp.extensions import db


def test_it_is_alive_and_ready(client: FlaskClient):
    assert client.get("/health/live").json == {"status": "ok"}
    assert client.get("/health/ready").json == {"status": "ok"}


def test_a_database_that_is_behind_is_not_ready(client: FlaskClient):
    revision = db.session.scalar(text("DELETE FROM alembic_version RETURNING version_num"))
    db.session.commit()
    response = client.get("/health/ready")
    db.session.execute(text("INSERT INTO alembic_version VALUES (:id)"), {"id": revision})
    db.session.commit()
    assert (response.status_code, response.json["reason"]) == (503, "database-behind")
