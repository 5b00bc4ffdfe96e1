import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from stationsapp.extensions import db
from stationsapp.models import ApiToken

BODY = {"code": "1", "name": "Here", "lat": 1, "lng": 2}


def tokens(app: Flask, *arguments: str):
    return app.test_cli_runner().invoke(args=["tokens", *arguments])


def write(client: FlaskClient, token: str | None) -> int:
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    return client.post("/api/stations", json=BODY, headers=headers).status_code


def test_a_token_is_shown_once_and_kept_as_a_digest(app: Flask, client: FlaskClient):
    token = tokens(app, "create", "mine").stdout.strip()
    kept = db.session.scalars(select(ApiToken)).one()
    assert len(token) == 43  # 256 bits in base64
    assert token not in str(kept.json())
    assert write(client, token) == 201


def test_a_revoked_token_is_refused_at_once(app: Flask, client: FlaskClient):
    token = tokens(app, "create", "mine").stdout.strip()
    assert tokens(app, "revoke", "mine").exit_code == 0
    assert write(client, token) == 401
    assert "revoked" in tokens(app, "list").stdout


def test_the_name_of_a_revoked_token_can_be_used_again(app: Flask, client: FlaskClient):
    first, second = (revoked_and_new(app, "mine") for _ in range(2))
    assert (write(client, first), write(client, second)) == (401, 201)
    listed = [line.split("\t") for line in tokens(app, "list").stdout.splitlines()]
    assert [(name, state.partition(" ")[0]) for name, _, state in listed] == [
        ("mine", "revoked"),
        ("mine", "valid"),
    ]
    assert tokens(app, "revoke", "mine").exit_code == 0
    assert write(client, second) == 401
    assert "no valid token" in tokens(app, "revoke", "mine").stderr


def revoked_and_new(app: Flask, name: str) -> str:
    tokens(app, "revoke", name)
    return tokens(app, "create", name).stdout.strip()


@pytest.mark.parametrize("token", [None, "", "wrong", "\ud800", "a" * 5000])
def test_without_a_valid_token_nothing_is_written(client: FlaskClient, token: str | None):
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    for method, address in [("POST", "/api/stations"), ("PATCH", "/api/stations/1"),
                            ("DELETE", "/api/stations/1")]:  # fmt: skip
        response = client.open(address, method=method, json=BODY, headers=headers)
        assert (response.status_code, response.content_type) == (401, "application/problem+json")
        assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_mistakes_at_the_command_line_are_one_line(app: Flask):
    tokens(app, "create", "mine")
    for result in [tokens(app, "create", "mine"), tokens(app, "revoke", "yours")]:
        assert result.exit_code == 1
        assert result.stderr.startswith("Error: there is ")
    for name in ["", "a\tb", "\udcff", "x" * 101]:
        assert "expected 1 to 100 printable" in tokens(app, "create", name).stderr
