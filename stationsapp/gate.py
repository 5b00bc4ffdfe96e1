"""Keeps some of a worker's threads free, even if all others wait.

Writes may wait for one another or for an import, so some threads are only for reads. Some of these
are only for health checks. gunicorn.conf.py adds the gates, and the application answers 503 to the
requests that they turn away.
"""

from collections.abc import Callable, Iterable
from threading import Semaphore
from typing import Any

from flask import Flask, request
from werkzeug.exceptions import ServiceUnavailable
from werkzeug.wsgi import ClosingIterator

from .replica import READS

WAIT = 0.25  # seconds for a place; under normal load one is free much sooner
RETRY_AFTER = 1  # second
# Requests that need no database, or limit their own waiting.
OPEN = ("/health/", "/metrics", "/static/")
FULL = "stationsapp.full"  # set in the environment of a request that is turned away


def init_app(app: Flask) -> None:
    """Answer 503 to the requests that a gate turns away."""

    @app.before_request
    def refuse() -> None:
        if FULL in request.environ:
            raise ServiceUnavailable("too many requests are waiting", retry_after=RETRY_AFTER)


def uses_database(environ: dict[str, Any]) -> bool:
    """Tell whether a request may wait for the database."""
    return not environ["PATH_INFO"].startswith(OPEN)


def writes(environ: dict[str, Any]) -> bool:
    """Tell whether a request may wait for others that write."""
    return environ["REQUEST_METHOD"] not in READS


class Gate:
    """WSGI middleware that limits how many requests of a kind run at once.

    After one request has waited in vain, others are turned away at once until a place is free
    again, so that they don't occupy the threads that other requests need.
    """

    def __init__(self, serve: Any, kind: Callable[[dict[str, Any]], bool], places: int) -> None:
        self.serve = serve
        self.kind = kind
        self.places = Semaphore(places)
        self.stuck = False

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Serve the request, or mark it as turned away."""
        if FULL in environ or not self.kind(environ):
            return self.serve(environ, start_response)  # type: ignore[no-any-return]
        self.stuck = not self.places.acquire(timeout=0 if self.stuck else WAIT)
        if self.stuck:
            environ[FULL] = True
            return self.serve(environ, start_response)  # type: ignore[no-any-return]
        try:
            answer = self.serve(environ, start_response)
        except BaseException:
            self.places.release()
            raise
        return ClosingIterator(answer, self.places.release)
