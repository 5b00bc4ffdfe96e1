import csv
import io
import itertools
import json
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, text

from stationsapp import database
from stationsapp.database import Row
from stationsapp.extensions import db
from stationsapp.stations import search
from stationsapp.stations.api import reading

pytestmark = pytest.mark.usefixtures("sample_stations")


def test_a_restored_backup_gives_no_tag_out_again(client: FlaskClient):
    """As after a failover that lost the last write: what is written then is another version."""
    with db.engine.begin() as connection:
        backup = connection.execute(text("SELECT shard, version FROM station_versions")).all()
        connection.execute(text("UPDATE stations SET name = 'lost' WHERE id = 1"))
    lost = client.get("/api/stations?limit=1")
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE stations SET name = 'restored' WHERE id = 1"))
        connection.execute(text("DELETE FROM station_versions"))
        connection.execute(
            text("INSERT INTO station_versions VALUES (:shard, :version)"),
            [row._asdict() for row in backup],
        )
        connection.execute(text("UPDATE stations SET name = 'written since' WHERE id = 1"))
    headers = {"If-None-Match": lost.headers["ETag"]}
    assert client.get("/api/stations?limit=1", headers=headers).status_code == 200


def test_what_another_release_represented_is_not_fresh(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
):
    known = {"If-None-Match": client.get("/api/stations").headers["ETag"]}
    monkeypatch.setattr(reading, "SHAPE", "another release's")
    assert client.get("/api/stations", headers=known).status_code == 200


@pytest.mark.parametrize("base_url", ["https://localhost", "http://stations.example"])
def test_where_links_lead_elsewhere_the_tag_is_another(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, base_url: str
):
    monkeypatch.setitem(app.config, "TRUSTED_HOSTS", ["localhost", "stations.example"])
    first = client.get("/api/stations?limit=1")
    elsewhere = client.get(
        "/api/stations?limit=1",
        base_url=base_url,
        headers={"If-None-Match": first.headers["ETag"]},
    )
    assert elsewhere.status_code == 200
    assert elsewhere.get_json()["next"] != first.get_json()["next"]


def test_a_host_that_nobody_vouches_for_is_in_no_link(client: FlaskClient):
    response = client.get("/api/stations?limit=1", base_url="http://evil.example")
    assert response.get_json()["next"] == "/api/stations?limit=1&cursor=1"


@pytest.mark.parametrize("other", ["limit=5", "cursor=0"])
def test_all_stations_come_in_no_pages(client: FlaskClient, other: str):
    refused = client.get(f"/api/stations?all=true&{other}")
    assert refused.status_code == 422
    assert other.partition("=")[0] in refused.get_json()["detail"]


def test_the_list_comes_in_pages_that_lead_to_the_next(client: FlaskClient):
    seen, address = [], "/api/stations?limit=100"
    while address:
        response = client.get(address)
        body = response.get_json()
        seen += [station["id"] for station in body["stations"]]
        link = f'<{body["next"]}>; rel="next"' if body["next"] else None
        assert response.headers.get("Link") == link
        address = body["next"]
    assert seen == list(range(1, 272))


def test_a_page_that_is_exactly_full_is_the_last(client: FlaskClient):
    assert client.get("/api/stations?limit=271").get_json()["next"] is None


def test_a_station_is_shown_with_all_its_fields(client: FlaskClient):
    station = client.get("/api/stations/1").get_json()
    assert set(station) == {
        "id", "source", "code", "name", "lat", "lng", "properties", "created_at", "updated_at",
    }  # fmt: skip
    assert station["source"] == "sample"


def test_nearest_gives_ten_with_distances_in_metres(client: FlaskClient):
    stations = client.get("/api/stations/nearest?lat=48.8809&lng=2.3553").get_json()["stations"]
    assert len(stations) == 10
    assert stations[0]["name"] == "Gare du Nord"
    assert stations[0]["distance"] < 300


