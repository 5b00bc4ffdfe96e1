"""Tables as text (RFC 4180): a file <-> rows, of which the first one names the columns."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from io import StringIO
from itertools import chain, islice
from typing import Any, BinaryIO, TypeVar

from . import FeedError
from .encodings import guess
from .headers import FIELDS, NAMES, normalised

SEPARATORS = ",;\t|"
SAMPLE = 200  # lines from which the separator and the columns are chosen
SAMPLED = 1 << 20  # characters of them
LONGEST = 1 << 24  # bytes of a line
csv.field_size_limit(LONGEST)  # the default is 131,072
BATCH = 1_000  # rows to a piece of output
T = TypeVar("T")


def rows(stream: BinaryIO, columns: str | None = None) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a table and the lines that they start on, the header first.

    `columns` are the names of the columns of a file without a header. Raises FeedError if the file
    isn't CSV.
    """
    lines = _lines(stream)
    sample = sampled(lines, len)
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


def sampled(items: Iterator[T], size: Callable[[T], int]) -> list[T]:
    """Take the first items, which have about SAMPLED characters at most."""
    sample: list[T] = []
    total = 0
    for item in islice(items, SAMPLE):
        sample.append(item)
        if (total := total + size(item)) > SAMPLED:
            break
    return sample


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


def lines_of(table: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """Write rows as CSV in UTF-8, in pieces."""
    table = iter(table)
    while batch := list(islice(table, BATCH)):
        buffer = StringIO()
        csv.writer(buffer, lineterminator="\r\n").writerows(batch)
        yield buffer.getvalue().encode()
