"""Stations as JSON, GeoJSON (RFC 7946) and CSV (RFC 4180), and which of them is wanted."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from io import StringIO
from typing import Any

import orjson
from flask import abort, request

from .geo import SIDES
from .search import FIELDS

Station = dict[str, Any]

TYPES = {"json": "application/json", "geojson": "application/geo+json", "csv": "text/csv"}

CHUNK = 1 << 16


def wanted(asked: str | None) -> str:
    """Return `json`, `geojson` or `csv`: what `?format=` asks for, else what Accept prefers.

    Aborts with 406 when Accept takes none of them.
    """
    if asked:
        return asked
    if not request.accept_mimetypes:
        return "json"
    best = request.accept_mimetypes.best_match(TYPES.values())
    if best is None:
        abort(406, f"expected an Accept header that takes one of {', '.join(TYPES.values())}")
    return next(form for form, media_type in TYPES.items() if media_type == best)


def dumps(value: Any) -> bytes:
    """Return the value as JSON; a time without a zone is in UTC."""
    return orjson.dumps(value, option=orjson.OPT_NAIVE_UTC)


def one(form: str, station: Station) -> bytes:
    """Return one station in the format."""
    if form == "csv":
        return "".join(csv_lines([station], list(station))).encode()
    return dumps(_plain(station) if form == "json" else _feature(station))


def many(form: str, stations: list[Station], fields: Sequence[str], **links: str | None) -> bytes:
    """Return a list of stations in the format, with links by relation (but CSV has no place)."""
    if form == "csv":
        return "".join(csv_lines(stations, fields)).encode()
    if form == "geojson":
        features = [_feature(station) for station in stations]
        hrefs = [{"rel": relation, "href": href} for relation, href in links.items() if href]
        return dumps({"type": "FeatureCollection", "features": features, "links": hrefs})
    return dumps({"stations": [_plain(station) for station in stations], **links})


def csv_lines(stations: Iterable[Station], fields: Sequence[str]) -> Iterator[str]:
    """Yield a header, then a line for each station; `properties` are one column of JSON."""
    buffer = StringIO()
    writer = csv.writer(buffer)
    writer.writerow(fields)
    for station in stations:
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
        writer.writerow(
            value if isinstance(value, str | float | int) else dumps(value).decode().strip('"')
            for value in map(station.__getitem__, fields)
        )
    yield buffer.getvalue()


def stream(form: str, stations: Iterator[Station]) -> Iterator[bytes]:
    """Yield what `many` returns, in chunks of about `CHUNK` bytes."""
    lines = map(str.encode, csv_lines(stations, FIELDS))
    parts = lines if form == "csv" else _json_parts(form, stations)
    buffer = bytearray()
    for part in parts:
        buffer += part
        if len(buffer) >= CHUNK:
            yield bytes(buffer)
            buffer.clear()
    yield bytes(buffer)


def _json_parts(form: str, stations: Iterator[Station]) -> Iterator[bytes]:
    # An empty document's one empty list parts it in what comes before the stations and after.
    empty = many(form, [], FIELDS, **({"next": None} if form == "json" else {}))
    before, after = empty.split(b"[]", 1)
    yield before + b"["
    for i, station in enumerate(stations):
        shown = _plain(station) if form == "json" else _feature(station)
        yield (b",\n" if i else b"\n") + dumps(shown)
    yield b"]" + after


def _plain(station: Station) -> Station:
    """Have the station's properties, which are JSON text, written as they are; return it."""
    station["properties"] = orjson.Fragment(station["properties"])
    return station


def _feature(station: Station) -> dict[str, Any]:
    properties = _plain(station)
    position = [properties.pop("lng"), properties.pop("lat")]
    return {
        "type": "Feature",
        "id": properties.pop("id"),
        "geometry": {"type": "Point", "coordinates": position},
        "properties": properties,
    }


def cluster(cell: dict[str, Any]) -> dict[str, Any]:
    """Return a cell of search.clusters as the API gives it."""
    shown = {"count": cell["count"], "lat": cell["mean_lat"], "lng": cell["mean_lng"]}
    if cell["count"] == 1:
        return shown | {"station": _plain({field: cell[field] for field in FIELDS})}
    return shown | {"bounds": [cell[side] for side in SIDES]}


def tag(body: bytes) -> str:
    """Return what a strong ETag says of these bytes."""
    return sha256(body).hexdigest()[:32]
