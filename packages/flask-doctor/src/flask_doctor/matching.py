"""The catalogue's own matching: an entry by the error's SQLSTATE, or by its words."""

import re
from functools import cache
from typing import Any

from .case import NOTHING, Case, Found
from .catalogue import Entry
from .errors import sqlstate_of
from .pointing import Pointed

# What the server tells of an error beside its message (the protocol's documentation, 53.8).
FIELDS = {
    "schema": "schema_name",
    "table": "table_name",
    "column": "column_name",
    "type": "datatype_name",
    "constraint": "constraint_name",
    "server_detail": "message_detail",
    "server_hint": "message_hint",
}


def by_sqlstate(error: BaseException, case: Case) -> Found | None:
    """Find the entry by the driver's SQLSTATE; an entry may name a whole class, as `23`.

    The longest wins, then the one whose statement fits, then the one whose words do.
    """
    sqlstate = sqlstate_of(error)
    if not sqlstate:
        return None
    statement = (getattr(error, "statement", None) or "").strip()
    original = getattr(error, "orig", None) or error
    pointed = Pointed(error)
    told = {"reason": pointed.message, **pointed.shown()}
    fields = fields_of(original)
    if not case.probe:  # it may hold values, which are nobody's business in production
        fields.pop("server_detail", None)
    ranked: list[tuple[tuple[int, bool, int], Found]] = []
    for entry in case.entries.values():
        fits = max((len(s) for s in entry.sqlstates if sqlstate.startswith(s)), default=0)
        if fits and re.match(entry.statement, statement, re.I):
            words, captured = words_of(entry, str(original))
            if entry.strict and not words:
                continue
            rank = (fits, bool(entry.statement), words)
            ranked.append((rank, (entry.id, told | captured | fields)))
    return max(ranked, key=lambda item: item[0])[1] if ranked else NOTHING


def fields_of(original: Any) -> dict[str, str]:
    """Return what the server tells of an error beside its message, in the texts' words."""
    diag = getattr(original, "diag", None)
    found = {name: getattr(diag, field, None) for name, field in FIELDS.items()}
    return {name: str(value) for name, value in found.items() if value}


def by_text(error: BaseException | None, case: Case, text: str | None = None) -> Found | None:
    """Find the entry by the class of the error and its words: that with the most of them."""
    text = str(error) if text is None else text
    known = type(error), text
    if known not in case.words:
        case.words[known] = _by_text(known, case)
    return case.words[known]


def _by_text(known: tuple[type, str], case: Case) -> Found | None:
    kind, text = known
    names = {base.__name__ for base in kind.__mro__}
    ranked = [
        (*words_of(entry, text), entry.id)
        for entry in case.entries.values()
        if names & set(entry.exceptions)
    ]
    words, captured, found = max(ranked, key=lambda item: item[0], default=(0, {}, ""))
    return (found, captured) if words else None


def words_of(entry: Entry, text: str) -> tuple[int, dict[str, str]]:
    """Return how many characters of an entry's best message are in a text, and what it captures."""
    best: tuple[int, dict[str, str]] = (0, {})
    for message in entry.messages:
        match = pattern(message).search(text)
        length = len(re.sub(r"…|\{\w+\}", "", message))
        if match and length > best[0]:
            best = length, match.groupdict()
    return best


@cache
def pattern(message: str) -> re.Pattern[str]:
    """Turn a message of the catalogue into a pattern.

    `…` stands for anything, `{name}` for what becomes the fact of that name; some messages break
    lines where ours have a space.
    """
    words = re.escape(message).replace("…", ".*?").replace(r"\ ", r"\s+")
    words = re.sub(r"\\\{(\w+)\\\}$", r"(?P<\1>[^\\n]*)", words)
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^\\n]*?)", words), re.S)
