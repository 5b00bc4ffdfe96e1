"""GBFS: station_information.json, 1.1 to 3.x (https://gbfs.org/documentation/reference/)."""

import re
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, BinaryIO

import orjson

from . import (
    Contents,
    FeedError,
    Format,
    Item,
    Record,
    Rejected,
    checked,
    dumps,
    listed,
    same,
    shown,
)
from .geojson import FEATURE
from .headers import PREFIX, from_file, to_file
from .json_items import is_json, items

COLUMNS = ("station_id", "name", "lat", "lon")
LARGEST = 1 << 22  # bytes of a gbfs.json


def read(stream: BinaryIO, language: str | None = None) -> Iterator[Item]:
    """Read the stations of a station_information.json of any version.

    Since 3.0, a name is a list of texts with their languages. The one in `language` or the first is
    used, and the list becomes a property. Raises FeedError for any other kind of file.
    """
    for number, value in enumerate(items(stream, ("data", "stations")), 1):
        yield _record(number, value, language)


def _record(number: int, value: Any, language: str | None) -> Record | Rejected:
    if not isinstance(value, dict):
        return Rejected(number, "stations", shown(value), "is not a station")
    code, name, lat, lng = (value.pop(column, None) for column in COLUMNS)
    # `properties.<name>` comes last, because it overrides the GBFS field of this name.
    fields = sorted(value, key=lambda key: key.startswith(PREFIX))
    properties = {from_file(key, RESERVED): _unwrapped(key, value[key]) for key in fields}
    if isinstance(name, list):
        if _unwrapped("name", name) is name:
            properties["name"] = name
        name = _choose(name, language)
    return checked(number, (code, name, lat, lng), properties, COLUMNS)


def _unwrapped(key: str, value: Any) -> Any:
    """Undo `_text`: return the text of a list with one text, in a field with such lists."""
    match value:
        case [{"text": str(text)}] if key in ("name", "short_name") and value == _text(text):
            return text
    return value


def _choose(texts: list[Any], language: str | None) -> Any:
    texts = [text for text in texts if isinstance(text, dict)]
    for text in texts:
        spoken = str(text.get("language")).lower()
        if language and language.lower() in (spoken, spoken.partition("-")[0]):
            return text.get("text")
    return texts[0].get("text") if texts else None


def is_index(start: bytes) -> bool:
    """Tell whether a document that starts like this is a gbfs.json, a system's list of feeds."""
    return bool(re.search(rb'"feeds"\s*:', start) and not re.search(rb'"stations"\s*:', start))


def discover(stream: BinaryIO, language: str | None = None) -> str | None:
    """Return the URL of station_information.json in a gbfs.json, or None if it isn't listed.

    Before 3.0, the feeds are listed for each language: `language` or the first is used. Raises
    FeedError if it isn't a gbfs.json.
    """
    try:
        data = orjson.loads(stream.read(LARGEST))["data"]
        if "feeds" not in data:
            data = data[language] if language in data else next(iter(data.values()))
        addresses = {feed["name"]: feed["url"] for feed in data["feeds"]}
    except (ValueError, LookupError, TypeError, AttributeError, StopIteration) as error:
        raise FeedError("not a gbfs.json, which lists a system's feeds") from error
    address = addresses.get("station_information")
    return address if isinstance(address, str) else None


def write(records: Iterable[Record], contents: Contents) -> Iterator[bytes]:
    """Write a station_information.json with one station on each line.

    Its version is 2.3, or 3.0 if a name has several languages. A property that has the name of a
    GBFS field, but not its type, is written as `properties.<name>`. The field has what fits of it.
    """
    version = "3.0" if contents.some("name", r'^\[\{"') else "2.3"
    # The feed's age is unknown. ttl 0 says that it may change at any time.
    now = int(time.time())
    updated = now if version == "2.3" else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    start = dumps({"last_updated": updated, "ttl": 0, "version": version})
    stations = (_written(record, version) for record in records)
    return listed(start[:-1] + b',"data":{"stations":[', stations, b"]}}\n")


