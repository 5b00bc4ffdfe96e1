import json
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stationsapp.stations.feeds import FeedError, Record, Rejected, gbfs
from tests.stations.feeds.strategies import json_values, records_with


def schema(version: str) -> dict[str, Any]:
    """The rules of station_information.json, as its reference and schema give them."""
    string, boolean, count = (
        {"type": "string"},
        {"type": "boolean"},
        {"type": "integer", "minimum": 0},
    )
    uri = {"type": "string", "format": "uri"}
    numbers = {"type": "object", "additionalProperties": {"type": "number"}}
    language = {"type": "string", "pattern": "^[a-z]{2,3}(-[A-Z]{2})?$"}
    texts = {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"text": string, "language": language},
            "required": ["text", "language"],
        },
    }
    name = texts if version == "3.0" else string
    coordinates: dict[str, Any] = {"type": "number"}
    for least in (2, 4, 0, 0):
        coordinates = {"type": "array", "minItems": least, "items": coordinates}
    vehicles = {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"vehicle_type_ids": {"type": "array", "items": string}, "count": count},
            "required": ["vehicle_type_ids", "count"],
        },
    }
    station = {
        "station_id": string,
        "name": name,
        "short_name": name,
        "lat": {"type": "number", "minimum": -90, "maximum": 90},
        "lon": {"type": "number", "minimum": -180, "maximum": 180},
        **dict.fromkeys(["address", "cross_street", "region_id", "post_code"], string),
        "contact_phone": string,
        **dict.fromkeys(["is_virtual_station", "is_valet_station", "parking_hoop"], boolean),
        "is_charging_station": boolean,
        "capacity": count,
        "rental_methods": {"type": "array", "minItems": 1, "items": {"enum": METHODS}},
        "parking_type": {"enum": PARKING},
        "rental_uris": {
            "type": "object",
            "properties": dict.fromkeys(["android", "ios", "web"], uri),
        },
        "station_area": {
            "type": "object",
            "properties": {"type": {"const": "MultiPolygon"}, "coordinates": coordinates},
            "required": ["type", "coordinates"],
        },
    }
    if version == "3.0":
        station |= {"station_opening_hours": string}
        station |= dict.fromkeys(["vehicle_types_capacity", "vehicle_docks_capacity"], vehicles)
        updated = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"}
    else:
        station |= dict.fromkeys(["vehicle_capacity", "vehicle_type_capacity"], numbers)
        updated = {"type": "integer", "minimum": 1450155600}
    return {
        "type": "object",
        "properties": {
            "last_updated": updated,
            "ttl": count,
            "version": {"const": version},
            "data": {
                "type": "object",
                "properties": {
                    "stations": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": station,
                            "required": ["station_id", "name", "lat", "lon"],
                        },
                    }
                },
                "required": ["stations"],
            },
        },
        "required": ["last_updated", "ttl", "version", "data"],
    }


METHODS = ["key", "creditcard", "paypass", "applepay", "androidpay", "transitcard"]
METHODS += ["accountnumber", "phone"]
PARKING = ["parking_lot", "street_parking", "underground_parking", "sidewalk_parking", "other"]
TYPED = tuple(sorted(gbfs.RESERVED))


def read(document: Any, **options: str) -> list[Record | Rejected]:
    document = document if isinstance(document, bytes) else json.dumps(document).encode()
    return list(gbfs.read(BytesIO(document), **options))


def write(records: list[Record], version: str) -> dict[str, Any]:
    contents = SimpleNamespace(some=lambda key, pattern: version == "3.0")
    return json.loads(b"".join(gbfs.write(records, contents)))


def feed(*stations: Any, **members: Any) -> dict[str, Any]:
    return {"last_updated": 1, "ttl": 0, "data": {"x": [1], "stations": stations}, **members}


OLD = {"station_id": "001", "name": "Hub", "lat": 48.88, "lon": 2.355, "capacity": 20}
NEW = OLD | {"name": [{"text": "Hub", "language": "en"}, {"text": "Knoten", "language": "de-AT"}]}


@pytest.mark.parametrize("members", [{"version": "1.1"}, {"version": "2.3"}, {}])
def test_versions_before_3_are_read(members: dict[str, str]):
    assert read(feed(OLD, **members)) == [
        Record(1, "001", "Hub", 48.88, 2.355, {"capacity": 20}),
    ]


