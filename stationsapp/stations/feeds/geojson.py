"""GeoJSON (RFC 7946): a FeatureCollection of Points, or one Feature on each line (RFC 8142)."""

import re
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, BinaryIO

from ..columns import COLUMN_NAMES
from . import SOURCE, FeedError, Format, Item, Record, Rejected, checked, dumps, listed, shown
from .headers import NAMES, Reserved, from_file, normalised, to_file
from .json_items import DECODER, LARGEST, NOT_UTF_8, is_json, items

FEATURE = re.compile(r'"type"\s*:\s*"Feature')
RESERVED = {"name"}
# The properties of the API's Features: all have the columns, and the nearest have a distance.
COLUMNS = {*COLUMN_NAMES} - {"lat", "lng", "properties"}
API_RESERVED = {*COLUMNS, "distance"}
# Other members of a Feature are kept in a property of this name.
EXTRA = "geojson"
MEMBERS = ("type", "id", "geometry", "properties")


def read(stream: BinaryIO, key: str | None = None, name: str | None = None) -> Iterator[Item]:
    """Read the stations of a FeatureCollection.

    The code is the Feature's id (section 3.2). Without an id, or with `key`, it is a property.
    `name` is the property with the name. Raises FeedError if the file isn't a FeatureCollection.
    """
    for number, feature in enumerate(items(stream, ("features",)), 1):
        yield _record(number, feature, key, name)


def read_lines(stream: BinaryIO, key: str | None = None, name: str | None = None) -> Iterator[Item]:
    """Read the stations of a file with one Feature on each line. Raises FeedError for any other."""
    for number, line in enumerate(iter(partial(stream.readline, LARGEST), b""), 1):
        text = line.strip(b"\x1e\xef\xbb\xbf \t\r\n")  # RFC 8142 starts each with a separator
        if not text:
            continue
        try:
            feature = DECODER.decode(text.decode())
        except UnicodeDecodeError as error:
            raise FeedError(f"line {number}: {NOT_UTF_8}") from error
        except (ValueError, RecursionError) as error:
            raise FeedError(f"line {number}: not a Feature in JSON: {error}") from error
        yield _record(number, feature, key, name)


def _record(
    number: int, feature: Any, key: str | None, name_column: str | None
) -> Record | Rejected:
    if not isinstance(feature, dict):
        return Rejected(number, "type", shown(feature), "is not a Feature")
    given = feature.get("properties")
    properties = dict(given) if isinstance(given, dict) else {}
    reserved, name_column = RESERVED, name_column or _find(properties, "name") or "name"
    code_column, code = "id", feature.get("id")
    if key is None and properties.keys() >= COLUMNS:  # the API wrote it
        reserved, name_column = API_RESERVED, "name"
        code_column, code, source = "code", properties["code"], properties["source"]
        if str(code).startswith(f"{source}:"):  # otherwise the import would take that for a prefix
            code = f"{source}:{code}"
        properties = {k: v for k, v in properties.items() if k == "name" or k not in reserved}
        properties[SOURCE] = source
    elif key or code is None:
        code_column = key or _find(properties, "code") or "id"
        code = properties.pop(code_column, None)
        if "id" in feature:
            properties.setdefault("id", feature["id"])
    elif isinstance(code, float):
        code = shown(code)
    known = "" if code is None else shown(code)
    if feature.get("type") != "Feature":
        return Rejected(number, "type", shown(feature), "is not a Feature", known)
    if given is not None and not isinstance(given, dict):
        return Rejected(number, "properties", shown(given), "is not an object", known)
    name = properties.pop(name_column, None)
    properties = {to_file(from_file(k, reserved), {EXTRA}): v for k, v in properties.items()}

    geometry: Any = feature.get("geometry")
    match geometry:
        case {"type": "Point", "coordinates": [lng, lat, *_]}:
            if extra := _extra(feature, geometry):
                alone = extra.keys() == {EXTRA} and not _is_extra(extra)
                properties[EXTRA] = extra[EXTRA] if alone else extra
            columns = (code_column, name_column, "coordinates[1]", "coordinates[0]")
            return checked(number, (code, name, lat, lng), properties, columns)
    reason = "is not a Point: expected longitude and latitude"
    return Rejected(number, "geometry", shown(geometry), reason, known)


