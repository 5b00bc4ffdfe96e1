"""The doctor meets you before the error: in debug it looks at the database before your view does.

What a look may cost is paid at most once a second, by one request; the others use its answer.
"""

import logging
import time
from threading import Lock

from flask import Flask, request

from .diagnosis import Diagnosis
from .examine import look

PAUSE = 1.0  # seconds that an answer is good for
# A model that is newer than the migrations keeps nobody from the pages that don't need it, and
# who is just writing it is not to be interrupted: the first query that fails explains it.
HARMLESS = ("model-drift", "nothing-to-migrate")

log = logging.getLogger(__name__)


class Ahead:
    """What the last look at one application's database found, and when that was."""

    def __init__(self) -> None:
        self._looking = Lock()
        self._at = float("-inf")
        self._found: Diagnosis | None = None

    def ask(self, app: Flask) -> Diagnosis | None:
        """Return what keeps the database from being used, as known for at most a second.

        While one request looks, others take the last answer; only the very first one is waited for.
        """
        first = self._at == float("-inf")
        if not self._fresh() and self._looking.acquire(blocking=first):
            try:
                if not self._fresh():
                    self._found = _look(app)
                    self._at = time.monotonic()
            finally:
                self._looking.release()
        return self._found

    def forget(self) -> None:
        """Ask anew from now on: something was done about it."""
        with self._looking:
            self._at = float("-inf")

    def _fresh(self) -> bool:
        return time.monotonic() - self._at < PAUSE


def wanted(app: Flask) -> bool:
    """Tell whether this request is to be met: in debug, unless the setting or its target says no.

    Static files are what error pages of the application's own are made of.
    """
    if not app.debug or not app.config.get("DOCTOR_AHEAD", True):
        return False
    endpoint = request.endpoint or ""
    return not (endpoint == "static" or endpoint.endswith(".static") or endpoint == "doctor.act")


def _look(app: Flask) -> Diagnosis | None:
    try:
        found = look(app)
    except Exception:
        # What the doctor doesn't understand, the application may: it goes on.
        log.debug("the doctor failed", exc_info=True)
        return None
    return None if found and found.entry.id in HARMLESS else found
