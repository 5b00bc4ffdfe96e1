"""The doctor meets you before the error: in debug it looks at the database before your view does.

One request pays for a look, at most once a second; the others use its answer.
"""

import logging
from threading import Lock
from time import monotonic

from flask import Flask, request

from .diagnosis import Diagnosis

PAUSE = 1.0  # seconds from one look to the next
SHARE = 0.02  # of the time that looking may take while all is well: many migrations are read slowly
# The application works: its tables are there, though the next migration fails; or it is no
# business of the doctor's.
HARMLESS = ("table-exists", "revision-unknown", "other-database")

log = logging.getLogger(__name__)


class Ahead:
    """What the last look at one application's database found, and until when that counts."""

    def __init__(self) -> None:
        self._looking = Lock()
        self._until: float | None = None
        self._found: Diagnosis | None = None

    def ask(self, app: Flask) -> Diagnosis | None:
        """Return what keeps the database from being used.

        While one request looks, others take the last answer; only the very first one is waited for.
        """
        if self._old() and self._looking.acquire(blocking=self._until is None):
            try:
                if self._old():
                    began = monotonic()
                    self._found = _look(app)
                    ended = monotonic()
                    rest = PAUSE if self._found else max(PAUSE, (ended - began) / SHARE)
                    self._until = ended + rest
            finally:
                self._looking.release()
        return self._found

    def forget(self) -> None:
        """Look anew from now on: something was done about it."""
        with self._looking:
            self._until = None

    def _old(self) -> bool:
        return self._until is None or monotonic() > self._until


def wanted(app: Flask) -> bool:
    """Tell whether this request is to be met, unless the setting or its target says no.

    Static files are what error pages of the application's own are made of.
    """
    if not app.config.get("DOCTOR_AHEAD", True):
        return False
    endpoint = request.endpoint or ""
    return not (endpoint == "static" or endpoint.endswith(".static") or endpoint == "doctor.act")


def _look(app: Flask) -> Diagnosis | None:
    from .examine import look

    try:
        found = look(app)
    except Exception:
        # What the doctor doesn't understand, the application may: it goes on.
        log.debug("the doctor failed", exc_info=True)
        return None
    return None if found and found.entry.id in HARMLESS else found
