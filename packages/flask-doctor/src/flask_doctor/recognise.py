"""From an exception to the entry of the catalogue that explains it."""

import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sqlalchemy import Engine

from .case import Case, Found, connection_facts, facts_of, reached
from .catalogue import Entry
from .diagnosis import Diagnosis
from .losing import warnings
from .migrations import tool_of
from .own_code import own_line
from .rules import RULES
from .state import State, current_state, known_entries

log = logging.getLogger(__name__)

# What wraps the error that matters, and says no more than that it happened.
WRAPPERS = ("SystemExit", "NoAppException", "ClickException", "UsageError")

UPGRADE = "$ {upgrade}"
NO_MIGRATIONS = (
    "This application has no migrations. Create what is missing with `metadata.create_all()` "
    "(`db.create_all()` in Flask-SQLAlchemy), or set up Flask-Migrate."
)
BY_HAND = (
    "This application has no migrations, so you change the table itself with `ALTER TABLE`, or set "
    "up Flask-Migrate."
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
    if _interrupted(error):
        return None
    state = state or current_state()
    entries = state.entries if state else known_entries()
    case = Case(state, engine, connection, entries, probe)
    for inner in _chain(error):
        known: Diagnosis | None = getattr(inner, "diagnosis", None)
        if known:
            return known
        found = _found(inner, case)
        if found and found[0] in entries:
            facts = facts_of(state, engine) | connection_facts(connection) | found[1]
            entry = possible(entries[found[0]], state, engine if probe else None)
            where = facts.get("where") or own_line(inner)
            facts = _edit(entry, where) | facts
            ruled_out = reached(connection) or facts.pop("reached", "")
            return Diagnosis(entry, facts, where, ruled_out)
    return None


def _found(error: BaseException, case: Case) -> Found | None:
    for rule in RULES:
        try:
            if found := rule(error, case):
                return found
        except Exception:  # it may ask half-made models; that is no error of the user's
            log.debug("a rule failed", exc_info=True)
    return None


def _edit(entry: Entry, where: str) -> dict[str, str]:
    """Return the user's own line before and after the change that the entry makes to it."""
    line = where.partition(": ")[2]
    after = re.sub(entry.line[0], entry.line[1], line) if entry.line else line
    return {"before": line, "after": after} if after != line else {}


def possible(entry: Entry, state: State | None, engine: Engine | None) -> Entry:
    """Return the entry as it fits the migrations: some applications have none, some lose data.

    Without an engine nobody is asked what they lose.
    """
    if state is None:
        return entry
    if tool_of(state) is None:
        return _by_hand(entry)
    if engine is None or UPGRADE not in entry.fix:
        return entry
    try:
        warning = warnings(state, engine)
    except Exception:
        log.debug("the migrations can't be read", exc_info=True)
        return replace(entry, action=None)
    if not warning:
        return entry
    fix = [line for own in entry.fix for line in ([*warning, own] if own == UPGRADE else [own])]
    return replace(entry, action=None, fix=tuple(fix))


def _by_hand(entry: Entry) -> Entry:
    """Return the entry without a fix by migrations."""
    if entry.action == "upgrade":
        return replace(entry, action=None, fix=(NO_MIGRATIONS,))
    kept = tuple(n for n in entry.fix if not n.startswith(("$ {migrate}", "$ {upgrade}")))
    return entry if kept == entry.fix else replace(entry, fix=(*kept, BY_HAND))


def _interrupted(error: BaseException | None) -> bool:
    """Tell whether Ctrl-C came first: what fails after it isn't wrong."""
    while error and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        wrapper = type(error).__name__ in WRAPPERS
        error = error.__cause__ or (error.__context__ if wrapper else None)
