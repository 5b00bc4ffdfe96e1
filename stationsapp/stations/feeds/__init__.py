"""The formats: a file <-> records. Pure: no database, no Flask."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from math import nan
from typing import Any, NamedTuple, Protocol

import orjson

from ..geo import rounded

LENGTHS = {"source": 100, "code": 255, "name": 500}
"""The maximum number of characters, as in the table."""

SOURCE = "stationsapp_source"
"""The property that keeps a station's source in an export of several."""

TYPES = "stationsapp_json"
"""The column of a table that lists the properties whose cells are JSON, as a list in JSON."""

RESERVED = {SOURCE, TYPES}
"""Names that no station's property may have."""


class Record(NamedTuple):
    """A station of a feed, in degrees of WGS 84.

    `line` is its line in the file or, in a JSON document, its number, from 1.
    """

    line: int
    code: str
    name: str
    lat: float
    lng: float
    properties: dict[str, Any]


class Rejected(NamedTuple):
    """A row that isn't a valid station: the wrong column, its value, and what was expected.

    `code` is the code of the station, if it is known.
    """

    line: int
    column: str
    value: str
    reason: str
    code: str = ""

    def at(self, unit: str) -> str:
        """Return this as one line of text; `unit` is what `line` counts."""
        value = self.value if len(self.value) <= 60 else self.value[:60] + "..."
        return f"{unit} {self.line}, column {self.column}: {value!r} {self.reason}"


class Skipped(NamedTuple):
    """A valid row that isn't a station, such as a platform."""

    line: int


Item = Record | Rejected | Skipped


class FeedError(Exception):
    """A file that can't be read as a feed; the message says where and what was expected."""


class Contents(Protocol):
    """What a writer may ask about the stations before it reads their records."""

    def keys(self) -> list[str]:
        """Return the names of their properties."""

    def some(self, key: str, pattern: str) -> bool:
        """Tell whether this property of one of them, as text, matches PostgreSQL's pattern."""


class Format(NamedTuple):
    """A format of feeds.

    `is_start` recognizes it by the first characters of a feed, and `endings` by the name of a file,
    with a slash before it; the first is the usual one. `options` are the options of `read`, and
    `unit` is what the `line` of a record counts. `about` are the names of files beside the feed,
    and functions that find its name in them; they may raise FeedError, ValueError or LookupError.
    """

    name: str
    media_type: str
    endings: tuple[str, ...]
    is_start: Callable[[str], bool]
    read: Callable[..., Iterator[Item]]
    write: Callable[[Iterable[Record], Contents], Iterator[bytes]]
    options: Collection[str] = ()
    unit: str = "line"
    about: Mapping[str, Callable[[bytes], str]] = {}


def checked(
    line: int,
    values: tuple[Any, Any, Any, Any],
    properties: dict[str, Any],
    columns: tuple[str, str, str, str],
) -> Record | Rejected:
    """Make a record from a row's code, name, latitude and longitude, or say what is wrong.

    The values may be text or JSON's; `columns` are their names in the file.
    """
    code, name = values[:2]
    if type(code) is int:
        code = str(code)
    if type(name) is int:
        name = str(name)
    own = code
    if SOURCE in properties and type(code) is str:
        # An export of several sources may put the source before the code.
        own = code.removeprefix(f"{properties[SOURCE]}:")
    lat, lng = degrees(values[2], 90), degrees(values[3], 180)
    if reason := _fault(own, "code"):
        return Rejected(line, columns[0], shown(values[0]), reason)
    if reason := _fault(name, "name"):
        return Rejected(line, columns[1], shown(values[1]), reason, code)
    for place, number, limit in ((2, lat, 90), (3, lng, 180)):
        if number != number:  # not a number
            reason = f"is not a coordinate: expected degrees from -{limit} to {limit}"
            return Rejected(line, columns[place], shown(values[place]), reason, code)
    return Record(line, code, name, lat, lng, properties)


def degrees(value: Any, limit: float) -> float:
    """Read a coordinate from a number or text, which may have a decimal comma.

    Return NaN for a blank, or if it isn't a number within the limit.
    """
    if type(value) is str:
        if "_" in value:  # only Python allows this in numbers
            return nan
        if "," in value and "." not in value:
            value = value.replace(",", ".")
    elif type(value) is not float and type(value) is not int:
        return nan
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return nan
    if not -limit <= number <= limit:
        return nan
    return rounded(number)


def _fault(value: Any, field: str) -> str | None:
    limit = LENGTHS[field]
    if type(value) is not str or not 1 <= len(value) <= limit or value.isspace():
        return f"is not a valid {field}: expected 1 to {limit} characters"
    if "\0" in value:
        return f"is not a valid {field}: it contains a NUL character, which PostgreSQL can't store"
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return f"is not a valid {field}: it has half a surrogate pair, which is not a character"
    return None


def dumps(value: Any) -> bytes:
    """Write JSON. Whole numbers of any size stay exact, and a time without a zone is in UTC.

    Raises ValueError, TypeError or RecursionError if it can't be written as JSON.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_NAIVE_UTC)
    except TypeError:  # a number beyond 64 bits, half a surrogate pair, or too deep
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


def same(value: Any, other: Any) -> bool:
    """Tell whether two values are the same JSON. Unlike with ==, true isn't 1, and 1 isn't 1.0."""
    texts = [json.dumps(side, sort_keys=True, default=repr) for side in (value, other)]
    return texts[0] == texts[1]


def listed(start: bytes, values: Iterable[Any], end: bytes) -> Iterator[bytes]:
    """Write JSON values, one on each line, between the start and the end of their list."""
    separator = start + b"\n"
    for value in values:
        yield separator + dumps(value)
        separator = b",\n"
    yield (b"\n" if separator == b",\n" else separator) + end


def shown(value: Any) -> str:
    """Write a JSON value for a message or a cell: text without quotes, anything else as JSON."""
    if isinstance(value, str):
        return value
    try:
        return dumps(value).decode()
    except (TypeError, ValueError, RecursionError):
        return f"a {type(value).__name__}"
