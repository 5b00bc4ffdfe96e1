"""CSV (RFC 4180), UTF-8, with a header that names the columns."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from io import StringIO
from itertools import chain, islice
from math import inf
from typing import Any, BinaryIO, TypeVar

from . import NULL, SOURCE, TYPES, Contents, FeedError, Format, Record, Rejected, checked, degrees
from .cells import properties_of
from .encodings import guess
from .headers import FIELDS, NAMES, from_file, normalised, to_file

SEPARATORS = ",;\t|"
SAMPLE = 200  # lines from which the separator and the columns are chosen
SAMPLED = 1 << 20  # characters of them
LONGEST = 1 << 24  # bytes of a line
csv.field_size_limit(LONGEST)  # the default is 131,072
ANOTHER = "--key COLUMN names another, or several (--key a,b)"
JOINT = "-"  # between the columns of a code
BATCH = 1_000  # rows to a piece of output
T = TypeVar("T")


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
    sample = _sample(table, lambda row: sum(map(len, row[1])))
    record = _reader(header, [row for _, row in sample if row], {"code": key, **named})
    for line, row in chain(sample, table):
        if row:
            yield record(line, row)


def rows(stream: BinaryIO, columns: str | None = None) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a table and the lines that they start on, the header first.

    `columns` are the names of the columns of a file without a header. Raises FeedError if the file
    isn't CSV.
    """
    lines = _lines(stream)
    sample = _sample(lines, len)
    skipped, dialect = _preamble(sample, bool(columns))
    sample = sample[skipped:]
    if columns:
        yield 0, columns.split(",")
    elif not sample:
        raise FeedError("the file is empty: expected a header that names the columns")
    ended = False

    def end() -> Iterator[str]:
        nonlocal ended
        ended = True
        yield "\n"  # an empty row, or part of the last one if its quote is left open

    reader = csv.reader(chain(sample, lines, end()), **_dialect(sample) | dialect)
    line = skipped + 1
    try:
        for row in reader:
            if ended:
                break
            yield line, row
            line = skipped + reader.line_num + 1
    except csv.Error as error:
        raise FeedError(f"line {line}: {error}; is a quote left open?") from error
    if row:
        raise FeedError(f"line {line}: a quote is left open")


def _sample(items: Iterator[T], size: Callable[[T], int]) -> list[T]:
    """Take the first items, which have about SAMPLED characters at most."""
    sample: list[T] = []
    total = 0
    for item in islice(items, SAMPLE):
        sample.append(item)
        if (total := total + size(item)) > SAMPLED:
            break
    return sample


def _lines(stream: BinaryIO) -> Iterator[str]:
    for number, line in enumerate(_ended(stream), 1):
        if len(line) >= LONGEST:
            raise FeedError(f"line {number} is longer than {LONGEST >> 20} MiB: expected CSV")
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            other = guess(line)
            raise FeedError(
                f"line {number}, byte {error.start + 1}: not UTF-8; if it is {other}, use "
                f"--encoding {other}"
            ) from error
        if number == 1 and (other := guess(line)):
            raise FeedError(f"not UTF-8; if it is {other}, use --encoding {other}")


def _ended(stream: BinaryIO) -> Iterator[bytes]:
    """Return the lines, which end with LF or CR LF or, if the first has no LF, with CR."""
    first = stream.readline(LONGEST)
    if b"\r" in first and not first.endswith(b"\n"):
        return _ended_by_cr(first, stream)
    return chain([first] if first else [], iter(partial(stream.readline, LONGEST), b""))


def _ended_by_cr(rest: bytes, stream: BinaryIO) -> Iterator[bytes]:
    more = b"more"
    while more:
        more = stream.read(LONGEST)
        *lines, rest = (rest + more).split(b"\r")
        yield from (line + b"\n" for line in lines)
        if rest and (not more or len(rest) >= LONGEST):
            yield rest


def _preamble(sample: list[str], headless: bool) -> tuple[int, dict[str, Any]]:
    """Return how many blank lines, comments and `sep=;` come before the header, and the dialect."""
    dialect = {}
    for number, line in enumerate(sample):
        if named := re.fullmatch(r"sep=(.)", line.rstrip("\r\n"), re.IGNORECASE):
            dialect = {"delimiter": named[1]}
        elif line.strip() and (headless or not line.startswith("#") or _has_place(line)):
            return number, dialect
    return len(sample), dialect


def _has_place(line: str) -> bool:
    """Tell whether a line names columns for the latitude and the longitude."""
    names = [{normalised(name) for name in line.split(separator)} for separator in SEPARATORS]
    return any(not (n.isdisjoint(NAMES["lat"]) or n.isdisjoint(NAMES["lng"])) for n in names)


def _dialect(sample: list[str]) -> dict[str, Any]:
    """Choose the separator for which the header is known and all rows have the same length."""

    def score(separator: str) -> tuple[int, int, int]:
        try:
            header, *others = csv.reader(sample, delimiter=separator)
        except (csv.Error, ValueError):
            return 0, 0, 0
        names = {normalised(name) for name in header}
        known = sum(not names.isdisjoint(NAMES[field]) for field in FIELDS)
        even = sum(len(row) == len(header) for row in others) if len(header) > 1 else 0
        return known, even, len(header)

    separator = max(SEPARATORS, key=score)
    spaced = bool(sample) and sample[0].count(separator) == sample[0].count(separator + " ") > 0
    return {"delimiter": separator, "skipinitialspace": spaced}


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
            cells = {key: cell for key, cell in cells.items() if cell != NULL or key == SOURCE}
        properties = properties_of(cells) if typed else cells
        return checked(line, (code, row[name], row[lat], row[lng]), properties, names)

    return record


def distinct(header: list[str]) -> list[str]:
    """Make the names of the columns unique: a, a becomes a, a_2, and a blank one column_3."""
    names: dict[str, None] = {}
    for number, title in enumerate(header, 1):
        name = base = title or f"column_{number}"
        copy = 2
        while name in names:
            name, copy = f"{base}_{copy}", copy + 1
        names[name] = None
    return list(names)


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
    lines = ([*r[1:5], *map(r.cell, keys)] for r in records)
    return lines_of(chain([header(keys)], lines))


def lines_of(table: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """Write rows as CSV in UTF-8, in pieces."""
    table = iter(table)
    while batch := list(islice(table, BATCH)):
        buffer = StringIO()
        csv.writer(buffer, lineterminator="\r\n").writerows(batch)
        yield buffer.getvalue().encode()


OPTIONS = ("key", "name", "lat", "lng", "columns")
CSV = Format("csv", "text/csv", (".csv",), lambda start: True, read, write, OPTIONS)
