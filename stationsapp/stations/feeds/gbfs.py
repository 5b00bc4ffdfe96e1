"""GBFS: station_information.json, 1.1 to 3.x (https://gbfs.org/documentation/reference/)."""

import re
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO

import orjson

from . import Contents, FeedError, Format, Item, Record, Rejected, checked, dumps, listed, shown
from .geojson import FEATURE
from .headers import PREFIX, from_file, to_file
from .json_items import is_json, items

COLUMNS = ("station_id", "name", "lat", "lon")
LARGEST = 1 << 22  # bytes of a gbfs.json


def read(stream: BinaryIO, language: str | None = None) -> Iterator[Item]:
    """Read the stations of a station_information.json of any version.

    Since 3.0 a name is a list of texts and their languages: the first is taken, or that of
    `language`, and the list kept as a property. Raises FeedError for another kind of file.
    """
    for number, value in enumerate(items(stream, ("data", "stations")), 1):
        yield _record(number, value, language)


def _record(number: int, value: Any, language: str | None) -> Record | Rejected:
    if not isinstance(value, dict):
        return Rejected(number, "stations", shown(value), "is no station")
    code, name, lat, lng = (value.pop(column, None) for column in COLUMNS)
    properties = {from_file(key, RESERVED): _unwrapped(v) for key, v in value.items()}
    if isinstance(name, list):
        if _unwrapped(name) is name:
            properties["name"] = name
        name = _choose(name, language)
    return checked(number, (code, name, lat, lng), properties, COLUMNS)


def _unwrapped(value: Any) -> Any:
    """Take a text out of the list that `_text` puts it in."""
    match value:
        case [{"text": str(text)}] if value == _text(text):
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
    """Tell whether what starts like this is a gbfs.json, the list of a system's feeds."""
    return bool(re.search(rb'"feeds"\s*:', start) and not re.search(rb'"stations"\s*:', start))


def discover(stream: BinaryIO, language: str | None = None) -> str | None:
    """Return the address of station_information.json that a gbfs.json names.

    Before 3.0 it lists the feeds for each language: the first, or `language`. None when it names
    no such feed; raises FeedError when it is no gbfs.json.
    """
    try:
        data = orjson.loads(stream.read(LARGEST))["data"]
        if "feeds" not in data:
            data = data[language] if language in data else next(iter(data.values()))
        addresses = {feed["name"]: feed["url"] for feed in data["feeds"]}
    except (ValueError, LookupError, TypeError, AttributeError, StopIteration) as error:
        raise FeedError("this is no gbfs.json, which lists a system's feeds") from error
    address = addresses.get("station_information")
    return address if isinstance(address, str) else None


def write(records: Iterable[Record], contents: Contents) -> Iterator[bytes]:
    """Write a station_information.json, a station a line.

    It is of version 2.3, or 3.0 when a name is in several languages. A property that has a name of
    GBFS but isn't of its type is written as `properties.<name>`.
    """
    version = "3.0" if contents.some("name", r'^\[\{"') else "2.3"
    # Of the feed's age nothing is known; ttl 0 says that it may change at any time.
    now = int(time.time())
    updated = now if version == "2.3" else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    start = dumps({"last_updated": updated, "ttl": 0, "version": version})
    stations = (_written(record, version) for record in records)
    return listed(start[:-1] + b',"data":{"stations":[', stations, b"]}}\n")


def _written(record: Record, version: str) -> dict[str, Any]:
    value: dict[str, Any] = dict(zip(COLUMNS, record[1:5], strict=True))
    types = TYPES | (TYPES_3 if version == "3.0" else TYPES_2)
    properties = dict(record.properties)
    if version == "3.0":
        texts = properties.get("name", [])
        if TEXTS(texts) and any(text["text"] == record.name for text in texts):
            value["name"] = properties.pop("name")
        else:
            value["name"] = _text(record.name)
    for key, kept in properties.items():
        if key not in types:
            value[to_file(key, RESERVED)] = kept
            continue
        convert, fits = types[key]
        converted = convert(kept)
        value |= {key: converted} if fits(converted) else {PREFIX + key: kept}
    return value


