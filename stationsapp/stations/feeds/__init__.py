"""The formats: a file <-> records. Pure: no database, no Flask."""

from typing import Any, NamedTuple


class Record(NamedTuple):
    """A station as a feed gives it; `line` is where it stands in the file, from 1."""

    line: int
    code: str
    name: str
    lat: float
    lng: float
    properties: dict[str, Any]


class Rejected(NamedTuple):
    """A row that is no station: the column at fault, its value, and what was expected."""

    line: int
    column: str
    value: str
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.value!r} {self.reason}"


class FeedError(Exception):
    """A file that can't be read as a feed; the message says where and what was expected."""
