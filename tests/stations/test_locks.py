"""Imports and requests that write the same stations: none waits for another in a circle."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from random import Random

import psycopg2
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection, event, text

from stationsapp.extensions import db
from stationsapp.stations import locks
from stationsapp.stations.feeds import Record
from stationsapp.stations.importer import import_records

BODY = {"source": "s", "code": "1", "name": "n", "lat": 1, "lng": 2}


def test_a_code_is_not_changed_while_its_source_is_imported(writer: FlaskClient):
    address = writer.post("/api/stations", json=BODY).headers["Location"]
    with db.engine.begin() as importing:
        locks.wait_for_imports(importing, "t")
        refused = writer.patch(address, json={"source": "t"})
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
        assert "source t is being imported" in refused.get_json()["detail"]
        assert writer.patch(address, json={"source": "s", "code": "2"}).status_code == 200
    assert writer.patch(address, json={"source": "t"}).status_code == 200


@pytest.fixture
def one_shard(app: Flask) -> Iterator[None]:
    """The same shard of the data version for all, which else is that of one in 32 processes."""
    with db.engine.begin() as connection:
        query = text("SELECT pg_get_functiondef('bump_station_version'::regproc)")
        function = connection.scalar(query)
        connection.connection.cursor().execute(function.replace("pg_backend_pid() % 32", "0"))
    yield
    with db.engine.begin() as connection:
        connection.connection.cursor().execute(function)


ROUNDS = 30
CODES = [str(number) for number in range(12)]


def load(app: Flask, source: str) -> None:
    with app.app_context():
        for round_ in range(ROUNDS):
            codes = [CODES[(round_ * 7 + i) % len(CODES)] for i in range(9)]  # the others vanish
            records = [Record(2, code, f"{round_}", 1.0, 2.0, {}) for code in codes]
            import_records(source, records, prune=True, force=True)


def send(source: str, client: FlaskClient) -> list[str]:
    """Write at random, and return what was answered with an error of the server."""
    random = Random(source)
    errors = []
    for _ in range(ROUNDS):
        stations = client.get("/api/stations").get_json()["stations"]
        ids = [station["id"] for station in stations] or [1]
        key = {"source": source, "code": random.choice(CODES)}
        for method, body in [
            ("PATCH", {"name": str(random.random())}),
            ("PATCH", key),
            ("POST", BODY | key),
            ("DELETE", None),
        ]:
            address = "" if method == "POST" else f"/{random.choice(ids)}"
            response = client.open(f"/api/stations{address}", method=method, json=body)
            if response.status_code >= 500:
                errors.append(response.text)
    return errors


@pytest.mark.usefixtures("one_shard")
def test_nobody_waits_in_a_circle(app: Flask, writer: FlaskClient):
    with ThreadPoolExecutor() as pool:
        imports = [pool.submit(load, app, source) for source in "st"]
        errors = [pool.submit(send, source, writer) for source in "st"]
        assert [done.result() for done in imports] == [None, None]
        told = {text for done in errors for text in done.result()}
    assert {text for text in told if "is being imported" not in text} == set()


def test_who_waits_in_a_circle_with_a_stranger_is_told_to_try_again(
    writer: FlaskClient, database_url: str
):
    """As two do who swap their codes: each has changed its row, and waits for the other's."""
    a, b = (
        writer.post("/api/stations", json=BODY | {"code": code}).headers["Location"]
        for code in "ab"
    )
    waits = "SELECT FROM pg_locks WHERE pid = %s AND NOT granted"
    with closing(psycopg2.connect(database_url)) as other, ThreadPoolExecutor() as pool:
        cursor = other.cursor()
        cursor.execute("SET deadlock_timeout = '1h'")  # PostgreSQL ends who looks first
        cursor.execute("UPDATE stations SET code = 'c' WHERE code = 'b'")
        change = "UPDATE stations SET code = 'b' WHERE code = 'a'"

        def meanwhile(connection: Connection, _: object, statement: str, *__: object) -> None:
            if "FOR UPDATE" in statement:
                waiting.append(pool.submit(cursor.execute, change))
                while not connection.exec_driver_sql(waits, (other.info.backend_pid,)).rowcount:
                    pass

        waiting: list[Future[None]] = []
        event.listen(db.engine, "after_cursor_execute", meanwhile)
        try:
            answer = writer.patch(a, json={"code": "b"})
        finally:
            event.remove(db.engine, "after_cursor_execute", meanwhile)
        waiting[0].result()
    db.session.rollback()  # as at the end of a request that is no test's
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
    assert writer.patch(a, json={"code": "d"}).status_code == 200
    assert writer.patch(b, json={"code": "a"}).status_code == 200
