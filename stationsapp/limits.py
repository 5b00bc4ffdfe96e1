"""All time limits but libpq's (postgres.py): a request ends within 5 seconds, whatever happens.

A server that refuses a connection says so at once. A server that hangs doesn't, and its kernel
still acknowledges packets. So a watchdog thread cuts the connections of a request that is out of
time.

Imports, exports and migrations have longer limits. A database URL can override the limits of libpq
and of the session: `?connect_timeout=10` or `?options=-c%20statement_timeout%3D9s`.
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

# Seconds. A request may use the database for DATABASE_TIMEOUT. Before that it may wait for a
# thread, and after that its response takes a moment.
POOL = 1  # for a connection from the pool, if all are in use
PING = 1.0  # for a pooled connection to answer; otherwise a new one is made
RECYCLE = 300  # until a connection is replaced, in case the host's name has a new address
# Settings of every session. They are sent when it starts, because a pooler would pass a SET on to
# the next client. Prepared statements are planned once. JIT is off, because PostgreSQL
# overestimates the cost of such plans, and would spend seconds compiling them. Incremental
# sorts are off, or it would use a smaller index that has only the start of the order.
SESSION = {"plan_cache_mode": "force_generic_plan", "jit": "off", "enable_incremental_sort": "off"}
# Further settings of a request's session, as fractions of its time, so that the server stops
# working for a request that has ended.
REQUEST_SESSION = {
    "statement_timeout": 0.9,
    "lock_timeout": 0.7,  # shorter, to tell waiting for a lock from a slow query
    "idle_in_transaction_session_timeout": 2.0,  # if our process hangs and holds locks
}
# Settings of the transaction of an import or an export.
COMMAND_SESSION = {
    "lock_timeout": "10min",  # for another import of the same source
    "idle_in_transaction_session_timeout": "10min",  # if the reader of an export hangs
}
# A killed command soon releases its locks, unless the server's platform can't detect that.
CHECK_CLIENT = """
DO $$ BEGIN SET LOCAL client_connection_check_interval = '1s';
EXCEPTION WHEN invalid_parameter_value THEN NULL; END $$
"""
# Settings of a migration's transaction. While it waits for a table, every later query waits behind
# it. So it waits for less than a second, lets the queries run, and tries again.
MIGRATION_SESSION = {"lock_timeout": "700ms"}
MIGRATION_PAUSE = 2  # seconds until it tries again
MIGRATION_TRIES = 20  # before a migration gives up
MIGRATION_QUEUE = 600  # seconds to wait while another process runs the migrations
MIGRATION_POOLER = 10  # seconds to wait for a pooler's second connection
# The last part of a request's time, in which it opens no connection: the watchdog couldn't cut it.
LATE = 0.4
# Keys in a request's environment.
DEADLINE = "stationsapp.deadline"
TOO_LATE = "stationsapp.too_late"  # when it is too late to connect
# Keys in a connection's `info`.
SETTLED = "settled"  # whether its session has the settings above
TIME = "time"  # the seconds of the request that uses it, if one does
LINE = "line"  # the Line with which the watchdog cuts it
NEW = "new"  # whether it is new, so that it needs no ping
TICK = 0.1  # seconds between two checks of the watchdog


def options(*sessions: Mapping[str, str | int]) -> str:
    """Return the settings of a session as libpq's `options`."""
    settings = {name: value for session in sessions for name, value in session.items()}
    return " ".join(f"-c {name}={value}" for name, value in settings.items())


def local(session: Mapping[str, str | int]) -> str:
    """Return the SQL that sets this for one transaction, which is safe behind a pooler."""
    return ";".join(f"SET LOCAL {name} = '{value}'" for name, value in session.items())


def limit_command(connection: Connection) -> None:
    """Set the time limits of the transaction of an import or an export."""
    connection.exec_driver_sql(local(COMMAND_SESSION | command_time()))
    connection.exec_driver_sql(CHECK_CLIENT)


def command_time() -> dict[str, str | int]:
    """Return the time limit of a statement outside of requests, as a session's setting."""
    return {"statement_timeout": int(1000 * current_app.config["DATABASE_COMMAND_TIMEOUT"])}


