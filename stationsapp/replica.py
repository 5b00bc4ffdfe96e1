"""Where reads go: to the replica, if there is one, unless a client must see its own writes.

The response to a write sets a cookie. Requests with this cookie or with a token read from the
primary. All other clients still find a new station at its Location, because the primary is asked
for stations that the replica doesn't have.
"""

from contextlib import suppress
from time import monotonic

from flask import Flask, Response, current_app, has_request_context, request
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError, TimeoutError

from .extensions import db

COOKIE = "primary"
LASTS = 10  # seconds; must be longer than the replica's lag
PAUSE = 5.0  # seconds until a replica that didn't answer is tried again
READS = ("GET", "HEAD", "OPTIONS")
AWAY = (OperationalError, TimeoutError)


def init_app(app: Flask) -> None:
    """Set up the fallback for a missing replica, and the cookie for clients that write."""
    app.extensions["replica"] = Replica()
    if app.config["DATABASE_READ_URL"]:
        app.after_request(_remember_writes)


def _remember_writes(response: Response) -> Response:
    if request.method not in READS:  # even if it failed: it may have been committed
        secure = current_app.config["SESSION_COOKIE_SECURE"]
        response.set_cookie(
            COOKIE, "1", max_age=LASTS, secure=secure, httponly=True, samesite="Lax"
        )
    return response


def may_lag() -> bool:
    """Tell whether this request reads from a replica, which may lag."""
    wrote = has_request_context() and (
        COOKIE in request.cookies or "Authorization" in request.headers
    )
    return bool(current_app.config["DATABASE_READ_URL"]) and not wrote


def reading(*, fresh: bool = False) -> Connection:
    """Connect for a read. With `fresh`, use the primary if it answers."""
    replica: Replica = current_app.extensions["replica"]
    if not current_app.config["DATABASE_READ_URL"]:
        return db.engines["read"].connect()
    if fresh or not may_lag():
        with suppress(*AWAY):
            return _primary()
    return replica.connect()


class Replica:
    """Connects to the replica, or for a while to the primary if the replica doesn't answer."""

    def __init__(self) -> None:
        self.away_until = 0.0

    def connect(self) -> Connection:
        """Return a connection for reads."""
        if monotonic() > self.away_until:
            if self.away_until:  # only one request at a time tries it again
                self.away_until = monotonic() + PAUSE
            try:
                connection = db.engines["read"].connect()
                self.away_until = 0.0
                return connection
            except AWAY:
                self.away_until = monotonic() + PAUSE
                current_app.logger.warning("DATABASE_READ_URL doesn't answer: using DATABASE_URL")
        return _primary()


def _primary() -> Connection:
    return db.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
