"""CSV (RFC 4180), UTF-8, with a header that names the columns."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from math import inf
from typing import BinaryIO

from . import SOURCE, TYPES, Contents, FeedError, Format, Record, Rejected, checked, degrees
from .cells import NULL, cell, properties_of
from .headers import FIELDS, NAMES, from_file, normalised, to_file
from .tables import distinct, lines_of, rows, sampled

ANOTHER = "--key COLUMN names another, or several (--key a,b)"
JOINT = "-"  # between the columns of a code


def read(
    stream: BinaryIO, key: str | None = None, columns: str | None = None, **named: str
) -> Iterator[Record | Rejected]:
    """Read the stations of a CSV file. Columns that aren't recognized become properties.

    `key` is the name of the column of the codes, or of several, separated by commas. `columns` are
    the names of all columns of a file without a header. `named` are those of the columns `name`,
    `lat` and `lng`. Raises FeedError if a column is missing or the file isn't CSV in UTF-8.
    """
    table = rows(stream, columns)
    _, header = next(table)
    sample = sampled(table, lambda row: sum(map(len, row[1])))
    record = _reader(header, [row for _, row in sample if row], {"code": key, **named})
    for line, row in chain(sample, table):
        if row:
            yield record(line, row)


def _reader(
    header: list[str], sample: list[list[str]], named: dict[str, str | None]
) -> Callable[[int, list[str]], Record | Rejected]:
    """Choose the columns of the fields, and return a function that reads a row."""
    header = distinct(header)
    width = len(header)
    columns = [[row[i] for row in sample if len(row) == width] for i in range(width)]
    codes, [name], [lat], [lng] = (
        _named(header, title.split(",") if field == "code" else [title])
        if (title := named.get(field))
        else [_column(header, columns, field)]
        for field in FIELDS
    )
    used = {name, lat, lng}.union(codes if len(codes) == 1 else ())
    typed = TYPES in header
    rest = [(i, from_file(n, _is_field)) for i, n in enumerate(header) if i not in used]
    names = (JOINT.join(header[i] for i in codes), header[name], header[lat], header[lng])

    def joined(row: list[str]) -> str:
        parts = [row[i] for i in codes if i < len(row)]
        return JOINT.join(parts) if len(parts) == len(codes) and any(parts) else ""

    def record(line: int, row: list[str]) -> Record | Rejected:
        if len(row) != width:
            if len(row) < width or any(row[width:]):
                reason = f"is the last of {len(row)} fields: expected {width}"
                return Rejected(line, header[-1], row[-1], reason, joined(row))
            del row[width:]
        code = row[codes[0]] if len(codes) == 1 else joined(row)
        cells = {key: row[i] for i, key in rest if row[i]}
        if NULL in row:
            cells = {key: text for key, text in cells.items() if text != NULL or key == SOURCE}
        properties = properties_of(cells) if typed else cells
        return checked(line, (code, row[name], row[lat], row[lng]), properties, names)

    return record


def _named(header: list[str], names: list[str]) -> list[int]:
    titles = [normalised(name) for name in header]
    for name in names:
        if normalised(name) not in titles:
            raise FeedError(f"no column {name}: found {', '.join(header)}")
    return [titles.index(normalised(name)) for name in names]


def _column(header: list[str], columns: list[list[str]], field: str) -> int:
    """Find the column of a field. If several names match, use the one with more valid values."""
    titles = [normalised(name) for name in header]
    found = [i for name in NAMES[field] for i, title in enumerate(titles) if title == name]
    if not found:
        raise FeedError(_missing(header, field))
    best = max(found, key=lambda i: _fit(columns[i], field))
    if field == "code" and len(columns[best]) >= 10 and _fit(columns[best], field) < 0.5:
        raise FeedError(
            f"column {header[best]} has no unique code for most rows: {ANOTHER}; "
            f"found {', '.join(header)}"
        )
    return best


def _fit(values: list[str], field: str) -> float:
    """Return the share of values that are valid for the field: unique codes, degrees in range."""
    fitting = [value for value in values if value.strip()]
    if limit := {"lat": 90, "lng": 180}.get(field):
        fitting = [value for value in fitting if abs(degrees(value, limit)) <= limit]
    elif field == "code":
        fitting = list(set(fitting))
    return len(fitting) / max(len(values), 1)


def _missing(header: list[str], field: str) -> str:
    if any(abs(degrees(name, inf)) <= inf for name in header):
        return (
            "a row where a header was expected; without a header, name the columns: "
            "--columns code,name,lat,lng"
        )
    hint = ANOTHER if field == "code" else f"--{field} COLUMN names another"
    return (
        f"no column for {field}: expected {', '.join(NAMES[field][:4])} or the like; {hint}; "
        f"found {', '.join(header)[:500] or 'an empty line'}"
    )


def _is_field(name: str) -> bool:
    return not name or normalised(name) in FIELDS  # a blank title is a column's number


def header(keys: Iterable[str]) -> list[str]:
    """Name the columns of a file with these properties."""
    return [*FIELDS, *(to_file(key, _is_field) for key in keys)]


def write(records: Iterable[Record], contents: Contents) -> Iterator[bytes]:
    """Write a CSV file with a column for each property, with lists and objects as JSON."""
    keys = contents.keys()
    lines = ([*r[1:5], *(cell(r.properties, key) for key in keys)] for r in records)
    return lines_of(chain([header(keys)], lines))


OPTIONS = ("key", "name", "lat", "lng", "columns")
CSV = Format("csv", "text/csv", (".csv",), lambda start: True, read, write, OPTIONS)
