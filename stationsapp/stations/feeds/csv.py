"""CSV (RFC 4180), UTF-8, with a header that names the columns."""

import csv
from collections.abc import Iterable, Iterator
from math import nan
from typing import Any, BinaryIO

from . import FeedError, Record, Rejected

# The names, whole and in lower case, under which feeds keep what every station has.
COLUMNS = {
    "code": ("code", "id", "station_id", "stop_id", "uic", "icao"),
    "name": ("name", "station_name", "stop_name"),
    "lat": ("lat", "latitude", "stop_lat", "y"),
    "lng": ("lng", "lon", "long", "longitude", "stop_lon", "x"),
}
DEGREES = {"lat": 90, "lng": 180}
LENGTHS = {"code": 255, "name": 500}


def read(stream: BinaryIO, key: str | None = None) -> Iterator[Record | Rejected]:
    """Read the stations of a CSV file; `key` names the column of the codes.

    The columns that aren't code, name, latitude and longitude become properties. Raises FeedError
    for a file that isn't CSV in UTF-8 or lacks a column.
    """
    rows = csv.reader(_lines(stream))
    try:
        header = next(rows, [])
        places = _places(header, key)
        rest = [(i, name) for i, name in enumerate(header) if i not in places.values()]
        for row in rows:
            if row:
                yield _record(rows.line_num, header, row, places, rest)
    except csv.Error as error:
        raise FeedError(f"line {rows.line_num}: {error}; expected CSV as in RFC 4180") from error


def _lines(stream: Iterable[bytes]) -> Iterator[str]:
    for number, line in enumerate(stream, 1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise FeedError(
                f"line {number}, byte {error.start + 1}: not UTF-8; convert the file to UTF-8"
            ) from error


def _places(header: list[str], key: str | None) -> dict[str, int]:
    """Find where in a row the code, name, latitude and longitude stand."""
    columns = [name.strip().lower() for name in header]
    places = {}
    for field, names in COLUMNS.items():
        if field == "code" and key:
            names = (key.strip().lower(),)
        found = [name for name in names if name in columns]
        if not found:
            hint = "; --key COLUMN names another" if field == "code" else ""
            raise FeedError(
                f"line 1: no column for {field}: expected {' or '.join(names)}{hint}; "
                f"found {', '.join(header) or 'an empty line'}"
            )
        places[field] = columns.index(found[0])
    return places


def _record(
    line: int,
    header: list[str],
    row: list[str],
    places: dict[str, int],
    rest: list[tuple[int, str]],
) -> Record | Rejected:
    if len(row) != len(header):
        return Rejected(line, header[-1], row[-1], f"ends {len(row)} fields, not {len(header)}")
    values: dict[str, Any] = {}
    for field, limit in LENGTHS.items():
        value = row[places[field]].strip()
        if not 1 <= len(value) <= limit:
            reason = f"is no {field}: expected 1 to {limit} characters"
            return Rejected(line, header[places[field]], value, reason)
        values[field] = value
    for field, limit in DEGREES.items():
        value = row[places[field]].strip()
        try:
            values[field] = float(value)
        except ValueError:
            values[field] = nan
        if not abs(values[field]) <= limit:  # not a number is no good either
            reason = f"is no {field}: expected degrees from -{limit} to {limit}"
            return Rejected(line, header[places[field]], value, reason)
    if any("\0" in value for value in row):
        return Rejected(line, header[0], row[0], "is in a row with a NUL character")
    properties = {name: row[i] for i, name in rest if row[i]}
    return Record(line, **values, properties=properties)
