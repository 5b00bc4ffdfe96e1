"""GeoJSON (RFC 7946): a FeatureCollection of Points, or a Feature a line (as in RFC 8142)."""

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from . import FeedError, Item, Record, Rejected, dumps, from_file, shown, station, to_file
from .columns import NAMES, normalised
from .json_items import DECODER, LARGEST, items

RESERVED = {"name"}
# What a Feature holds beside its properties lies in a property of this name, so as not to be lost.
EXTRA = "geojson"


def read(stream: BinaryIO, key: str | None = None) -> Iterator[Item]:
    """Read the stations of a FeatureCollection.

    The code is the Feature's id (section 3.2), else, or with `key`, a property. Raises FeedError
    for what isn't a FeatureCollection.
    """
    for number, feature in enumerate(items(stream, ("features",)), 1):
        yield _record(number, feature, key)


def read_lines(stream: BinaryIO, key: str | None = None) -> Iterator[Item]:
    """Read the stations of a file that has a Feature on each line. Raises FeedError for others."""
    number = 0
    while line := stream.readline(LARGEST):
        number += 1
        text = line.strip(b"\x1e\xef\xbb\xbf \t\r\n")  # RFC 8142 starts each with a separator
        if not text:
            continue
        try:
            feature = DECODER.decode(text.decode())
        except RecursionError as error:
            raise FeedError(f"line {number}: nested too deeply") from error
        except ValueError as error:
            raise FeedError(f"line {number}: not a Feature in JSON, UTF-8: {error}") from error
        yield _record(number, feature, key)


def _record(number: int, feature: Any, key: str | None) -> Record | Rejected:
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        return Rejected(number, "type", shown(feature), "is no Feature")
    properties = feature.get("properties")
    if properties is not None and not isinstance(properties, dict):
        return Rejected(number, "properties", shown(properties), "is no object")
    properties = dict(properties or {})
    code_column, code = "id", feature.get("id")
    if key or code is None:
        code_column = key or _find(properties, "code") or "id"
        code = properties.pop(code_column, None)
        if "id" in feature:
            properties.setdefault("id", feature["id"])
    elif isinstance(code, float):
        code = shown(code)
    name_column = _find(properties, "name") or "name"
    name = properties.pop(name_column, None)
    properties = {to_file(from_file(k, RESERVED), {EXTRA}): v for k, v in properties.items()}

    geometry = feature.get("geometry")
    coordinates = geometry.get("coordinates") if isinstance(geometry, dict) else None
    if (
        not isinstance(geometry, dict)
        or geometry.get("type") != "Point"
        or not isinstance(coordinates, list)
        or len(coordinates) < 2
    ):
        reason = "is no Point: expected longitude and latitude"
        return Rejected(number, "geometry", shown(geometry), reason, str(code or ""))
    if extra := _extra(feature, geometry):
        properties[EXTRA] = extra
    values = (code, name, coordinates[1], coordinates[0])
    columns = (code_column, name_column, "coordinates[1]", "coordinates[0]")
    return station(number, values, properties, columns)


def _find(properties: dict[str, Any], field: str) -> str | None:
    names = {normalised(name): name for name in reversed(properties)}
    return next((names[name] for name in NAMES[field] if name in names), None)


def _extra(feature: dict[str, Any], geometry: dict[str, Any]) -> dict[str, Any]:
    """Gather the altitude (section 3.1.1) and the foreign members (section 6.1)."""
    known = ("type", "id", "geometry", "properties")
    extra = {name: value for name, value in feature.items() if name not in known}
    if altitude := geometry["coordinates"][2:]:
        extra["coordinates"] = altitude
    if foreign := {k: v for k, v in geometry.items() if k not in ("type", "coordinates")}:
        extra["geometry"] = foreign
    return extra


def write(records: Iterable[Record]) -> Iterator[bytes]:
    """Write a FeatureCollection, a Feature a line."""
    separator = b'{"type":"FeatureCollection","features":[\n'
    for line in write_lines(records):
        yield separator + line[:-1]
        separator = b",\n"
    yield (separator if separator[0:1] == b"{" else b"\n") + b"]}\n"


def write_lines(records: Iterable[Record]) -> Iterator[bytes]:
    """Write a Feature a line."""
    for record in records:
        extra = record.properties.get(EXTRA)
        extra = dict(extra) if isinstance(extra, dict) else {}
        properties = {
            to_file(from_file(name, {EXTRA}), RESERVED): value
            for name, value in record.properties.items()
            if name != EXTRA or not isinstance(value, dict)
        }
        altitude, foreign = extra.pop("coordinates", None), extra.pop("geometry", None)
        coordinates = [record.lng, record.lat, *(altitude if isinstance(altitude, list) else ())]
        point = {"type": "Point", "coordinates": coordinates}
        feature = {
            "type": "Feature",
            "id": record.code,
            "geometry": foreign | point if isinstance(foreign, dict) else point,
            "properties": {"name": record.name, **properties},
            **extra,
        }
        yield dumps(feature) + b"\n"