def answers(connection: Connection, seconds: float) -> bool:
    """Return whether the server answers on this connection in time; otherwise, cut it."""
    watchdog.watch(connection.info[LINE], monotonic() + seconds)
    try:
        connection.connection.cursor().execute("SELECT 1")  # not SQLAlchemy's: no diagnosis
        connection.connection.rollback()
    except psycopg2.OperationalError:
        connection.invalidate()
        return False
    watchdog.forget(connection.info[LINE])
    return True


def bound(engine: Engine, *, ping: bool) -> None:
    """Apply the limits to an engine's connections. With `ping`, test each before it is used."""
    writes = engine.url.query.get("target_session_attrs") in ("read-write", "primary")

    def checkout(dbapi_connection: Any, record: Any, _: object) -> None:
        end = deadline() if has_request_context() else inf
        record.info[TIME] = current_app.config["DATABASE_TIMEOUT"] if end < inf else None
        if ping and not record.info.pop(NEW, False):
            watchdog.watch(record.info[LINE], min(end, monotonic() + PING))
            try:
                engine.dialect.do_ping(dbapi_connection)
            except psycopg2.Error as error:
                raise InvalidatePoolError from error  # the older ones are probably lost too
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

    event.listen(engine, "do_connect", _Start(command_time()))
    # Before SQLAlchemy's own first query.
    event.listen(engine, "connect", connect, insert=True)
    event.listen(engine, "checkout", checkout)
    event.listen(engine, "checkin", checkin)
    event.listen(engine, "begin", _settle)
    event.listen(engine, "handle_error", _part_with_read_only)


def deadline() -> float:
    """Return when this request's time is over, by `time.monotonic`.

    Raises sqlalchemy.exc.TimeoutError if it already is.
    """
    # Not in `g`: several requests may share an application context, for example in a shell.
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
    """Restart the time of a connection that streams a response, for the next part."""
    if seconds := connection.info[TIME]:
        watchdog.watch(connection.info[LINE], monotonic() + seconds)


class _Start:
    """Connects with the session's settings, or without them if a pooler refuses them."""

    def __init__(self, command_time: Mapping[str, str | int]) -> None:
        self.command_time = command_time  # overrides a role's shorter limit
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
        else:
            wanted.append(self.command_time)
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
    """Tell whether the server has reported this, which it does by itself since PostgreSQL 14."""
    told = ("in_hot_standby", "default_transaction_read_only")
    return any(connection.info.parameter_status(name) == "on" for name in told)


def _settle(connection: Connection) -> None:
    """Set the limits for a request's transaction if a pooler refused them for the session."""
    autocommit: bool = connection.connection.autocommit
    if has_request_context() and not (connection.info.get(SETTLED, True) or autocommit):
        connection.exec_driver_sql(local(_request_session()))


def _request_session() -> dict[str, int]:
    milliseconds = 1000 * current_app.config["DATABASE_TIMEOUT"]
    return {name: int(milliseconds * part) for name, part in REQUEST_SESSION.items()}


def _part_with_read_only(context: ExceptionContext) -> None:
    """Drop the connections to a server that has become a standby."""
    if isinstance(context.original_exception, errors.ReadOnlySqlTransaction):
        context.is_disconnect = True


class Line:
    """A duplicate of a connection's socket, because its file descriptor may be reused."""

    def __init__(self, connection: Any) -> None:
        self.number = os.dup(connection.fileno())

    def cut(self) -> None:
        """Shut the connection down, so that nothing waits for the server any more."""
        line = socket.socket(fileno=self.number)
        with suppress(OSError):  # it is closed already
            line.shutdown(socket.SHUT_RDWR)
        line.detach()

    def __del__(self) -> None:
        os.close(self.number)


class Watchdog:
    """Cuts lines whose time is over, in one thread for each process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._ends: dict[Line, float] = {}
        self._thread: Thread | None = None

    def watch(self, line: Line, end: float) -> None:
        """Cut the line at `end`, by `time.monotonic`, unless `forget` is called before."""
        with self._lock:
            self._ends[line] = end
            if self._thread is None or not self._thread.is_alive():  # a fork loses its threads
                self._thread = Thread(target=self._run, name="watchdog", daemon=True)
                self._thread.start()

    def forget(self, line: Line) -> None:
        """Stop watching the line."""
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
