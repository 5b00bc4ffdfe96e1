"""Keeps some of a worker's threads free, even if all others wait.

Writes may wait for one another or for an import, so some threads are only for reads. Some of these
are only for health checks. gunicorn.conf.py adds the gates, and the application answers 503 to the
requests that they turn away.
"""

from collections import deque
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any

from flask import Flask, request
from werkzeug.exceptions import ServiceUnavailable

from .replica import READS
from .web.finishing import Finishing

WAIT = 0.25  # seconds for a place; under load one is free much sooner
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
        self.places = Places(places)
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
        return Finishing(answer, self.places.release)


class Places:
    """A semaphore that gives a free place to the thread that has waited longest.

    With `threading.Semaphore`, the thread that frees a place serves its next request and takes the
    place again before the waiting thread wakes up. Under load, some would wait in vain.
    """

    def __init__(self, free: int) -> None:
        self.free = free
        self.lock = Lock()
        self.waiting: deque[Lock] = deque()

    def acquire(self, timeout: float) -> bool:
        """Take a place; return False if none is free in this number of seconds."""
        with self.lock:
            if self.free:
                self.free -= 1
                return True
            turn = Lock()
            turn.acquire()
            self.waiting.append(turn)
        if turn.acquire(timeout=timeout):
            return True
        with self.lock:
            if turn not in self.waiting:  # it was given the place just now
                return True
            self.waiting.remove(turn)
            return False

    def release(self) -> None:
        """Give the place to the first who waits, or free it."""
        with self.lock:
            if self.waiting:
                self.waiting.popleft().release()
            else:
                self.free += 1
