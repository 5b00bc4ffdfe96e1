"""Sessions and transactions that an earlier error has spoilt: what that error was."""

import re

from ..case import Case, Found
from ..errors import sqlstate_of
from ..matching import by_text


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


def _told(text: str, place: str, case: Case) -> dict[str, str]:
    """Write the first error; in production without its values."""
    told = f"The first error was: {' '.join(text.split()).rstrip('.')}." if case.probe else ""
    at = f"It happened at {place}" if place else ""
    return {"first": f"{told} {at}".strip()} if told or at else {}
