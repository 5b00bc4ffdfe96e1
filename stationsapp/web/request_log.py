"""Gives each request an id, which is in the log and in the response, and logs the request."""

import logging
import re
from collections.abc import Callable, Iterable
from secrets import token_hex
from time import perf_counter
from typing import Any, NamedTuple

from flask import Flask
from flask.logging import default_handler

from ..logs import LineFormatter, request_id
from .finishing import Finishing

HEADER = "X-Request-ID"
VALID = re.compile(r"[\w.:=/+-]{1,128}", re.ASCII)
NO_ROUTE = "unmatched"  # for an unknown URL, or a request that was refused before routing

log = logging.getLogger("stationsapp.requests")


class Finished(NamedTuple):
    """A request whose response was sent; its route is the rule of its URL."""

    method: str
    route: str
    status: int
    seconds: float


class RequestLog:
    """WSGI middleware that logs requests when they end."""

    def __init__(self, serve: Any, *, lines: bool) -> None:
        self.serve = serve
        self.lines = lines
        self.watchers: list[Callable[[Finished], None]] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Serve the request under its id."""
        began = perf_counter()
        given = environ.get("HTTP_X_REQUEST_ID", "")
        own = given if VALID.fullmatch(given) else token_hex(16)
        request_id.set(own)
        environ["request_id"] = own
        status, route = 500, NO_ROUTE

        def start(line: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            nonlocal status, route
            status = int(line[:3])
            if (request := environ.get("werkzeug.request")) and request.url_rule:
                route = request.url_rule.rule  # read now, because Flask drops the request early
            return start_response(line, [*headers, (HEADER, own)], exc_info)

        def finish() -> None:
            seconds = perf_counter() - began
            self._finish(environ, Finished(environ["REQUEST_METHOD"], route, status, seconds))

        try:
            answer = self.serve(environ, start)
        except BaseException:
            finish()
            raise
        return Finishing(answer, finish)

    def _finish(self, environ: dict[str, Any], finished: Finished) -> None:
        for watcher in self.watchers:
            watcher(finished)
        if self.lines and log.isEnabledFor(logging.INFO):
            # Without the query string, which may contain the user's location.
            path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
            method, _, status, seconds = finished
            fields = {"method": method, "path": path, "status": status}
            fields |= {"seconds": round(seconds, 6), "client": environ.get("REMOTE_ADDR")}
            log.info("%s %s %d", method, path, status, extra={"fields": fields})


def init_app(app: Flask) -> None:
    """Log the requests. Call this after everything else that wraps `wsgi_app`."""
    default_handler.setFormatter(LineFormatter())
    request_log = RequestLog(app.wsgi_app, lines=app.config["LOG_REQUESTS"])
    app.extensions["request_log"] = request_log
    app.wsgi_app = request_log  # type: ignore[method-assign]
