"""What Prometheus reads at /metrics."""

import io
from collections.abc import Iterator

import pytest
from clusters import dead_port
from flask import Flask
from flask.testing import FlaskClient
from postgres import app_on
from sqlalchemy import text

from stationsapp.extensions import db
from stationsapp.stations.feeds import csv
from stationsapp.stations.importer import import_records

FEED = b"code,name,lat,lng\na,A,1,2\nb,B,1,3\nc,C,91,3\n"


SETTINGS = {"METRICS": True, "TRUSTED_HOSTS": ["stations.example"]}


@pytest.fixture
def metered(app: Flask, database_url: str) -> Iterator[FlaskClient]:
    with app_on(database_url, DATABASE_READ_URL=database_url, **SETTINGS) as metered:
        yield metered.test_client()


def scrape(client: FlaskClient) -> dict[str, float]:
    response = client.get("/metrics", base_url="http://10.0.0.7:8000")
    assert response.status_code == 200
    lines = [line for line in response.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_there_are_none_unless_asked_for(client: FlaskClient):
    assert client.get("/metrics").status_code == 404


def test_they_are_not_given_through_a_proxy(metered: FlaskClient):
    headers = {"Host": "stations.example", "X-Forwarded-For": "192.0.2.7"}
    assert metered.get("/metrics", headers=headers).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "labels"),
    [
        (
            "GET",
            "/api/stations/7",
            'method="GET",route="/api/stations/<int:station_id>",status="404"',
        ),
        ("GET", "/no/such/thing", 'method="GET",route="unmatched",status="404"'),
        ("BREW", "/api/stations", 'method="other",route="unmatched",status="405"'),
    ],
)
def test_requests_are_counted_by_route_and_status(
    metered: FlaskClient, method: str, path: str, labels: str
):
    name = f"http_request_duration_seconds_count{{{labels}}}"
    before = scrape(metered).get(name, 0)
    metered.open(path, method=method, base_url="http://stations.example", buffered=True)
    assert scrape(metered)[name] == before + 1


def test_the_database_tells_its_state_and_what_is_in_it(metered: FlaskClient):
    import_records("fêtes", csv.read(io.BytesIO(FEED)))
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE stations"))
        version = connection.scalar(text("SHOW server_version"))
    found = scrape(metered)
    expected = {
        "database_up": 1,
        f'database_server_info{{server="primary",version="{version}"}}': 1,
        f'database_server_info{{server="replica",version="{version}"}}': 1,
        "database_replica_lag_seconds": 0,
        'database_pool_connections_in_use{engine="write"}': 0,
        'stations{source="fêtes"}': 2,
        'import_last_rows{outcome="added",source="fêtes"}': 2,
        'import_last_rows{outcome="rejected",source="fêtes"}': 1,
    }
    assert found.items() >= expected.items()
    assert found['import_last_success_timestamp_seconds{source="fêtes"}'] > 1.7e9


def test_without_the_database_the_rest_is_given():
    with app_on(f"postgresql://127.0.0.1:{dead_port()}/stations", **SETTINGS) as app:
        found = scrape(app.test_client())
    assert found["database_up"] == 0
    assert "stations" not in {name.partition("{")[0] for name in found}
