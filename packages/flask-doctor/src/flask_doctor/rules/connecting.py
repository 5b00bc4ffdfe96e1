"""Why a connection fails: first by what libpq says, then by a look at the server."""

import re
import socket
from typing import Any

from sqlalchemy.exc import DBAPIError

from .. import libpq
from ..case import NOTHING, Case, Found
from ..diagnosis import server_facts
from ..errors import is_connecting, sqlstate_of
from ..matching import by_text

REACHING = 2.0  # seconds for a look whether a port takes connections


def lost(error: BaseException, case: Case) -> Found | None:
    """Explain a connection that broke off under a statement."""
    if sqlstate_of(error) or not isinstance(error, DBAPIError):
        return None
    return ("connection-lost", {}) if error.connection_invalidated and error.statement else None


def refused(error: BaseException, case: Case) -> Found | None:
    """Explain a connection that failed."""
    if sqlstate_of(error) or not is_connecting(error):
        return None
    original = error.orig if isinstance(error, DBAPIError) else error
    message = str(original)
    attempt = libpq.decisive(message)
    text = attempt.text if attempt else message
    parameters = case.parameters
    if "@" in str(parameters.get("host", "")):  # a part of the password, which is not shown
        return "url-unescaped", {}
    entry, captured = by_text(original, case, text) or (None, {})
    facts = captured | libpq.names_in(text) | _place(attempt, text, parameters)
    if case.probe and attempt and parameters:
        from .. import refusal  # pg8000 takes 25 ms of a start, and few starts need it

        if entry is None:
            entry = refusal.examine(parameters, attempt)
        elif entry == "no-hba-entry" and refusal.needs_encryption(parameters, attempt):
            entry = "ssl-required"
        elif entry == "host-silent" and _is_open(attempt):
            facts["detail"] = "The port accepts connections, so it is not a firewall: " + (
                "the server hangs or is overloaded, or another program listens there."
            )
    return (entry, facts) if entry else NOTHING


def _place(attempt: libpq.Attempt | None, text: str, parameters: dict[str, Any]) -> dict[str, str]:
    """Return the server's facts as libpq tells them: of several hosts, those of the one."""
    if attempt is None:
        named = re.search(r"host (?:name )?[\"']([^\"']+)[\"']", text)
        return {"host": named[1]} if named else {}
    own = libpq.effective(parameters)
    names = {"role": own.get("user", ""), "database": own.get("dbname", "")} | libpq.names_in(text)
    return server_facts(attempt.host, attempt.port, names["role"], names["database"])


def _is_open(attempt: libpq.Attempt) -> bool:
    try:
        socket.create_connection((attempt.host, int(attempt.port)), REACHING).close()
    except (OSError, ValueError):
        return False
    return True
