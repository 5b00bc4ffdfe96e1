"""Editing with OGC API Features, Part 4 (draft), as QGIS, GDAL and others do it."""

import base64
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from stationsapp.extensions import db
from stationsapp.models import Station

ITEMS = "/ogc/collections/stations/items"
ITEM = f"{ITEMS}/1"
PATCH = "application/merge-patch+json"
PROPERTIES = {"source": "ours", "code": "1", "name": "Here", "tracks": 4, "lines": ["S1", "S2"]}
POINT = {"type": "Point", "coordinates": [8.54031234567, 47.3779]}
FEATURE = {"type": "Feature", "geometry": POINT, "properties": PROPERTIES}


@pytest.fixture
def made(writer: FlaskClient) -> FlaskClient:
    """A client that has made the first station."""
    assert send(writer, "POST", FEATURE).status_code == 201
    return writer


def send(
    client: FlaskClient, method: str, body: Any, kind: str = "", **headers: str
) -> TestResponse:
    path = ITEMS if method == "POST" else ITEM
    kind = kind or (PATCH if method == "PATCH" else "application/geo+json")
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.open(path, method=method, json=body, content_type=kind, headers=headers)


def station() -> Station:
    found = db.session.scalar(select(Station).execution_options(populate_existing=True))
    assert found is not None
    return found


def with_properties(**properties: Any) -> dict:
    return FEATURE | {"properties": PROPERTIES | properties}


def test_a_new_feature_has_an_address_that_ends_in_its_id(writer: FlaskClient):
    created = send(writer, "POST", FEATURE)
    assert created.status_code == 201
    assert created.headers["Location"] == f"http://localhost{ITEM}"
    assert created.get_json() == writer.get(ITEM).get_json()
    assert created.headers["ETag"] == writer.get(ITEM).headers["ETag"]
    kept = station()
    assert (kept.source, kept.code, kept.name) == ("ours", "1", "Here")
    assert (kept.lng, kept.lat) == tuple(POINT["coordinates"])
    assert kept.properties == {"tracks": 4, "lines": ["S1", "S2"]}
    assert kept.changed_by.name == "t"
    assert send(writer, "POST", FEATURE).status_code == 200  # a retry is safe
    assert send(writer, "POST", with_properties(name="There")).status_code == 409


@pytest.mark.parametrize(
    ("path", "methods"),
    [(ITEMS, {"GET", "HEAD", "OPTIONS", "POST"})]
    + [(f"{ITEMS}/{i}", {"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"}) for i in (1, "x")],
)
def test_options_name_the_methods_by_which_qgis_decides(client, path: str, methods: set[str]):
    response = client.options(path)
    assert response.status_code == 200
    assert set(response.headers["Allow"].split(", ")) == methods


@pytest.mark.parametrize("user", ["", "ada"])
def test_the_token_is_the_password_of_any_user(client: FlaskClient, token: str, user: str):
    coded = base64.b64encode(f"{user}:{token}".encode()).decode()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Basic {coded}"
    assert send(client, "POST", FEATURE).status_code == 201
    assert station().changed_by.name == "ada"


