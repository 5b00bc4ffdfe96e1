"""Stations as JSON, GeoJSON (RFC 7946) and CSV (RFC 4180), from the rows that the queries find.

The rows are used up: what is no longer needed of one is taken from it.
"""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import chain
from typing import Any

from orjson import Fragment

from ...database import Row
from .. import geo
from ..columns import COLUMN_NAMES
from ..feeds import csv, dumps, geojson, listed
from ..feeds.formats import FORMATS

MEDIA_TYPES = {"json": "application/json"} | {
    name: FORMATS[name].media_type for name in ("geojson", "csv")
}


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
    return csv.lines_of(
        chain([columns], ([_cell(row[column]) for column in columns] for row in rows))
    )


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, str | float | int):
        return value
    return dumps(value).decode().strip('"')


def _object(row: Row) -> Row:
    """Have the station's properties, which are JSON text, written as they are; return it."""
    row["properties"] = Fragment(row["properties"])
    return row


def feature(row: Row) -> dict[str, Any]:
    """Return one station as a GeoJSON Feature."""
    properties = _object(row)
    position = [properties.pop("lng"), properties.pop("lat")]
    return {
        "type": "Feature",
        "id": properties.pop("id"),
        "geometry": {"type": "Point", "coordinates": position},
        "properties": properties,
    }


def clusters(rows: list[Row]) -> bytes:
    """Return the rows of search.clusters in JSON."""
    return dumps({"clusters": [_cluster(row) for row in rows]})


def _cluster(row: Row) -> dict[str, Any]:
    shown = {"count": row["count"], "lat": row["mean_lat"], "lng": row["mean_lng"]}
    if row["count"] == 1:
        return shown | {"station": _object({name: row[name] for name in COLUMN_NAMES})}
    return shown | {"bounds": [row[side] for side in geo.SIDES]}


def tag(body: bytes) -> str:
    """Return what a strong ETag says of these bytes."""
    return sha256(body).hexdigest()[:32]
