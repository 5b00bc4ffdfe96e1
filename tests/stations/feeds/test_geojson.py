import json
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings

from stationsapp.stations.feeds import FeedError, Format, Record, Rejected, geojson
from tests.stations.feeds.strategies import Contents, json_values, records_with

PARIS = {
    "type": "Feature",
    "id": "001",
    "geometry": {"type": "Point", "coordinates": [2.355, 48.88]},
    "properties": {"name": "Paris", "lines": [4, 5], "open": True},
}


def collection(*features: Any) -> bytes:
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


def read(document: bytes, **options: str) -> list[Record | Rejected]:
    return list(geojson.read(BytesIO(document), **options))


def write(records: list[Record], form: Format = geojson.GEOJSON) -> bytes:
    return b"".join(form.write(records, Contents(records)))


@pytest.mark.parametrize(
    "document",
    [
        collection(PARIS),
        b"\xef\xbb\xbf" + collection(PARIS),
        json.dumps(
            {"bbox": [1, 2, 3, 4], "features": [PARIS], "crs": {"features": [1]}}, indent=2
        ).encode(),
    ],
)
def test_the_features_are_read_wherever_they_stand(document: bytes):
    assert read(document) == [
        Record(1, "001", "Paris", 48.88, 2.355, {"lines": [4, 5], "open": True})
    ]


def test_lines_are_read_and_written():
    lines = (json.dumps(PARIS) + "\n\n\x1e" + json.dumps(PARIS | {"id": 7})).encode()
    records = list(geojson.read_lines(BytesIO(lines)))
    assert [(record.line, record.code) for record in records] == [(1, "001"), (3, "7")]
    again = list(geojson.read_lines(BytesIO(write(records, geojson.GEOJSON_LINES))))
    assert [record[1:] for record in again] == [record[1:] for record in records]


def test_without_id_the_code_is_a_property():
    feature = {key: value for key, value in PARIS.items() if key != "id"}
    feature["properties"] = {"name": "Paris", "uic": "87", "ref": "PNO"}
    [by_name] = read(collection(feature))
    [by_key] = read(collection(feature | {"id": 1}), key="ref")
    assert (by_name.code, by_name.properties) == ("87", {"ref": "PNO"})
    assert (by_key.code, by_key.properties) == ("PNO", {"uic": "87", "id": 1})


def test_the_property_of_the_name_can_be_named():
    feature = PARIS | {"properties": {"name": "x", "halt": "A"}}
    [record] = read(collection(feature), name="halt")
    assert (record.name, record.properties) == ("A", {"name": "x"})


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"geometry": None}, "geometry"),
        ({"geometry": {"type": "LineString", "coordinates": [[1, 2], [3, 4]]}}, "geometry"),
        ({"geometry": {"type": "Point", "coordinates": []}}, "geometry"),
        ({"geometry": {"type": "Point", "coordinates": [1, 91]}}, "coordinates[1]"),
        ({"geometry": {"type": "Point", "coordinates": ["x", 1]}}, "coordinates[0]"),
        ({"geometry": {"type": "Point", "coordinates": [True, 1]}}, "coordinates[0]"),
        ({"id": None}, "id"),
        ({"id": [1]}, "id"),
        ({"properties": None}, "name"),
        ({"properties": {"name": "\ud800"}}, "name"),
        ({"properties": []}, "properties"),
        ({"type": "Point"}, "type"),
    ],
)
def test_what_is_no_station_is_rejected(change: dict[str, Any], column: str):
    good, bad = read(collection(PARIS, PARIS | change))
    assert isinstance(good, Record)
    assert isinstance(bad, Rejected)
    assert (bad.line, bad.column) == (2, column)
    # So --prune keeps the station.
    assert bad.code == ("" if column == "id" else str(PARIS["id"]))


def test_a_code_of_zero_is_known_too():
    [item] = read(collection(PARIS | {"id": 0, "geometry": None}))
    assert (item.column, item.code) == ("geometry", "0")


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"", "not JSON: Expecting value"),
        (b"{}", "no array features"),
        (b'{"features": {}}', "no array features"),
        (b'{"features": [\n{"a": 1},\n', "line 3: .*end|line 3"),
        (b'{"features": [\n{"a" 1}]}', "line 2"),
        (b'{"features": [NaN]}', "NaN"),
        (b'{"features": [1e999]}', "too large"),
        (b'{"features": [' + b"9" * 5000 + b"]}", "line 1"),
        (b'{"features": []} x', "something follows"),
        (b'{"features": [] "a"}', "expected , or }"),
        (b'{"features": [\n"\xff"]}', "line 2: not UTF-8"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"features": ' + b"[" * 200_000, "nested too deeply"),
        (b'{"a":' * 200_000, "nested too deeply"),
        (b"\x00\x01\x02", "not JSON"),
    ],
)
def test_what_is_no_collection_is_refused_in_a_line(document: bytes, said: str):
    with pytest.raises(FeedError, match=said) as caught:
        read(document)
    assert "\n" not in str(caught.value)


def test_a_collection_longer_than_a_read_is_read_whole():
    features = [PARIS | {"id": str(i), "bbox": [i * 1.5] * 4} for i in range(20_000)]
    document = json.dumps({"features": features}, indent=1).encode()
    assert len(document) > 3 << 20
    records = read(document)
    assert [record.code for record in records] == [str(i) for i in range(20_000)]
    assert records[-1].properties["geojson"] == {"bbox": [19_999 * 1.5] * 4}


def test_altitude_and_foreign_members_survive():
    feature = {
        "type": "Feature",
        "id": "1",
        "geometry": {"type": "Point", "coordinates": [1.5, 2.5, 300, 7], "quality": "good"},
        "properties": {"name": "A", "geojson": 1, "properties.name": None, "big": 10**30},
        "bbox": [1, 2, 3, 4],
        "title": "x",
    }
    written = json.loads(write(read(collection(feature))))
    assert written == {"type": "FeatureCollection", "features": [feature]}


def test_no_stations_are_a_collection_too():
    document = write([])
    assert json.loads(document) == {"type": "FeatureCollection", "features": []}


def test_further_members_follow_the_features():
    feature = {"type": "Feature"}
    document = b"".join(geojson.collection(iter([feature, feature]), links=[], count=2))
    assert document.count(b"\n") == 4
    assert list(json.loads(document).items()) == [
        ("type", "FeatureCollection"),
        ("features", [feature, feature]),
        ("links", []),
        ("count", 2),
    ]


@given(records_with(json_values, ("geojson", "properties.geojson")))
@settings(deadline=None)
def test_a_round_trip_loses_nothing(written: list[Record]):
    assert [r._replace(line=0) for r in read(write(written))] == written


@pytest.mark.parametrize(
    "value",
    [
        None,
        1,
        {},
        {"a": 1},
        {"type": "Point"},
        {"geojson": 1},
        {"geojson": {"a": 1}},
        {"geojson": {"geojson": {"id": 1}}, "a": 1},
        {"coordinates": []},
        {"coordinates": [1]},
        {"coordinates": 1},
        {"geometry": {}},
        {"geometry": {"a": 1}},
        {"geometry": {"type": 1}},
        {"properties": {}},
    ],
)
def test_a_property_called_geojson_survives(value: Any):
    record = Record(1, "1", "A", 1, 2, {"geojson": value, "properties.geojson": value})
    [feature] = json.loads(write([record]))["features"]
    assert (feature["type"], feature["geometry"]["type"], feature["id"]) == (
        "Feature",
        "Point",
        "1",
    )
    assert read(collection(feature)) == [record]