@pytest.mark.parametrize(
    ("address", "fields"),
    [
        ("/api/stations?limit=0", {"limit"}),
        ("/api/stations?limit=1001", {"limit"}),
        ("/api/stations?limit=ten", {"limit"}),
        ("/api/stations?cursor=-1", {"cursor"}),
        ("/api/stations?cursor=9223372036854775808", {"cursor"}),
        ("/api/stations?colour=red", {"colour"}),
        ("/api/stations/nearest", {"lat", "lng"}),
        ("/api/stations/nearest?lat=91&lng=0", {"lat"}),
        ("/api/stations/nearest?lat=nan&lng=inf", {"lat", "lng"}),
        ("/api/stations/nearest?lat=1e400&lng=", {"lat", "lng"}),
        ("/api/stations/nearest?lat=0&lng=180.1&limit=0&x=", {"lng", "limit", "x"}),
        ("/api/stations/nearest?lat=1_0&lng=١&radius=-1", {"lat", "lng", "radius"}),
        ("/api/stations?limit=5&limit=6", {"limit"}),
        ("/api/stations?q=&source=", {"q", "source"}),
        ("/api/stations?q=%00&source=a%00b", {"q", "source"}),
        ("/api/stations?bbox=1,2,3", {"bbox"}),
        ("/api/stations?bbox=1,2,3,nan", {"bbox"}),
        ("/api/stations?bbox=181,0,0,0", {"bbox"}),
        ("/api/stations?bbox=0,10,0,9", {"bbox"}),
        ("/api/stations?format=xml", {"format"}),
        ("/api/stations/1?limit=1", {"limit"}),
        ("/api/stations/clusters?zoom=21", {"bbox", "zoom"}),
    ],
)
def test_a_bad_parameter_is_named(client: FlaskClient, address: str, fields: set[str]):
    response = client.get(address)
    assert (response.status_code, response.content_type) == (422, "application/problem+json")
    assert set(response.get_json()["errors"]) == fields


@pytest.mark.parametrize("lat", ["1e-320", "-0", "5e-324", "90", "-90"])
@pytest.mark.parametrize("lng", ["1e-320", "180", "-180"])
def test_nearest_answers_at_any_point(client: FlaskClient, lat: str, lng: str):
    response = client.get(f"/api/stations/nearest?lat={lat}&lng={lng}")
    assert len(response.get_json()["stations"]) == 10


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("GET", "/api/stations/272", 404),
        ("GET", "/api/stations/99999999999999999999999", 404),
        ("GET", "/api/stations/one", 404),
        ("GET", "/api/nothing", 404),
        ("PUT", "/api/stations", 405),
    ],
)
def test_errors_are_problem_documents(client: FlaskClient, method, address, status):
    response = client.open(address, method=method)
    assert (response.status_code, response.content_type) == (status, "application/problem+json")
    assert response.get_json()["status"] == status


def test_the_link_carries_every_parameter_on(client: FlaskClient):
    address = "/api/stations?limit=1&q=ga&source=sample&bbox=-10,35,30,60&format=json"
    following = client.get(address).get_json()["next"]
    for parameter in address.partition("?")[2].split("&"):
        assert parameter in following
    assert "cursor=" in following


FORMATS = [
    ("json", "application/json"),
    ("geojson", "application/geo+json"),
    ("csv", "text/csv"),
]
READS = [
    "/api/stations?limit=5",
    "/api/stations?all=true",
    "/api/stations/1",
    "/api/stations/nearest?lat=1&lng=2",
    "/api/stations/clusters?bbox=-10,35,30,60&zoom=5",
]


@pytest.mark.parametrize("address", READS[:4])
@pytest.mark.parametrize(("form", "media_type"), FORMATS)
def test_a_format_is_had_by_name_and_by_accept(client, address, form, media_type):
    joiner = "&" if "?" in address else "?"
    named = client.get(f"{address}{joiner}format={form}", headers={"Accept": "image/png"})
    accepted = client.get(address, headers={"Accept": f"{media_type}, text/html;q=0.5"})
    assert named.content_type.split(";")[0] == accepted.content_type.split(";")[0] == media_type
    assert named.status_code == accepted.status_code == 200


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", "json"),
        ("*/*; q=0.5", "json"),
        ("*/*;charset=utf-8", "json"),
        ("text/html, image/gif, *; q=.2, */*; q=.2", "json"),
        ("application/*", "json"),
        ("APPLICATION/JSON;charset=UTF-8", "json"),
        ("application/problem+json", "json"),
        ("application/problem+json, text/csv", "csv"),
        ("text/csv, application/json", "json"),
        ("application/json;q=0.1, text/csv;q=0.5", "csv"),
        ("application/geo+json; charset=utf-8, */*;q=0.1", "geojson"),
        ("application/json;q=0, */*", "geojson"),
        ("application/problem+json;q=0", None),
        ("*/*;q=0", None),
        ("image/png", None),
    ],
)
def test_what_clients_send_as_accept_is_understood(client: FlaskClient, accept: str, form: str):
    response = client.get("/api/stations?limit=1", headers={"Accept": accept})
    expected = dict(FORMATS)[form] if form else "application/problem+json"
    assert (response.mimetype, response.status_code) == (expected, 200 if form else 406)


