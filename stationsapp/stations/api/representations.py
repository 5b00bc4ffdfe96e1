"""Stations as JSON, GeoJSON (RFC 7946) and CSV (RFC 4180), from the rows that the queries find.

The rows are used up: what is no longer needed of one is taken from it.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from orjson import Fragment

from ...database import Row
from .. import geo
from ..columns import COLUMN_NAMES
from ..feeds import dumps, geojson, listed, tables
from ..feeds.formats import FORMATS

MEDIA_TYPES = {"json": "application/json"} | {
    name: FORMATS[name].media_type for name in ("geojson", "csv")
}

# In PostgreSQL's JSON: the starts of properties whose names clash with those of columns.
NOT_FLAT = ('"properties.', *(f'"{name}": ' for name in (*geojson.API_RESERVED, geojson.EXTRA)))


def one(form: str, row: Row) -> bytes:
    """Return one station in the format."""
    if form == "csv":
        return b"".join(_csv([row], list(row)))
    return dumps(_object(row) if form == "json" else feature(row))


def many(form: str, rows: list[Row], columns: Sequence[str], **links: str | None) -> bytes:
    """Return a list of stations in the format, with links by relation (but CSV has no place)."""
    if form == "csv":
        return b"".join(_csv(rows, columns))
    if form == "geojson":
        return b"".join(_geojson(rows, **links))
    return dumps({"stations": [_object(row) for row in rows], **links})


def stream(form: str, rows: Iterable[Row]) -> Iterator[bytes]:
    """Yield what `many` returns for all stations, a part at a time."""
    if form == "csv":
        return _csv(rows, COLUMN_NAMES)
    if form == "geojson":
        return _geojson(rows)
    return listed(b'{"stations":[', map(_object, rows), b'],"next":null}')


def _geojson(rows: Iterable[Row], **links: str | None) -> Iterator[bytes]:
    hrefs = [{"rel": relation, "href": href} for relation, href in links.items() if href]
    return geojson.collection(map(feature, rows), links=hrefs)


def features(rows: Iterable[Row], **members: Any) -> bytes:
    """Return a FeatureCollection with further members."""
    return b"".join(geojson.collection(map(feature, rows), **members))


def _csv(rows: Iterable[Row], columns: Sequence[str]) -> Iterator[bytes]:
    """Yield a header, then a line for each station; `properties` are one column of JSON."""
    return tables.lines_of(chain([columns], ([row[column] for column in columns] for row in rows)))


def _object(row: Row) -> Row:
    """Have the station's properties, which are JSON text, written as they are; return it."""
    row["properties"] = Fragment(row["properties"])
    return row


def feature(row: Row, **members: Any) -> Any:
    """Return one station as a GeoJSON Feature, with further members."""
    position, text = [row.pop("lng"), row.pop("lat")], row.pop("properties")
    if any(map(text.__contains__, NOT_FLAT)):
        return _unlike_its_text(row, position, text, members)
    flat = dumps(row) if text == "{}" else dumps(row)[:-1] + b"," + text[1:].encode()
    return {
        "type": "Feature",
        "id": row["id"],
        "geometry": {"type": "Point", "coordinates": position},
        "properties": Fragment(flat),
        **members,
    }


def _unlike_its_text(row: Row, position: list[float], text: str, members: Row) -> Fragment:
    """Return a Feature whose properties can't be passed on as text."""
    try:
        # Numbers stay text, because floats would round them.
        properties = json.loads(text, parse_int=Fragment, parse_float=Fragment)
        return _nested(row, position, properties, members)
    except (TypeError, RecursionError):  # nested too deeply
        return _nested(row, position, {"properties": Fragment(text)}, members)


def _nested(row: Row, position: list[float], properties: Row, members: Row) -> Fragment:
    reserved = geojson.API_RESERVED
    return Fragment(
        dumps(geojson.feature(row["id"], position, row, properties, reserved) | members)
    )


def clusters(rows: list[Row]) -> bytes:
    """Return the rows of search.clusters in JSON."""
    return dumps({"clusters": [_cluster(row) for row in rows]})


def _cluster(row: Row) -> dict[str, Any]:
    shown = {"count": row["count"], "lat": row["mean_lat"], "lng": row["mean_lng"]}
    if row["count"] == 1:
        return shown | {"station": _object({name: row[name] for name in COLUMN_NAMES})}
    return shown | {"bounds": [row[side] for side in geo.SIDES]}