def _text(text: str) -> list[dict[str, str]]:
    return [{"text": text, "language": "und"}]  # ISO 639-2: undetermined


# Each of these makes a check, which tells whether a value of JSON is what the schema wants.
Check = Callable[[Any], bool]


def _any_of(*types: type) -> Check:
    return lambda value: type(value) in types


def _text_like(pattern: str) -> Check:
    return lambda value: isinstance(value, str) and bool(re.fullmatch(pattern, value))


def _list_of(check: Check, least: int = 0) -> Check:
    return lambda value: isinstance(value, list) and len(value) >= least and all(map(check, value))


def _object_of(check: Check, *names: str) -> Check:
    """Make a check of an object's values, of those with these names if any are given."""
    return lambda value: (
        isinstance(value, dict)
        and all(check(value[name]) for name in value if not names or name in names)
    )


def _object_with(**checks: Check) -> Check:
    return lambda value: (
        isinstance(value, dict) and all(check(value.get(name)) for name, check in checks.items())
    )


STRING, NUMBER = _any_of(str), _any_of(int, float)
URI = _text_like("[A-Za-z][A-Za-z0-9+.-]*:[!-Z_a-z~]*")
METHODS = "key|creditcard|paypass|applepay|androidpay|transitcard|accountnumber|phone"
PARKING = "(parking_lot|(street|underground|sidewalk)_parking|other)"
LINEAR_RING = _list_of(_list_of(NUMBER, 2), 4)
TEXTS = _list_of(_object_with(text=STRING, language=_text_like("[a-z]{2,3}(-[A-Z]{2})?")))


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


# How a value may be converted to what the schema wants; one that can't be is left as it is.


def _parsed(value: Any) -> Any:
    """Read JSON in a text, as all values are that come from CSV."""
    try:
        return orjson.loads(value)
    except ValueError:
        return value


def _string(value: Any) -> Any:
    return str(value) if type(value) is int else value


def _lower(value: Any) -> Any:
    """Lower the case of methods, which was upper before 2.3."""
    return [str(method).lower() for method in value] if isinstance(value, list) else value


def _localised(value: Any) -> Any:
    return _text(value) if isinstance(value, str) else value


Types = dict[str, tuple[Callable[[Any], Any], Check]]
COUNTS = _list_of(_object_with(count=_is_count, vehicle_type_ids=_list_of(STRING)))
TYPES: Types = {
    **dict.fromkeys(
        ("address", "cross_street", "region_id", "post_code", "contact_phone"), (_string, STRING)
    ),
    **dict.fromkeys(
        ("is_virtual_station", "is_valet_station", "is_charging_station", "parking_hoop"),
        (_parsed, _any_of(bool)),
    ),
    "parking_type": (_string, _text_like(PARKING)),
    "capacity": (_parsed, _is_count),
    "rental_methods": (_lower, _list_of(_text_like(METHODS), 1)),
    "rental_uris": (_parsed, _object_of(URI, "android", "ios", "web")),
    "station_area": (
        _parsed,
        _object_with(type=_text_like("MultiPolygon"), coordinates=_list_of(_list_of(LINEAR_RING))),
    ),
}
TYPES_2: Types = {
    "short_name": (_string, STRING),
    **dict.fromkeys(("vehicle_capacity", "vehicle_type_capacity"), (_parsed, _object_of(NUMBER))),
}
TYPES_3: Types = {
    "short_name": (_localised, TEXTS),
    "station_opening_hours": (_string, STRING),
    **dict.fromkeys(("vehicle_types_capacity", "vehicle_docks_capacity"), (_parsed, COUNTS)),
}

RESERVED = {*COLUMNS, *TYPES, *TYPES_2, *TYPES_3}


def _is_start(text: str) -> bool:
    known = re.search(r'"(feeds|stations|ttl)"\s*:', text)
    return is_json(text) and not FEATURE.search(text) and bool(known)


ENDINGS = ("/station_information.json", "/gbfs.json")
GBFS = Format(
    "gbfs", "application/json", ENDINGS, _is_start, read, write, ("language",), unit="station"
)