@pytest.mark.parametrize("bbox", ["bbox=5&bbox=45&bbox=11&bbox=48", "bbox=5,45&bbox=11,48"])
def test_a_box_may_come_in_parts(client: FlaskClient, bbox: str):
    pages = [client.get(f"/api/stations?limit=3&{given}") for given in (bbox, "bbox=5,45,11,48")]
    assert pages[0].get_json()["stations"] == pages[1].get_json()["stations"]
    following = [client.get(page.get_json()["next"]).get_json()["stations"] for page in pages]
    assert following[0] == following[1] != []


def test_no_format_that_is_accepted_is_a_406(client: FlaskClient):
    response = client.get("/api/stations", headers={"Accept": "image/png"})
    assert (response.status_code, response.content_type) == (406, "application/problem+json")


@pytest.mark.parametrize("address", ["/api/stations?limit=3", "/api/stations?all=true"])
def test_the_formats_hold_the_same_stations(client: FlaskClient, address: str):
    stations = client.get(address).get_json()["stations"]
    features = client.get(f"{address}&format=geojson").get_json()["features"]
    rows = list(csv.DictReader(io.StringIO(client.get(f"{address}&format=csv").text)))
    assert len(stations) == len(features) == len(rows) == (3 if "limit" in address else 271)
    for station, feature, row in zip(stations, features, rows, strict=True):
        assert feature["geometry"]["coordinates"] == [station["lng"], station["lat"]]
        assert feature["id"] == station["id"]
        columns = station.keys() - {"lat", "lng", "properties"}
        assert feature["properties"] == {
            **{name: station[name] for name in columns},
            **station["properties"],
        }
        assert {name: str(value) for name, value in station.items() if name != "properties"} == {
            name: value for name, value in row.items() if name != "properties"
        }
        assert json.loads(row["properties"]) == station["properties"]


@pytest.mark.skipif(not shutil.which("ogr2ogr"), reason="no GDAL is installed")
@pytest.mark.parametrize(
    ("form", "options"),
    [("geojson", []), ("csv", ["-oo", "X_POSSIBLE_NAMES=lng", "-oo", "Y_POSSIBLE_NAMES=lat"])],
)
def test_gdal_sees_every_station_where_it_belongs(client, tmp_path: Path, form, options):
    given = tmp_path / f"stations.{form}"
    given.write_bytes(client.get(f"/api/stations?all=true&format={form}").data)
    seen = tmp_path / "seen.csv"
    subprocess.run(
        ["ogr2ogr", "-f", "CSV", seen, given, *options, "-lco", "GEOMETRY=AS_XY"], check=True
    )
    with seen.open(encoding="utf-8") as stream:
        rows = {row["code"]: (float(row["X"]), float(row["Y"])) for row in csv.DictReader(stream)}
    stations = client.get("/api/stations?limit=1000").get_json()["stations"]
    assert rows == {
        station["code"]: pytest.approx((station["lng"], station["lat"])) for station in stations
    }


