from flask.testing import FlaskClient


def test_live_answers(client: FlaskClient):
    assert client.get("/health/live").get_json() == {"status": "ok"}


def test_ready_answers_when_the_migrations_are_at_head(client: FlaskClient):
    response = client.get("/health/ready")
    assert (response.status_code, response.get_json()) == (200, {"status": "ok"})
