"""Sessions and transactions that an earlier error has spoilt: what that error was."""

import re

from ..case import NOTHING, Case, Found
from ..errors import sqlstate_of
from ..matching import by_text
from ..model_code import models_named

OF_SQLALCHEMY = (
    *("session-method-unknown", "query-method-unknown", "engine-execute", "engine-inspect"),
    *("result-not-read", "query-not-run", "select-not-run"),
)


def forked(error: BaseException, case: Case) -> Found | None:
    """Explain what libpq says when two processes read from one connection."""
    if sqlstate_of(error):
        return None
    found = by_text(getattr(error, "orig", None) or error, case)
    return found if found and found[0] == "shared-over-fork" else None


def aborted(error: BaseException, case: Case) -> Found | None:
    """Name the error that made the server refuse the rest of a transaction."""
    if sqlstate_of(error) != "25P02" or case.state is None or case.connection is None:
        return None
    first = case.state.first_errors.get(case.connection)
    return ("transaction-aborted", _told(*first, case)) if first else None


def pending(error: BaseException, case: Case) -> Found | None:
    """Name the error that a session must be rolled back for, and the line where it happened."""
    message = str(error)
    found = re.search(r"Original exception was: (.*?)(?:\n\[SQL|\n\(Background|$)", message, re.S)
    if type(error).__name__ != "PendingRollbackError" or not found:
        return None
    known = list(case.state.first_errors.values()) if case.state else []
    places = [place for text, place in known if text in message]
    return "session-needs-rollback", _told(found[1], places[-1] if places else "", case)


def homonyms(error: BaseException, case: Case) -> Found | None:
    """Let alone what only reads like an error of the database: `'...' % x`, another Session."""
    found = by_text(getattr(error, "orig", None) or error, case)
    owner = getattr(error, "obj", None)
    theirs = owner is None or type(owner).__module__.startswith(("sqlalchemy", "flask_sqlalchemy"))
    if not found or found[0] == "percent-in-sql":
        return NOTHING if found and case.engine is None else None
    return NOTHING if found[0] in OF_SQLALCHEMY and not theirs else None


def objects(error: BaseException, case: Case) -> Found | None:
    """Explain an object of a model that is used as a list or a dictionary."""
    found = re.match(r"(?:object of type )?'(\w+)' (?:object is not|has no len)", str(error))
    if not isinstance(error, TypeError) or not found or not models_named(found[1]):
        return None
    return "object-not-a-list", {"model": found[1]}


def _told(text: str, place: str, case: Case) -> dict[str, str]:
    """Write the first error; in production without its values."""
    told = f"The first error was: {' '.join(text.split()).rstrip('.')}." if case.probe else ""
    at = f"It happened at {place}" if place else ""
    return {"first": f"{told} {at}".strip()} if told or at else {}
