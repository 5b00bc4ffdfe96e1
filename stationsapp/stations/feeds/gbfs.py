"""GBFS: station_information.json, 1.1 to 3.x (https://gbfs.org/documentation/reference/)."""

import re
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import orjson

from . import Contents, FeedError, Format, Item, Record, Rejected, checked, dumps, shown
from .geojson import FEATURE
from .headers import PREFIX, from_file, to_file
from .json_items import is_json, items

COLUMNS = ("station_id", "name", "lat", "lon")
LARGEST = 1 << 22  # bytes of a gbfs.json
UNDETERMINED = "und"  # ISO 639-2: the language of a name that doesn't say

LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z]{2})?")
RENTAL_METHODS = {
    *("key", "creditcard", "paypass", "applepay", "androidpay", "transitcard", "accountnumber"),
    "phone",
}
PARKING_TYPES = (
    "parking_lot",
    "street_parking",
    "underground_parking",
    "sidewalk_parking",
    "other",
)


def read(stream: BinaryIO, language: str | None = None) -> Iterator[Item]:
    """Read the stations of a station_information.json of any version.

    Since 3.0 a name is a list of texts and their languages: the first is taken, or that of
    `language`, and the list kept as a property. Raises FeedError for another kind of file.
    """
    for number, value in enumerate(items(stream, ("data", "stations")), 1):
        yield _record(number, value, language)


def _record(number: int, value: Any, language: str | None) -> Record | Rejected:
    if not isinstance(value, dict):
        return Rejected(number, "stations", shown(value), "is not a station")
    code, name, lat, lng = (value.pop(column, None) for column in COLUMNS)
    properties = {from_file(key, RESERVED): _unwrapped(v) for key, v in value.items()}
    if isinstance(name, list):
        if _unwrapped(name) is name:
            properties["name"] = name
        name = _choose(name, language)
    return checked(number, (code, name, lat, lng), properties, COLUMNS)


def _unwrapped(value: Any) -> Any:
    """Take a text out of the list that `_text` puts it in."""
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
        text = value[0].get("text")
        return text if isinstance(text, str) and value == _text(text) else value
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
        raise FeedError("not a gbfs.json, which lists a system's feeds") from error
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
    separator = start[:-1] + b',"data":{"stations":[\n'
    for record in records:
        yield separator + dumps(_written(record, version))
        separator = b",\n"
    yield (b"\n" if separator == b",\n" else separator) + b"]}}\n"


def _written(record: Record, version: str) -> dict[str, Any]:
    value: dict[str, Any] = dict(zip(COLUMNS, record[1:5], strict=True))
    types = TYPES | (TYPES_3 if version == "3.0" else TYPES_2)
    properties = dict(record.properties)
    if version == "3.0":
        texts = properties.get("name") or []
        if _is_texts(texts) and any(text["text"] == record.name for text in texts):
            value["name"] = properties.pop("name")
        else:
            value["name"] = _text(record.name)
    for key, kept in properties.items():
        if key not in types:
            value[to_file(key, RESERVED)] = kept
        elif (fitted := types[key](kept)) is not None:
            value[key] = fitted
        else:
            value[PREFIX + key] = kept
    return value


def _text(text: str) -> list[dict[str, str]]:
    return [{"text": text, "language": UNDETERMINED}]


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(text, dict)
        and isinstance(text.get("text"), str)
        and isinstance(text.get("language"), str)
        and bool(LANGUAGE.fullmatch(text["language"]))
        for text in value
    )


# Each takes a value and returns it as the schema wants it, None when it can't.


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else str(value) if type(value) is int else None


def _count(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 16:
        value = int(value)
    return value if type(value) is int and value >= 0 else None


def _boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else {"true": True, "false": False}.get(str(value))


def _parking_type(value: Any) -> str | None:
    return value if value in PARKING_TYPES else None


def _methods(value: Any) -> list[str] | None:
    """Lower the case, which was upper before 2.3."""
    if not isinstance(value, list) or not value:
        return None
    methods = [str(method).lower() for method in value]
    return methods if RENTAL_METHODS.issuperset(methods) else None


def _uris(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, dict):
        return None
    uris = (value.get(system) for system in ("android", "ios", "web") if system in value)
    return value if all(isinstance(uri, str) and _is_uri(uri) for uri in uris) else None


def _is_uri(text: str) -> bool:
    try:
        return bool(urlsplit(text).scheme) and text.isascii() and not re.search(r"\s", text)
    except ValueError:
        return False


def _area(value: Any) -> dict[str, Any] | None:
    fits = isinstance(value, dict) and value.get("type") == "MultiPolygon"
    return value if fits and _is_nested(value.get("coordinates"), 3) else None


def _is_nested(value: Any, depth: int) -> bool:
    """Tell whether these are coordinates, lists in lists; a ring has four points at least."""
    if not isinstance(value, list) or len(value) < {1: 4, 0: 2}.get(depth, 0):
        return False
    if depth:
        return all(_is_nested(item, depth - 1) for item in value)
    return all(type(item) in (int, float) for item in value)


def _numbers(value: Any) -> dict[str, Any] | None:
    fits = isinstance(value, dict) and all(type(n) in (int, float) for n in value.values())
    return value if fits else None


def _counts(value: Any) -> list[Any] | None:
    fits = isinstance(value, list) and all(
        isinstance(item, dict)
        and type(item.get("count")) is int
        and item["count"] >= 0
        and isinstance(item.get("vehicle_type_ids"), list)
        and all(isinstance(vehicle, str) for vehicle in item["vehicle_type_ids"])
        for item in value
    )
    return value if fits else None


def _localised(value: Any) -> list[Any] | None:
    return _text(value) if isinstance(value, str) else value if _is_texts(value) else None


TYPES: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(
        ("address", "cross_street", "region_id", "post_code", "contact_phone"), _string
    ),
    **dict.fromkeys(("is_virtual_station", "is_valet_station", "is_charging_station"), _boolean),
    "parking_hoop": _boolean,
    "parking_type": _parking_type,
    "capacity": _count,
    "rental_methods": _methods,
    "rental_uris": _uris,
    "station_area": _area,
}
TYPES_2: dict[str, Callable[[Any], Any]] = {
    "short_name": _string,
    "vehicle_capacity": _numbers,
    "vehicle_type_capacity": _numbers,
}
TYPES_3: dict[str, Callable[[Any], Any]] = {
    "short_name": _localised,
    "station_opening_hours": _string,
    "vehicle_types_capacity": _counts,
    "vehicle_docks_capacity": _counts,
}

RESERVED = {*COLUMNS, *TYPES, *TYPES_2, *TYPES_3}


def _is_start(text: str) -> bool:
    known = re.search(r'"(feeds|stations|ttl)"\s*:', text)
    return is_json(text) and not FEATURE.search(text) and bool(known)


ENDINGS = ("/station_information.json", "/gbfs.json")
GBFS = Format(
    "gbfs", "application/json", ENDINGS, _is_start, read, write, ("language",), unit="station"
)