@pytest.mark.parametrize(
    ("authorization", "asks"),
    [
        ("", "Basic"),
        ("Basic", "Basic"),
        ("Basic eDp5", "Basic"),
        ("Basic eDo=", "Basic"),
        ("Basic !", "Basic"),
        ("Bearer x", "Bearer"),
        ("Digest x", "Basic"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_without_a_token_nothing_is_edited(made, method: str, authorization: str, asks: str):
    made.environ_base["HTTP_AUTHORIZATION"] = authorization
    refused = send(made, method, with_properties(code="2"))
    assert refused.status_code == 401
    assert refused.content_type == "application/problem+json"
    assert refused.headers["WWW-Authenticate"].startswith(asks)
    assert station().code == "1"


def test_what_is_read_can_be_sent_back_and_changes_nothing(made: FlaskClient):
    before = made.get(ITEM)
    for method in ("PUT", "PATCH"):
        after = send(made, method, before.get_json())
        assert after.status_code == 200
        assert after.headers["ETag"] == before.headers["ETag"]
    # Its time is another, so no update has reached the table.
    assert made.get(ITEM).data == before.data


NESTED = {
    **{
        "name": "its own name",
        "properties.name": "deeper",
        "distance": 5,
        "geojson": {"x": 1, "coordinates": [408]},
    },
    **{"none": None, "flag": True, "one": 1, "float": 1.5, "object": {"a": [1]}, "": "no name"},
}


def test_what_clashes_is_read_and_sent_back_as_it_is(writer: FlaskClient):
    values = {"source": "a", "code": "1", "name": "N", "lat": 1.123456789, "lng": 2}
    writer.post("/api/stations", json=values | {"properties": NESTED})
    feature = writer.get(ITEM).get_json()
    assert feature["properties"]["name"] == "N"
    assert feature["properties"]["properties.name"] == "its own name"
    assert send(writer, "PUT", feature).status_code == 200
    assert writer.get(ITEM).get_json() == feature
    assert station().properties == NESTED


# As QGIS and GDAL change features that they only read and write.
LOSSES = [
    {"geometry": {"type": "Point", "coordinates": [8.540312, 47.3779]}},  # six digits
    {"geometry": {"type": "MultiPoint", "coordinates": [POINT["coordinates"]]}},
    {"properties": PROPERTIES | {"lines": '["S1","S2"]'}},
    {"properties": PROPERTIES | {"tracks": 4.0}},
    {"properties": PROPERTIES | {"column of another feed": None, "id": None}},
    {"properties": PROPERTIES | {"id": 99, "updated_at": "2026-01-01", "created_at": None}},
    {"id": 99, "links": [], "bbox": [1, 2, 3, 4], "timeStamp": "x"},
]


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_what_a_gis_loses_isnt_a_change(made: FlaskClient, loss: dict):
    before = made.get(ITEM).data
    assert send(made, "PUT", FEATURE | loss).status_code == 200
    assert made.get(ITEM).data == before


def test_a_height_is_kept_as_an_import_keeps_it(made: FlaskClient):
    high = {"type": "Point", "coordinates": [1.5, 2.5, 408.0]}
    assert send(made, "PATCH", {"geometry": high}).get_json()["geometry"] == high
    flat = {"type": "Point", "coordinates": [3, 4]}
    moved = send(made, "PUT", FEATURE | {"geometry": flat}).get_json()["geometry"]
    assert moved["coordinates"] == [3, 4, 408]


def test_a_replacement_leaves_only_what_was_sent(made: FlaskClient):
    smaller = FEATURE | {"properties": {"code": "2", "name": "There", "new": [1]}}
    assert send(made, "PUT", smaller, kind="application/json").status_code == 200
    kept = station()
    assert (kept.source, kept.code, kept.name) == ("local", "2", "There")
    assert kept.properties == {"new": [1]}


@pytest.mark.parametrize("kind", [PATCH, "application/geo+json", "application/json"])
def test_a_patch_changes_what_it_names(made: FlaskClient, kind: str):
    patch = {"properties": {"name": "There", "tracks": None, "new": {"a": 1}}}
    assert send(made, "PATCH", patch, kind).status_code == 200
    assert station().name == "There"
    assert station().properties == {"lines": ["S1", "S2"], "new": {"a": 1}}
    moved = {"geometry": {"type": "Point", "coordinates": [-180, 90]}}
    assert send(made, "PATCH", moved, kind).get_json()["geometry"] == moved["geometry"]
    assert (station().lng, station().lat, station().name) == (-180, 90, "There")


def test_if_match_refuses_what_was_changed_since(made: FlaskClient):
    tag = made.get(ITEM).headers["ETag"]
    assert send(made, "PATCH", {"properties": {"name": "A"}}, If_Match=tag).status_code == 200
    for method in ("PUT", "PATCH", "DELETE"):
        assert send(made, method, FEATURE, If_Match=tag).status_code == 412
    assert station().name == "A"
    new = made.get(ITEM).headers["ETag"]
    assert send(made, "PUT", FEATURE, If_Match=f'"x", {new}').status_code == 200
    assert send(made, "DELETE", None, If_Match="*").status_code == 204
    assert made.get(ITEM).status_code == 404
    for method in ("PUT", "PATCH", "DELETE"):
        assert send(made, method, FEATURE, If_Match="*").status_code == 404


INVALID = [
    ("type", FEATURE | {"type": "FeatureCollection"}),
    ("type", []),
    ("type", {"geometry": POINT, "properties": PROPERTIES}),
    ("properties", FEATURE | {"properties": False}),
    ("properties", FEATURE | {"properties": None}),
    ("properties", FEATURE | {"properties": "x"}),
    ("geometry", FEATURE | {"geometry": None}),
    ("geometry", {"type": "Feature", "properties": PROPERTIES}),
    ("geometry", FEATURE | {"geometry": {"type": "Point", "coordinates": [1]}}),
    ("geometry", FEATURE | {"geometry": {"type": "Point", "coordinates": {}}}),
    ("geometry", FEATURE | {"geometry": {"type": "Polygon", "coordinates": [[1, 2]]}}),
    ("geometry", FEATURE | {"geometry": {"type": "MultiPoint", "coordinates": [[1, 2], [3, 4]]}}),
    ("geometry", FEATURE | {"geometry": {"type": "MultiPoint", "coordinates": []}}),
    ("geometry", FEATURE | {"geometry": {"type": "Point", "coordinates": [1, 2, "high"]}}),
    ("lat", FEATURE | {"geometry": {"type": "Point", "coordinates": [1, 91]}}),
    ("lng", FEATURE | {"geometry": {"type": "Point", "coordinates": ["1", 2]}}),
    ("code", with_properties(code=None)),
    ("code", with_properties(code=5)),
    ("name", with_properties(name="")),
    ("source", with_properties(source="x" * 101)),
    ("properties", with_properties(text="\0")),
]


@pytest.mark.parametrize(("field", "body"), INVALID, ids=str)
def test_the_validation_is_that_of_the_api(made: FlaskClient, field: str, body: Any):
    for method in ("POST", "PUT"):
        refused = send(made, method, body)
        assert refused.status_code == 422, refused.text
        assert list(refused.get_json()["errors"]) == [field]
    assert station().json()["name"] == "Here"


def test_requests_that_cant_be_understood_are_refused(made: FlaskClient):
    assert send(made, "PUT", FEATURE, kind="text/plain").status_code == 415
    elsewhere = "<http://www.opengis.net/def/crs/EPSG/0/2056>"
    assert send(made, "PUT", FEATURE, Content_Crs=elsewhere).status_code == 400
    here = "<http://www.opengis.net/def/crs/OGC/1.3/CRS84>"
    assert send(made, "PUT", FEATURE, Content_Crs=here).status_code == 200
    for method, path in [("POST", ITEMS), ("PUT", ITEM), ("PATCH", ITEM), ("DELETE", ITEM)]:
        refused = made.open(f"{path}?x=1", method=method, json=FEATURE)
        assert (refused.status_code, refused.content_type) == (400, "application/problem+json")


def test_the_schema_names_the_columns_of_all_sources(app: Flask, made: FlaskClient):
    send(made, "POST", with_properties(source="b", code="2", tracks=1.5, lines="S1", **{"id": 7}))
    send(made, "POST", with_properties(source="c", code="3", **{"properties.code": True}))
    schema = made.get("/ogc/collections/stations/schema")
    assert schema.content_type == "application/schema+json"
    properties = schema.get_json()["properties"]
    assert properties["id"] == {"type": "integer", "readOnly": True, "x-ogc-role": "id"}
    assert properties["geometry"]["format"] == "geometry-point"
    assert properties["name"] == {"type": "string", "maxLength": 500}
    assert properties["tracks"] == {"type": "number"}
    assert properties["lines"] == {"type": ["array", "string"]}
    assert properties["properties.code"] == {"type": "boolean"}


def test_text_that_isnt_json_replaces_a_list(made: FlaskClient):
    for text in ("S1", "[" * 100_000):
        assert send(made, "PUT", with_properties(lines=text)).status_code == 200
        assert station().properties["lines"] == text
        assert send(made, "PUT", FEATURE).status_code == 200


def test_a_property_called_geojson_stays_one(writer: FlaskClient):
    values = {"source": "a", "code": "1", "name": "N", "lat": 1, "lng": 2}
    writer.post("/api/stations", json=values | {"properties": {"geojson": "text"}})
    high = {"type": "Point", "coordinates": [1, 2, 3]}
    replaced = send(writer, "PUT", writer.get(ITEM).get_json() | {"geometry": high})
    assert replaced.get_json()["geometry"] == high
    assert replaced.get_json()["geojson"] == "text"