@pytest.mark.parametrize("address", READS)
def test_what_has_not_changed_is_not_sent_again(client: FlaskClient, address: str):
    first = client.get(address)
    tag = first.headers["ETag"]
    assert not tag.startswith("W/")
    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        again = client.get(address, headers={"If-None-Match": known})
        assert (again.status_code, again.data) == (304, b"")
        assert again.headers["ETag"] == tag
        assert "Accept" in again.headers["Vary"]
    assert client.get(address, headers={"If-None-Match": '"other"'}).data == first.data
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE stations SET name = 'changed' WHERE id = 1"))
    changed = client.get(address, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag


@pytest.mark.parametrize(
    ("address", "accept", "status"),
    [
        ("/api/stations?limit=x", "*/*", 422),
        ("/api/stations?format=xml", "*/*", 422),
        ("/api/stations", "image/png", 406),
        ("/api/stations/nearest", "*/*", 422),
        ("/api/stations/clusters", "*/*", 422),
    ],
)
def test_the_tag_of_a_good_request_excuses_no_bad_one(
    client: FlaskClient, address: str, accept: str, status: int
):
    for tag in (client.get("/api/stations").headers["ETag"], "*"):
        headers = {"If-None-Match": tag, "Accept": accept}
        assert client.get(address, headers=headers).status_code == status


def test_an_empty_list_has_the_version_that_it_saw(client: FlaskClient):
    address = "/api/stations?source=nobody"
    tag = client.get(address).headers["ETag"]
    assert client.get(address, headers={"If-None-Match": tag}).status_code == 304


@pytest.mark.parametrize("address", READS)
def test_head_and_options_and_other_origins_are_answered(client: FlaskClient, address: str):
    got = client.get(address)
    head = client.head(address)
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["ETag"] == got.headers["ETag"]
    assert got.headers["Access-Control-Allow-Origin"] == "*"
    assert {"ETag", "Link"} <= set(got.headers["Access-Control-Expose-Headers"].split(", "))
    options = client.options(address)
    assert {"GET", "HEAD", "OPTIONS"} <= set(options.headers["Allow"].split(", "))
    assert options.headers["Access-Control-Allow-Origin"] == "*"


def test_a_failure_shows_a_request_id_and_nothing_else(app: Flask, client: FlaskClient):
    with db.engine.begin() as connection:
        connection.execute(text("ALTER FUNCTION station_terms RENAME TO hidden"))
    app.config["PROPAGATE_EXCEPTIONS"] = False
    try:
        response = client.get("/api/stations?q=a")
    finally:
        app.config["PROPAGATE_EXCEPTIONS"] = None
        with db.engine.begin() as connection:
            connection.execute(text("ALTER FUNCTION hidden RENAME TO station_terms"))
    assert (response.status_code, response.content_type) == (500, "application/problem+json")
    assert response.get_json()["request_id"] == response.headers["X-Request-ID"]
    assert "stations" not in response.text


@pytest.mark.parametrize("address", [READS[0], READS[1], *READS[3:]])
def test_no_answer_is_newer_by_its_tag_than_by_its_stations(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, address: str
):
    """Somebody writes before each statement of an answer: at every moment that could matter."""
    written = 0

    def write(*_: object) -> None:
        nonlocal written
        written += 1
        with db.engine.begin() as connection:
            connection.execute(
                text("UPDATE stations SET name = :name, lat = lat + 0.001"), {"name": str(written)}
            )

    def read(*arguments: Any, **options: Any) -> list[Row]:
        write()
        return database.read(*arguments, **options)

    with monkeypatch.context() as interposed:
        interposed.setattr(search, "read", read)
        event.listen(db.engines["read"], "before_cursor_execute", write)
        try:
            answer = client.get(address)
        finally:
            event.remove(db.engines["read"], "before_cursor_execute", write)
    assert written
    # What that reader has may be kept, as long as it is what anybody is given now.
    known = client.get(address, headers={"If-None-Match": answer.headers["ETag"]})
    now = client.get(address)
    assert (known.status_code == 304) == (now.headers["ETag"] == answer.headers["ETag"])
    assert (known.status_code == 304) == (now.data == answer.data)


def test_no_reader_is_told_that_stale_stations_are_fresh(app: Flask, client: FlaskClient):
    """Writers count up; once a write is committed, no reader of an older number is told 304."""
    stop = threading.Event()
    committed = dict.fromkeys(range(1, 5), 0)
    update = text("UPDATE stations SET name = :number WHERE id = :id")

    def write(station: int) -> None:
        with app.app_context():
            for number in itertools.takewhile(lambda _: not stop.is_set(), itertools.count(1)):
                with db.engine.begin() as connection:
                    connection.execute(update, {"id": station, "number": str(number)})
                committed[station] = number

    with db.engine.begin() as connection:
        connection.execute(text("UPDATE stations SET name = '0' WHERE id <= 4"))
    writers = [threading.Thread(target=write, args=[station]) for station in committed]
    for writer in writers:
        writer.start()
    seen: dict[str, bytes] = {}
    overtaken = 0
    try:
        while overtaken < 60:
            response = client.get("/api/stations?limit=4")
            tag = response.headers["ETag"]
            assert seen.setdefault(tag, response.data) == response.data
            shown = {row["id"]: int(row["name"]) for row in response.get_json()["stations"]}
            stale = any(committed[station] > number for station, number in shown.items())
            again = client.get("/api/stations?limit=4", headers={"If-None-Match": tag})
            if stale:
                assert again.status_code == 200
                overtaken += 1
            elif again.status_code == 304:
                assert again.headers["ETag"] == tag
    finally:
        stop.set()
        for writer in writers:
            writer.join()
