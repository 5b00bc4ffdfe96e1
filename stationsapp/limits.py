"""How long anything may take, in one place: a request ends within 5 seconds, whatever happens.

A server that refuses says so at once. One that hangs says nothing, and its kernel acknowledges what
it is sent: so a watchdog on our side cuts the connections of a request whose time is over.

Imports, exports and migrations take the time that they need, within limits of their own.
What is libpq's or the session's, a database URL may say otherwise: `?connect_timeout=10` or
`?options=-c%20statement_timeout%3D9s`.
"""

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from math import inf
from threading import Lock, Thread
from time import monotonic, sleep
from typing import Any

import psycopg2
from flask import current_app, has_request_context, request
from psycopg2 import errors
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import InvalidatePoolError, TimeoutError

from .hosts import Hosts

# Seconds. A request's own time with the database is DATABASE_TIMEOUT; it may have waited for a
# place before, and its answer takes a moment more.
POOL = 1  # for one of the pool's connections, which others have: they end, and ours goes on
CONNECT = 2  # to reach a host and log in; libpq takes no less
PING = 1.0  # for a connection from the pool to show that it lives: a new one is then soon there
RECYCLE = 300  # of a connection: then it is made anew, wherever the host's name leads by now
DEAD_PEER = 10  # for a command's connection whose other end acknowledges nothing
LIBPQ = {
    "connect_timeout": str(CONNECT),
    "tcp_user_timeout": str(DEAD_PEER * 1000),
    "keepalives_idle": str(DEAD_PEER),
    "keepalives_interval": str(DEAD_PEER // 2),
    "keepalives_count": "2",
}
# Of each session: in its start, and not by SET, which a pooler would leave to the next client. The
# plans of what is prepared are made once, and JIT compiles nothing: it takes their cost for many
# times what it is, and compiling then for each request takes seconds.
SESSION = {"plan_cache_mode": "force_generic_plan", "jit": "off"}
# And of a request's, as parts of its time: the server ends what nobody waits for any more.
REQUEST_SESSION = {
    "statement_timeout": 0.9,
    "lock_timeout": 0.7,  # less again: it tells a lock from a query that is slow by itself
    "idle_in_transaction_session_timeout": 2.0,  # its process hangs, and holds locks
}
# Of an import's transaction and an export's.
COMMAND_SESSION = {
    "statement_timeout": "1h",
    "lock_timeout": "10min",  # for another import of the same source
    "idle_in_transaction_session_timeout": "10min",  # whoever takes an export has gone to sleep
    "client_connection_check_interval": "1s",  # a killed command's locks and work end with it
}
# Of a migration's transaction: while it waits for a table, every query behind it waits as well. So
# it waits for less than a second, lets them pass, and tries again.
MIGRATION_SESSION = {"statement_timeout": "1h", "lock_timeout": "700ms"}
MIGRATION_PAUSE = 2  # seconds
MIGRATION_TRIES = 20  # for a table, before a migration gives up
MIGRATION_QUEUE = 600  # seconds for the migrations that another process runs
# The last part of a request's time, in which no connection is begun: the watchdog can't cut that.
LATE = 0.4
DEADLINE = "stationsapp.deadline"  # in a request's environment
TOO_LATE = "stationsapp.too_late"  # and when it is too late to connect
SETTLED = "settled"  # of a connection's `info`: whether its session has these settings
TIME = "time"  # the seconds of the request that uses it, if one does
LINE = "line"  # and what the watchdog cuts it by
NEW = "new"  # and whether it has just been made: it needs no ping
TICK = 0.1  # seconds between the watchdog's looks


def options(*sessions: Mapping[str, str | int]) -> str:
    """Return the settings of a session as libpq's `options`."""
    settings = {name: value for session in sessions for name, value in session.items()}
    return " ".join(f"-c {name}={value}" for name, value in settings.items())


def local(session: Mapping[str, str | int]) -> str:
    """Return the SQL that sets this for the transaction: behind a pooler too nothing is left."""
    return ";".join(f"SET LOCAL {name} = '{value}'" for name, value in session.items())


def bound(engine: Engine, *, ping: bool) -> None:
    """Bound what an engine's connections wait for; with `ping` each is tried before its use."""

    writes = engine.url.query.get("target_session_attrs") in ("read-write", "primary")

    def checkout(dbapi_connection: Any, record: Any, _: object) -> None:
        end = deadline() if has_request_context() else inf
        record.info[TIME] = current_app.config["DATABASE_TIMEOUT"] if end < inf else None
        if ping and not record.info.pop(NEW, False):
            watchdog.watch(record.info[LINE], min(end, monotonic() + PING))
            try:
                engine.dialect.do_ping(dbapi_connection)
            except psycopg2.Error as error:
                raise InvalidatePoolError from error  # all that were made before are as old
        if writes and _is_read_only(dbapi_connection):
            raise InvalidatePoolError  # another server is the primary now
        watchdog.watch(record.info[LINE], end)

    def checkin(_: object, record: Any) -> None:
        if line := record.info.get(LINE):
            watchdog.forget(line)

    def connect(dbapi_connection: Any, record: Any) -> None:
        record.info[NEW] = True
        line = record.info[LINE] = Line(dbapi_connection)
        if has_request_context():
            watchdog.watch(line, deadline())

    event.listen(engine, "do_connect", _Start())
    # Before SQLAlchemy asks the server what it is.
    event.listen(engine, "connect", connect, insert=True)
    event.listen(engine, "checkout", checkout)
    event.listen(engine, "checkin", checkin)
    event.listen(engine, "begin", _settle)
    event.listen(engine, "handle_error", _part_with_read_only)


def deadline() -> float:
    """Return when this request's time is over, by `time.monotonic`.

    Raises sqlalchemy.exc.TimeoutError when it is.
    """
    # Not in `g`, which is the application context's: a shell's, say, is that of many requests.
    own = request.environ
    if DEADLINE not in own:
        seconds = current_app.config["DATABASE_TIMEOUT"]
        own[DEADLINE] = monotonic() + seconds
        own[TOO_LATE] = own[DEADLINE] - LATE * seconds
    end: float = own[DEADLINE]
    if monotonic() >= end:
        raise TimeoutError("the request's time is over")
    return end


def renew(connection: Connection) -> None:
    """Give the connection of a request's stream the same time once more: for its next part."""
    if seconds := connection.info[TIME]:
        watchdog.watch(connection.info[LINE], monotonic() + seconds)


class _Start:
    """Asks for a session's settings, unless a pooler refuses them, as PgBouncer does by default."""

    def __init__(self) -> None:
        self.refused = False
        self.hosts = Hosts()

    def __call__(
        self, dialect: Any, record: Any, arguments: Any, parameters: dict[str, Any]
    ) -> Any:
        wanted: list[Mapping[str, str | int]] = [SESSION]
        if has_request_context():
            deadline()
            if monotonic() > request.environ.get(TOO_LATE, inf):
                raise TimeoutError("too little of the request's time is left to connect")
            wanted.append(_request_session())
        settled = f"{options(*wanted)} {parameters.get('options', '')}".strip()
        if not self.refused:
            try:
                connection = self.hosts.connect(parameters | {"options": settled})
            except psycopg2.OperationalError as error:
                if "unsupported startup parameter" not in str(error):
                    raise
                self.refused = True
            else:
                record.info[SETTLED] = True
                return connection
        record.info[SETTLED] = False
        return self.hosts.connect(parameters)


def _is_read_only(connection: Any) -> bool:
    """Tell whether the server has said so, as it does unasked (from PostgreSQL 14 on)."""
    told = ("in_hot_standby", "default_transaction_read_only")
    return any(connection.info.parameter_status(name) == "on" for name in told)


def _settle(connection: Connection) -> None:
    """Give a request's transaction its limits, where a pooler kept its session from having them."""
    autocommit: bool = connection.connection.autocommit
    if has_request_context() and not (connection.info.get(SETTLED, True) or autocommit):
        connection.exec_driver_sql(local(_request_session()))


def _request_session() -> dict[str, int]:
    milliseconds = 1000 * current_app.config["DATABASE_TIMEOUT"]
    return {name: int(milliseconds * part) for name, part in REQUEST_SESSION.items()}


def _part_with_read_only(context: ExceptionContext) -> None:
    """Part with connections to a server that has become a standby: another one is the primary."""
    if isinstance(context.original_exception, errors.ReadOnlySqlTransaction):
        context.is_disconnect = True


class Line:
    """A second handle on a connection's socket: its own number may be another's by then."""

    def __init__(self, connection: Any) -> None:
        self.number = os.dup(connection.fileno())

    def cut(self) -> None:
        """End what waits for the other side, and what would."""
        line = socket.socket(fileno=self.number)
        with suppress(OSError):  # it is no more
            line.shutdown(socket.SHUT_RDWR)
        line.detach()

    def __del__(self) -> None:
        os.close(self.number)


class Watchdog:
    """Cuts the lines whose time is over; a thread of its own, in each process that has some."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._ends: dict[Line, float] = {}
        self._thread: Thread | None = None

    def watch(self, line: Line, end: float) -> None:
        """Cut the line at that time, by `time.monotonic`, unless it is forgotten before."""
        with self._lock:
            self._ends[line] = end
            if self._thread is None or not self._thread.is_alive():  # a fork has no threads
                self._thread = Thread(target=self._run, name="watchdog", daemon=True)
                self._thread.start()

    def forget(self, line: Line) -> None:
        """Let the line be."""
        with self._lock:
            self._ends.pop(line, None)

    def _run(self) -> None:
        while True:
            sleep(TICK)
            with self._lock:
                now = monotonic()
                for line in [line for line, end in self._ends.items() if end < now]:
                    del self._ends[line]
                    line.cut()


watchdog = Watchdog()