def _written(record: Record, version: str) -> dict[str, Any]:
    value: dict[str, Any] = dict(zip(COLUMNS, record[1:5], strict=True))
    types = TYPES_3 if version == "3.0" else TYPES_2
    properties = dict(record.properties)
    if version == "3.0":
        texts = properties.get("name", [])
        is_name = _fits(texts, TEXTS) and any(text["text"] == record.name for text in texts)
        if is_name and texts != _text(record.name):
            value["name"] = properties.pop("name")
        else:
            value["name"] = _text(record.name)
    for key, kept in properties.items():
        if key not in types:
            value[to_file(key, RESERVED)] = kept
        else:
            fitting = next((c for c in _candidates(kept) if _fits(c, types[key])), None)
            if fitting is not None:
                value[key] = fitting
            if fitting is None or not same(_unwrapped(key, fitting), kept):
                value[PREFIX + key] = kept
    return value


def _text(text: str) -> list[dict[str, str]]:
    return [{"text": text, "language": "und"}]  # ISO 639-2: undetermined


def _candidates(value: Any) -> Iterator[Any]:
    """Yield the value, and the conversions of it that the schema may accept."""
    yield value
    if type(value) is int:
        yield str(value)
    elif isinstance(value, list):
        yield [str(item).lower() for item in value]  # methods were in upper case before 2.3
    elif isinstance(value, str):
        yield _text(value)
        with suppress(ValueError):
            yield orjson.loads(value)  # all values from CSV are text


def _fits(value: Any, shape: Any) -> bool:
    """Tell whether a JSON value has a shape of the table below.

    A shape is a pattern for text, types, a range of whole numbers, [items, minimum number],
    {values} for an object with any names, or {name: value} for an object with these names.
    """
    match shape:
        case str():
            return isinstance(value, str) and bool(re.fullmatch(shape, value))
        case range():
            return type(value) is int and value in shape
        case [item, int(least)]:
            fits = isinstance(value, list) and len(value) >= least
            return fits and all(_fits(v, item) for v in value)
        case set():
            [item] = shape
            return isinstance(value, dict) and all(_fits(v, item) for v in value.values())
        case dict():
            fits = isinstance(value, dict)
            return fits and all(_fits(value.get(name), item) for name, item in shape.items())
        case _:
            return type(value) in shape


STRING, BOOLEAN, NUMBER, COUNT = (str,), (bool,), (int, float), range(1 << 63)
URI = "[A-Za-z][A-Za-z0-9+.-]*:[!-Z_a-z~]*"
METHOD = "key|creditcard|paypass|applepay|androidpay|transitcard|accountnumber|phone"
LINEAR_RING = [[NUMBER, 2], 4]
TEXTS = [{"text": STRING, "language": "[a-z]{2,3}(-[A-Z]{2})?"}, 0]
COUNTS = [{"count": COUNT, "vehicle_type_ids": [STRING, 0]}, 0]
TYPES = {
    **dict.fromkeys(("address", "cross_street", "region_id", "post_code", "contact_phone"), STRING),
    **dict.fromkeys(("is_virtual_station", "is_valet_station", "is_charging_station"), BOOLEAN),
    "parking_hoop": BOOLEAN,
    "parking_type": "(parking_lot|(street|underground|sidewalk)_parking|other)",
    "capacity": COUNT,
    "rental_methods": [METHOD, 1],
    "rental_uris": {URI},
    "station_area": {"type": "MultiPolygon", "coordinates": [[LINEAR_RING, 0], 0]},
}
TYPES_2: dict[str, Any] = {
    **TYPES,
    "short_name": STRING,
    "vehicle_capacity": {NUMBER},
    "vehicle_type_capacity": {NUMBER},
}
TYPES_3: dict[str, Any] = {
    **TYPES,
    "short_name": TEXTS,
    "station_opening_hours": STRING,
    "vehicle_types_capacity": COUNTS,
    "vehicle_docks_capacity": COUNTS,
}

RESERVED = {*COLUMNS, *TYPES_2, *TYPES_3}


def _system(content: bytes) -> str:
    """Return the id of the system in a system_information.json."""
    match orjson.loads(content):
        case {"data": {"system_id": str(name)}}:
            return name
    return ""


def _is_start(text: str) -> bool:
    known = re.search(r'"(feeds|stations|ttl)"\s*:', text)
    return is_json(text) and not FEATURE.search(text) and bool(known)


ENDINGS = ("/station_information.json", "/gbfs.json")
GBFS = Format(
    "gbfs",
    "application/json",
    ENDINGS,
    _is_start,
    read,
    write,
    options=("language",),
    unit="station",
    about={"system_information.json": _system},
)
