"""Keeps some of a worker's threads free, whatever the others wait for.

Some are for all that only reads: writers may wait for one another, or for an import. And some of
these are for the health checks. The gates are gunicorn's; the application refuses those for whom
there is no place.
"""

from collections.abc import Callable, Iterable
from threading import Semaphore
from typing import Any

from flask import Flask, request
from werkzeug.exceptions import ServiceUnavailable
from werkzeug.wsgi import ClosingIterator

from .replica import READS

WAIT = 0.25  # seconds for a place, in a spare thread; under mere load one is free much sooner
RETRY_AFTER = 1  # second
# What needs no database, or sees to it that it doesn't wait.
OPEN = ("/health/", "/metrics", "/static/")
FULL = "stationsapp.full"  # in the environment of a request that has no place


def init_app(app: Flask) -> None:
    """Answer 503 where there is no place."""

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
    """A WSGI application that lets so many requests of a kind into another, and refuses the rest.

    When one has waited in vain, and no place has become free since, the others don't wait at all:
    so a request that needs none is never kept from a thread for long.
    """

    def __init__(self, serve: Any, kind: Callable[[dict[str, Any]], bool], places: int) -> None:
        self.serve = serve
        self.kind = kind
        self.places = Semaphore(places)
        self.stuck = False

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Serve the request, or have it refused."""
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
