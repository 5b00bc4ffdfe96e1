"""From an exception to the entry of the catalogue that explains it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sqlalchemy import Engine

from .case import Case, connection_facts, facts_of, reached
from .catalogue import Entry
from .diagnosis import Diagnosis
from .migrations import tool_of
from .own_code import own_line
from .rules import RULES
from .state import State, current_state, known_entries

# What wraps the error that matters, and says no more than that it happened.
WRAPPERS = ("SystemExit", "NoAppException", "ClickException", "UsageError")

NO_MIGRATIONS = (
    "This application has no migrations. Create what is missing with `metadata.create_all()` "
    "(`db.create_all()` in Flask-SQLAlchemy), or set up Flask-Migrate."
)


def diagnose(
    error: BaseException,
    engine: Engine | None = None,
    connection: Any = None,
    *,
    state: State | None = None,
    probe: bool = False,
) -> Diagnosis | None:
    """Return what the catalogue says of an error, of the one that it wraps, or None.

    `engine` is the one that failed, `connection` its driver's connection if it stands: for the
    facts of the server. With `probe` the server may be asked, which takes up to some seconds.
    """
    state = state or current_state()
    entries = state.entries if state else known_entries()
    case = Case(state, engine, connection, entries, probe)
    for inner in _chain(error):
        known: Diagnosis | None = getattr(inner, "diagnosis", None)
        if known:
            return known
        found = next(filter(None, (rule(inner, case) for rule in RULES)), None)
        if found and found[0] in entries:
            facts = facts_of(state, engine) | connection_facts(connection) | found[1]
            entry = _possible(entries[found[0]], state)
            where = facts.get("where") or own_line(inner)
            return Diagnosis(entry, facts, where, reached(connection))
    return None


def _possible(entry: Entry, state: State | None) -> Entry:
    """Return the entry, without a fix by migrations in an application that has none."""
    if entry.action != "upgrade" or state is None or tool_of(state):
        return entry
    return replace(entry, action=None, fix=(NO_MIGRATIONS,))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        wrapper = type(error).__name__ in WRAPPERS
        error = error.__cause__ or (error.__context__ if wrapper else None)