@pytest.mark.parametrize(
    ("language", "name"), [(None, "Hub"), ("en", "Hub"), ("de", "Knoten"), ("fr", "Hub")]
)
def test_since_3_the_name_is_chosen_by_language(language: str, name: str):
    [record] = read(feed(NEW, version="3.0"), language=language)
    assert (record.name, record.properties["name"]) == (name, NEW["name"])


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"station_id": None}, "station_id"),
        ({"name": []}, "name"),
        ({"name": [{"language": "en"}]}, "name"),
        ({"lat": None}, "lat"),
        ({"lon": 181}, "lon"),
    ],
)
def test_what_is_no_station_is_rejected(change: dict[str, Any], column: str):
    _, bad, worse = read(feed(OLD, OLD | change, "station"))
    assert (bad.line, bad.column, worse.column) == (2, column, "stations")


@pytest.mark.parametrize("document", [b"", b"[]", b'{"data": {"bikes": []}}', b'{"data": '])
def test_what_is_no_station_information_is_refused(document: bytes):
    with pytest.raises(FeedError):
        read(document)


def test_the_stations_address_is_discovered():
    feeds = [
        {"name": "system_information", "url": "https://example.com/system.json"},
        {"name": "station_information", "url": "https://example.com/stations.json"},
    ]
    french = [{"name": "station_information", "url": "https://example.com/fr.json"}]
    new = {"version": "3.0", "data": {"feeds": feeds}}
    old = {"data": {"en": {"feeds": feeds}, "fr": {"feeds": french}}}
    for document, language, address in [
        (new, None, "https://example.com/stations.json"),
        (old, None, "https://example.com/stations.json"),
        (old, "fr", "https://example.com/fr.json"),
        ({"data": {"feeds": feeds[:1]}}, None, None),
    ]:
        assert gbfs.discover(BytesIO(json.dumps(document).encode()), language) == address


@pytest.mark.parametrize(
    "document", ["", "[]", "{}", '{"data": []}', '{"data": {}}', '{"data": {"feeds": [1]}}']
)
def test_what_is_no_gbfs_json_is_refused(document: str):
    with pytest.raises(FeedError):
        gbfs.discover(BytesIO(document.encode()))


@pytest.mark.parametrize(("station", "version"), [(OLD, "2.3"), (NEW, "3.0")])
def test_a_station_comes_back_as_it_was(station: dict[str, Any], version: str):
    station = station | {
        "short_name": "H" if version == "2.3" else [{"text": "H", "language": "en"}],
        "rental_uris": {"web": "https://example.com/a?b=c"},
        "rental_methods": ["key", "phone"],
        "x_operator": {"a": [None, 1.5]},
    }
    document = write(read(feed(station)), version)
    jsonschema.validate(document, schema(version))
    assert document["data"]["stations"] == [station]


def test_values_are_made_what_the_schema_wants_or_set_aside():
    properties = {
        "capacity": "15",
        "region_id": 7,
        "is_virtual_station": "true",
        "rental_methods": ["KEY", "PHONE"],
        "parking_type": "roof",
        "short_name": "H",
    }
    for version, short_name in (("2.3", "H"), ("3.0", [{"text": "H", "language": "und"}])):
        document = write([Record(1, "1", "A", 1, 2, properties)], version)
        [record] = read(document)
        assert (record.name, record.properties) == ("A", properties)
        [station] = document["data"]["stations"]
        del station["name"]
        assert station == {
            "station_id": "1",
            "lat": 1,
            "lon": 2,
            "capacity": 15,
            "properties.capacity": "15",
            "region_id": "7",
            "properties.region_id": 7,
            "is_virtual_station": True,
            "properties.is_virtual_station": "true",
            "rental_methods": ["key", "phone"],
            "properties.rental_methods": ["KEY", "PHONE"],
            "properties.parking_type": "roof",
            "short_name": short_name,
        }


@given(records_with(json_values, TYPED), st.sampled_from(["2.3", "3.0"]))
@settings(deadline=None, max_examples=50)
def test_an_export_is_valid_and_loses_nothing(written: list[Record], version: str):
    document = write(written, version)
    jsonschema.validate(document, schema(version))
    again = read(document)
    assert [record[1:6] for record in again] == [record[1:6] for record in written]
