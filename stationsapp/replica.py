"""Which server a read is sent to: to the replica, if there is one, unless it may not know enough.

A replica lags. So whoever writes gets a cookie, and reads from the primary for as long as it lasts;
and so does whoever sends a token. Other clients find what they have made at its Location: the
primary is asked for a station that the replica doesn't have.
"""

from contextlib import suppress
from time import monotonic

from flask import Flask, Response, current_app, has_request_context, request
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError, TimeoutError

from .extensions import db

COOKIE = "primary"
LASTS = 10  # seconds, more than a replica lags; watch how much it does
PAUSE = 5.0  # seconds until a replica that didn't answer is tried again
READS = ("GET", "HEAD", "OPTIONS")
AWAY = (OperationalError, TimeoutError)


def init_app(app: Flask) -> None:
    """Prepare for the replica's absence, and tell clients that write to read from the primary."""
    app.extensions["replica"] = Replica()
    if app.config["DATABASE_READ_URL"]:
        app.after_request(_remember_writes)


def _remember_writes(response: Response) -> Response:
    if request.method not in READS:  # whatever became of it
        secure = current_app.config["SESSION_COOKIE_SECURE"]
        response.set_cookie(
            COOKIE, "1", max_age=LASTS, secure=secure, httponly=True, samesite="Lax"
        )
    return response


def may_lag() -> bool:
    """Tell whether reads are sent to a replica, for all that their client has done."""
    wrote = has_request_context() and (
        COOKIE in request.cookies or "Authorization" in request.headers
    )
    return bool(current_app.config["DATABASE_READ_URL"]) and not wrote


def reading(*, fresh: bool = False) -> Connection:
    """Connect for a read; a `fresh` one is of the primary, if that answers."""
    replica: Replica = current_app.extensions["replica"]
    if not current_app.config["DATABASE_READ_URL"]:
        return db.engines["read"].connect()
    if fresh or not may_lag():
        with suppress(*AWAY):
            return _primary()
    return replica.connect()


class Replica:
    """Connects to the replica; if it doesn't answer, to the primary for a while."""

    def __init__(self) -> None:
        self.away_until = 0.0

    def connect(self) -> Connection:
        """Return a connection for reads, to the one or the other."""
        if monotonic() > self.away_until:
            if self.away_until:  # one tries again, and may wait in vain: meanwhile no other does
                self.away_until = monotonic() + PAUSE
            try:
                connection = db.engines["read"].connect()
                self.away_until = 0.0
                return connection
            except AWAY:
                self.away_until = monotonic() + PAUSE
                current_app.logger.warning("the server for reads doesn't answer: reads go on here")
        return _primary()


def _primary() -> Connection:
    return db.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
