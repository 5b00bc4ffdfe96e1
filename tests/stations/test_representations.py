import json
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings

from stationsapp.database import Row
from stationsapp.stations.api import representations
from stationsapp.stations.columns import COLUMN_NAMES
from stationsapp.stations.feeds import SOURCE, Record, geojson
from tests.stations.feeds.strategies import json_values, records_with

NOW = datetime(2024, 2, 29, 12, tzinfo=UTC)
COLUMNS = {"id": 7, "source": "s", "code": "A", "name": "Alpha"}
TIMES = {"created_at": "2024-02-29T12:00:00+00:00", "updated_at": "2024-02-29T12:00:00+00:00"}


def row_with(text: str) -> Row:
    """A row as a query finds it; PostgreSQL writes JSON with the same spaces as Python."""
    values = [*COLUMNS.values(), 48.5, 2.25, text, NOW, NOW]
    return dict(zip(COLUMN_NAMES, values, strict=True))


def feature_with(text: str, **more: Any) -> dict[str, Any]:
    return json.loads(representations.one("geojson", row_with(text) | more))


@pytest.mark.parametrize(
    ("properties", "flat"),
    [
        ({}, {}),
        ({"country": "CH", "lat": 1, "properties": {"a": 1}}, None),
        ({"id": 1, "city": "X"}, {"properties.id": 1, "city": "X"}),
        ({"properties.name": 2}, {"properties.properties.name": 2}),
        ({"distance": 1, "source": None}, {"properties.distance": 1, "properties.source": None}),
        ({"inner": {"id": 1, 'a": "code': 2}}, None),
        ({'"id': 1, '": "id': 2, "ID": 3}, None),
        ({"geojson": 1, "a": 2}, {"a": 2}),  # it is a member of the feature
    ],
)
def test_a_features_properties_are_flat(properties: dict[str, Any], flat: dict[str, Any] | None):
    feature = feature_with(json.dumps(properties, ensure_ascii=False))
    assert feature["id"] == 7
    assert feature["properties"] == COLUMNS | TIMES | (properties if flat is None else flat)


def test_what_a_feed_had_beside_its_properties_is_there_again():
    extra = {"coordinates": [300], "geometry": {"quality": 1}, "title": "x"}
    feature = feature_with(json.dumps({"geojson": extra}))
    point = {"type": "Point", "coordinates": [2.25, 48.5, 300], "quality": 1}
    assert (feature["type"], feature["id"], feature["title"]) == ("Feature", 7, "x")
    assert (feature["geometry"], feature["properties"]) == (point, COLUMNS | TIMES)
    feature = feature_with(json.dumps({"geojson": {"id": 5, "type": "y"}}))  # nothing it ever had
    assert (feature["type"], feature["id"]) == ("Feature", 7)


@pytest.mark.parametrize("key", ["a", "id"])
@pytest.mark.parametrize("number", ["1.10", "1" * 5000, "0.1234567890123456789", "1" + 400 * "0"])
def test_no_number_is_rounded(key: str, number: str):
    body = representations.one("geojson", row_with(f'{{"{key}": {number}}}')).decode()
    assert f'{key}":{number}' in body.replace(": ", ":")


@pytest.mark.parametrize("levels", [300, 100_000])
@pytest.mark.parametrize("key", ["a", "id"])
def test_properties_may_be_nested_deeply(key: str, levels: int):
    nested = "[" * levels + "]" * levels
    assert nested.encode() in representations.one("geojson", row_with(f'{{"{key}": {nested}}}'))


def test_the_nearest_have_a_distance_too():
    feature = feature_with('{"distance": 1}', distance=2.5)
    assert feature["properties"]["distance"] == 2.5
    assert feature["properties"]["properties.distance"] == 1


@given(records_with(json_values, ("source", "properties.code", "distance", "updated_at")))
@settings(deadline=None, max_examples=25)
def test_an_import_reads_what_the_api_writes(written: list[Record]):
    rows = [
        row_with(json.dumps(record.properties, ensure_ascii=False))
        | {name: getattr(record, name) for name in ("code", "name", "lat", "lng")}
        for record in written
    ]
    body = representations.many("geojson", rows, COLUMN_NAMES, next=None)
    read = [record._replace(line=0) for record in geojson.read(BytesIO(body))]
    assert [record.properties.pop(SOURCE) for record in read] == ["s"] * len(written)
    assert read == written