def is_from_api(start: bytes) -> bool:
    """Tell whether a feed that starts like this is the API's GeoJSON."""
    return all(f'"{name}":'.encode() in start for name in COLUMNS)


def _find(properties: dict[str, Any], field: str) -> str | None:
    names = {normalised(name): name for name in reversed(properties)}
    return next((names[name] for name in NAMES[field] if name in names), None)


def _extra(feature: dict[str, Any], geometry: dict[str, Any]) -> dict[str, Any]:
    """Return the altitude (section 3.1.1) and the foreign members (section 6.1)."""
    extra = {name: value for name, value in feature.items() if name not in MEMBERS}
    if altitude := geometry["coordinates"][2:]:
        extra["coordinates"] = altitude
    if foreign := {k: v for k, v in geometry.items() if k not in ("type", "coordinates")}:
        extra["geometry"] = foreign
    return extra


def collection(features: Iterable[dict[str, Any]], **members: Any) -> Iterator[bytes]:
    """Write a FeatureCollection with one Feature on each line, and further members after them."""
    end = b"]," + dumps(members)[1:] if members else b"]}"
    return listed(b'{"type":"FeatureCollection","features":[', features, end + b"\n")


def feature(
    key: Any,
    position: list[float],
    columns: dict[str, Any],
    properties: dict[str, Any],
    reserved: Reserved,
) -> dict[str, Any]:
    """Return a Feature with the columns and the station's properties side by side.

    A property whose name is reserved, for a column, is called `properties.<name>`.
    """
    extra: dict[str, Any] = {}
    if EXTRA in properties:
        kept = properties[EXTRA]
        extra = dict(kept) if _is_extra(kept) else {EXTRA: kept}
    flat = {
        to_file(from_file(name, {EXTRA}), reserved): value
        for name, value in properties.items()
        if name != EXTRA
    }
    coordinates = [*position, *extra.pop("coordinates", ())]
    point = {"type": "Point", "coordinates": coordinates}
    return {
        "type": "Feature",
        "id": key,
        "geometry": extra.pop("geometry", {}) | point,
        "properties": columns | flat,
        **extra,
    }


def _is_extra(value: Any) -> bool:
    """Tell whether `_extra` may have returned this. Any other property is a member of its own."""
    while isinstance(value, dict) and value.keys() == {EXTRA}:
        value = value[EXTRA]
    if not isinstance(value, dict) or not value or value.keys() & {"type", "id", "properties"}:
        return False
    altitude, foreign = value.get("coordinates", [0]), value.get("geometry", {"": 0})
    return (
        isinstance(altitude, list)
        and isinstance(foreign, dict)
        and altitude != []
        and foreign != {}
        and not foreign.keys() & {"type", "coordinates"}
    )


def _feature(record: Record) -> dict[str, Any]:
    position = [record.lng, record.lat]
    return feature(record.code, position, {"name": record.name}, record.properties, RESERVED)


def _is_line(text: str) -> bool:
    line = text.partition("\n")[0].rstrip()
    whole = line.endswith("}") and '"features"' not in line and '"Feature"' in line
    return is_json(text) and whole and bool(FEATURE.search(text))


GEOJSON = Format(
    "geojson",
    "application/geo+json",
    (".geojson", ".json"),
    is_json,
    read,
    lambda records, contents: collection(map(_feature, records)),
    options=("key", "name"),
    unit="feature",
)
GEOJSON_LINES = Format(
    "geojsonl",
    "application/x-ndjson",  # RFC 8142's type wants a separator before each Feature
    (".geojsonl", ".geojsons", ".ndgeojson", ".ndjson", ".jsonl"),
    _is_line,
    read_lines,
    lambda records, contents: (dumps(_feature(record)) + b"\n" for record in records),
    options=("key", "name"),
)
