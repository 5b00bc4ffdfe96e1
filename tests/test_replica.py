"""Who writes reads what he wrote: with a real standby, which has stopped to replay."""

from collections.abc import Iterator

import pytest
from clusters import Cluster, dead_port
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from postgres import app_on

from stationsapp.extensions import db

BODY = {"code": "1", "name": "Here", "lat": 1, "lng": 2}


@pytest.fixture(scope="module")
def lagging() -> Iterator[Flask]:
    """An application whose reads go to a standby that knows of no station, and learns of none."""
    primary, standby = Cluster(), Cluster()
    try:
        primary.make()
        primary.start()
        with app_on(primary.url()) as app, app.app_context():
            upgrade()
        place = ("-h", "127.0.0.1", "-p", str(primary.port), "-U", "postgres")
        options = ("-D", str(standby.data), "-R", "--checkpoint=fast", "--no-sync")
        standby.run("pg_basebackup", *place, *options)
        standby.start()
        standby.execute("SELECT pg_wal_replay_pause()")
        with app_on(primary.url(), DATABASE_READ_URL=standby.url()) as app:
            yield app
    finally:
        standby.remove()
        primary.remove()


@pytest.fixture
def token(lagging: Flask) -> Iterator[dict[str, str]]:
    """The header of one who may write; the stations are gone afterwards, on the primary."""
    runner = lagging.test_cli_runner()
    secret = runner.invoke(args=["tokens", "create", "t"]).stdout.strip()
    yield {"Authorization": f"Bearer {secret}"}
    with lagging.app_context(), db.engine.begin() as connection:
        connection.exec_driver_sql("TRUNCATE stations, api_tokens CASCADE")


@pytest.fixture
def address(lagging: Flask, token: dict[str, str]) -> str:
    """Where a station is that somebody else has made."""
    made = lagging.test_client().post("/api/stations", json=BODY, headers=token)
    return made.headers["Location"]


def names(client: FlaskClient, **options: dict[str, str]) -> list[str]:
    stations = client.get("/api/stations", **options).get_json()["stations"]
    return [station["name"] for station in stations]


def test_others_read_from_the_replica(lagging: Flask, address: str):
    assert names(lagging.test_client()) == []


def test_what_was_made_is_at_its_location_at_once(lagging: Flask, address: str):
    stranger = lagging.test_client(use_cookies=False)
    assert stranger.get(address).get_json()["name"] == "Here"
    assert stranger.get(f"{address}0").status_code == 404


@pytest.mark.parametrize("by", ["cookie", "token"])
def test_who_writes_reads_what_he_wrote(
    lagging: Flask, address: str, token: dict[str, str], by: str
):
    client = lagging.test_client(use_cookies=by == "cookie")
    reading = {"headers": token} if by == "token" else {}
    client.patch(address, json={"name": "There"}, headers=token)
    assert client.get(address, **reading).get_json()["name"] == "There"
    assert names(client, **reading) == ["There"]
    client.delete(address, headers=token)
    assert client.get(address, **reading).status_code == 404
    assert names(client, **reading) == []


def test_the_cookie_lasts_for_some_seconds(lagging: Flask, token: dict[str, str]):
    client = lagging.test_client()
    client.post("/api/stations", json=BODY, headers=token)
    cookie = client.get_cookie("primary")
    assert cookie is not None
    assert (cookie.max_age, cookie.http_only, cookie.same_site) == (10, True, "Lax")


def test_who_has_written_reads_on_when_the_primary_is_gone(database_url: str):
    gone = f"postgresql://127.0.0.1:{dead_port()}/gone"
    with app_on(gone, DATABASE_READ_URL=database_url) as other:
        client = other.test_client()
        client.set_cookie("primary", "1")
        assert client.get("/api/stations").status_code == 200
