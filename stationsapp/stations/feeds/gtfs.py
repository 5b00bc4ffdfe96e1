"""GTFS Schedule: stops.txt (https://gtfs.org/documentation/schedule/reference/#stopstxt)."""

import re
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from io import BytesIO
from itertools import chain
from typing import BinaryIO

from . import SOURCE, Contents, FeedError, Format, Item, Record, Rejected, Skipped, checked
from .cells import cell, properties_of
from .csv import CSV
from .headers import from_file, normalised, to_file
from .tables import distinct, lines_of, rows

COLUMNS = ("stop_id", "stop_name", "stop_lat", "stop_lon")
PLACE = COLUMNS[2:]
INHERITED = ("stop_name", *PLACE, "parent_station")
STATION = "1"

# The values that the reference allows in columns without free text; PostgreSQL uses these too.
ALLOWED = {
    "location_type": "[0-4]?",
    "wheelchair_boarding": "[0-2]?",
    "stop_access": "[01]?",
    "stop_url": r"(https?://\S+)?",
    "stop_timezone": "([A-Za-z_]+(/[A-Za-z0-9_+-]+)*)?",
}
RESERVED = {"", *COLUMNS, *ALLOWED}


def read(stream: BinaryIO, all_locations: bool = False) -> Iterator[Item]:
    """Read the stations of a stops.txt: location_type 1, and 0 without a parent_station.

    Other locations are skipped. With `all_locations`, or in an export of several sources, they are
    read too, and get the coordinates or name of their parent if they have none. Raises FeedError if
    the file isn't a stops.txt.
    """
    table = rows(stream)
    _, titles = next(table)
    header = distinct(titles)
    if missing := [column for column in COLUMNS if column not in header]:
        raise FeedError(f"line 1: no column {missing[0]}: expected a stops.txt of GTFS")
    stops = (_stop(line, row, header) for line, row in table if row)
    if all_locations or SOURCE in header:  # in an export, all are stations
        return _inherited(stops)
    return (stop if isinstance(stop, Rejected) else _chosen(*stop) for stop in stops)


Stop = tuple[int, dict[str, str]]


def _stop(line: int, row: list[str], header: list[str]) -> Stop | Rejected:
    stop = {column: value for column, value in zip(header, row, strict=False) if value}
    if len(row) != len(header):
        reason = f"is the last of {len(row)} fields: expected {len(header)}"
        return Rejected(line, header[-1], row[-1], reason, stop.get("stop_id", ""))
    kind = stop.get("location_type", "")
    if not re.fullmatch(ALLOWED["location_type"], kind):
        reason = "is not a location type: expected 0 to 4"
        return Rejected(line, "location_type", kind, reason, stop.get("stop_id", ""))
    return line, stop


def _chosen(line: int, stop: dict[str, str]) -> Item:
    kind = stop.get("location_type", "0")
    if kind == STATION or (kind == "0" and "parent_station" not in stop):
        return _record(line, stop)
    return Skipped(line)


def _record(line: int, stop: dict[str, str]) -> Record | Rejected:
    code, name, lat, lng = (stop.pop(column, "") for column in COLUMNS)
    cells = {from_file(column, RESERVED): value for column, value in stop.items()}
    return checked(line, (code, name, lat, lng), properties_of(cells), COLUMNS)


def _inherited(stops: Iterable[Stop | Rejected]) -> Iterator[Item]:
    """Make records of all locations. Incomplete ones wait for their parents."""
    known: dict[str | None, dict[str, str]] = {}
    waiting: list[Stop] = []
    for stop in stops:
        if isinstance(stop, Rejected):
            yield stop
            continue
        line, values = stop
        if not all(values.get(column, "").strip() for column in PLACE):
            for column in PLACE:
                values.pop(column, None)
        known[values.get("stop_id", "")] = {c: values[c] for c in INHERITED if c in values}
        if values.keys() >= {"stop_name", *PLACE}:
            yield _record(line, values)
        else:
            waiting.append(stop)
    for line, own in waiting:
        values = above = own
        for _ in range(3):  # boarding area, platform, station: there are no more levels
            above = known.get(above.get("parent_station"), {})
            values = above | values
        yield _record(line, values)


def write(records: Iterable[Record], contents: Contents) -> Iterator[bytes]:
    """Write a stops.txt with a column for each property.

    A value that the reference doesn't allow in the column is written to the column
    `properties.<key>`.
    """
    keys = contents.keys()
    columns: list[tuple[str, str, str]] = []  # title, property, pattern of the values
    for key in keys:
        pattern = ""
        if key in ALLOWED:
            columns.append((key, key, rf"^(?:{ALLOWED[key]})\Z"))
            pattern = rf"^\Z|^(?!(?:{ALLOWED[key]})\Z)"
        if key not in ALLOWED or contents.some(key, pattern):
            columns.append((to_file(key, RESERVED), key, pattern))
    titles = [*COLUMNS, *(title for title, _, _ in columns)]
    lines = (
        [r.code, r.name, _decimal(r.lat), _decimal(r.lng), *(_cell(r, *c[1:]) for c in columns)]
        for r in records
    )
    return lines_of(chain([titles], lines))


def _decimal(number: float) -> str:
    """Write a coordinate without an exponent, which some readers of GTFS don't accept."""
    text = repr(number)
    return f"{Decimal(text):f}" if "e" in text else text


def _cell(record: Record, key: str, pattern: str) -> str:
    text = cell(record.properties, key)
    return text if not pattern or re.match(pattern, text) else ""


def _only(column: str) -> Callable[[bytes], str]:
    """Return a function that finds the value of a column, if it is the same in all rows."""

    def read(content: bytes) -> str:
        (_, header), *table = rows(BytesIO(content))
        names = {row[header.index(column)] for _, row in table if row}
        return names.pop() if len(names) == 1 else ""

    return read


ABOUT = {"agency.txt": _only("agency_name"), "feed_info.txt": _only("feed_publisher_name")}


def _is_start(text: str) -> bool:
    header = {normalised(name) for name in re.split(r"[\r\n]", text, maxsplit=1)[0].split(",")}
    return {"stop_id", "stop_lat", "stop_lon"} <= header


ENDINGS = ("/stops.txt", ".zip")
OPTIONS = ("all_locations",)
GTFS = Format("gtfs", CSV.media_type, ENDINGS, _is_start, read, write, OPTIONS, about=ABOUT)
