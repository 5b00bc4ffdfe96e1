"""What the log says of a request, and of what failed: with its id, and without a user's values."""

import json
import logging

import pytest
from clusters import dead_port
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from config import ProductionConfig
from stationsapp import create_app
from stationsapp.extensions import db
from stationsapp.logs import JsonFormatter, LineFormatter, request_id


def production(url: str) -> FlaskClient:
    settings = {"DATABASE_URL": url, "SECRET_KEY": "x" * 16, "TRUSTED_HOSTS": ["localhost"]}
    return create_app(type("Config", (ProductionConfig,), settings)).test_client()


@pytest.mark.parametrize(
    ("given", "taken"),
    [("a-1.B:2/c=", True), ("x" * 128, True), ("x" * 129, False), ('a"b', False), ("é", False)],
)
def test_a_request_has_the_id_that_it_brings_or_a_new_one(
    client: FlaskClient, given: str, taken: bool
):
    response = client.get("/health/live", headers={"X-Request-ID": given})
    own = response.headers["X-Request-ID"]
    assert (own == given) is taken
    assert taken or len(own) == 32


def test_a_request_is_one_line_of_json_without_its_query(
    app: Flask, database_url: str, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    address = "/api/stations/nearest?lat=48.85&lng=2.35&limit=1"
    production(database_url).get(address, headers={"X-Request-ID": "one"}, buffered=True)
    [line] = map(JsonFormatter().format, caplog.records)
    assert "48.85" not in line
    fields = json.loads(line)
    assert fields.pop("seconds") >= 0
    assert fields.pop("time")
    assert fields == {
        "level": "INFO",
        "logger": "stationsapp.requests",
        "message": "GET /api/stations/nearest 200",
        "request_id": "one",
        "method": "GET",
        "path": "/api/stations/nearest",
        "status": 200,
        "client": "127.0.0.1",
    }


def test_an_outage_is_a_line_for_each_request_and_a_traceback_once_a_minute(
    caplog: pytest.LogCaptureFixture,
):
    client = production(f"postgresql://127.0.0.1:{dead_port()}/stations")
    for number in range(3):
        response = client.get("/api/stations", headers={"X-Request-ID": f"no-{number}"})
        assert (response.status_code, response.json["request_id"]) == (503, f"no-{number}")
    failed = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [bool(record.exc_info) for record in failed] == [True, False, False]
    assert failed[1].getMessage() == "GET /api/stations failed (connection-refused)"
    assert json.loads(JsonFormatter().format(failed[0]))["diagnosis"] == "connection-refused"


VALUE = 'sec"ret\n\nsecret'


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("SELECT CAST(:value AS integer)", "invalid input syntax for type integer"),
        ("SELECT nothing FROM stations WHERE name = :value", "does not exist"),
        (
            "INSERT INTO stations (source, code, name, lat, lng) "
            "VALUES ('s', 'c', :value, 0, 0), ('s', :value, 'n', 0, 0), ('s', :value, 'n', 0, 0)",
            "duplicate key value violates unique constraint",
        ),
        (
            "INSERT INTO stations (source, code, name, lat, lng) VALUES ('s', :value, 'n', 91, 0)",
            "violates check constraint",
        ),
    ],
)
def test_no_value_of_a_user_is_in_productions_log(app: Flask, statement: str, said: str):
    with pytest.raises(DBAPIError) as caught:
        db.session.execute(text(statement), {"value": VALUE})
    error = (DBAPIError, caught.value, None)
    line = JsonFormatter().format(
        logging.LogRecord("x", logging.ERROR, "", 0, "failed", None, error)
    )
    assert said in line
    assert "%(value)s" in line
    assert "secret" not in line
    assert "sec\\" not in line


def test_a_developer_reads_words_with_the_id_after_them():
    request_id.set("one")
    record = logging.LogRecord("x", logging.WARNING, "a.py", 1, "careful", None, None)
    assert LineFormatter().format(record).endswith("WARNING in a: careful [one]")


def test_half_a_character_does_not_break_a_line():
    record = logging.LogRecord("x", logging.WARNING, "a.py", 1, "\ud800", None, None)
    assert json.loads(JsonFormatter().format(record))["message"] == "\ud800"
