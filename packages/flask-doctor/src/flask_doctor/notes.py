"""The diagnosis where the error shows: on the exception, and after Flask-Migrate's log line."""

import logging
import os
import sys
from collections.abc import Iterable
from functools import partial
from typing import Any
from weakref import ref

from flask import Flask, appcontext_pushed, current_app, got_request_exception, has_request_context
from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

from .errors import sqlstate_of
from .own_code import own_line
from .state import State, current_state, patience, state_of

log = logging.getLogger(__name__)

ALEMBIC = "alembic.util.messaging"  # the logger of what ends its own command

# The last application that was set up: that of a script, or of a thread without a context.
_latest: ref[State] | None = None


def init_app(app: Flask) -> None:
    """Attach diagnoses to the errors of this application's engines and requests."""
    state = state_of(app)
    _watch(state, state.given_engines.values())

    def watch_extension(sender: Flask, **_: object) -> None:
        # Flask-SQLAlchemy makes its engines in its own init_app, which may come later than ours.
        if "sqlalchemy" in app.extensions:
            given = set(state.given_engines.values())
            _watch(state, set(state.engines().values()) - given)
            appcontext_pushed.disconnect(watch_extension, app)

    appcontext_pushed.connect(watch_extension, app, weak=False)
    got_request_exception.connect(_on_request_exception, app)
    for swallowing in ("flask_migrate", ALEMBIC):
        logging.getLogger(swallowing).addFilter(_explain_swallowed)
    global _latest
    _latest = ref(state)
    # Of Flask-Migrate's env.py, stock or the application's own.
    logging.getLogger("alembic.env").addFilter(_explain_no_changes)


def _watch(state: State, engines: Iterable[Engine]) -> None:
    for engine in engines:
        event.listen(engine, "do_connect", partial(_note_parameters, state, engine))
        event.listen(engine, "handle_error", partial(_on_error, state))


def _note_parameters(
    state: State, engine: Engine, dialect: Any, record: Any, arguments: Any, parameters: Any
) -> None:
    """Keep what the engine connects with, as only SQLAlchemy knows that; it then connects.

    The application may wait for ever for a server that is frozen; an examination doesn't.
    """
    state.parameters[engine] = dict(parameters)
    limit = patience.get()
    by_libpq = dialect.driver in ("psycopg", "psycopg2")
    if limit and by_libpq and "PGCONNECT_TIMEOUT" not in os.environ:
        parameters.setdefault("connect_timeout", limit)


def _on_error(state: State, context: ExceptionContext) -> None:
    error = context.sqlalchemy_exception or context.original_exception
    # Before each use the pool tries whether a connection still lives: no error when it doesn't.
    if not context.is_pre_ping:
        connection = _driver_connection(context)
        annotate(error, context.engine, connection, state=state)
        _remember(error, connection, state)


def _remember(error: BaseException, connection: Any, state: State) -> None:
    """Keep the error for those that follow from it: they don't say what it was."""
    if connection is not None and sqlstate_of(error) != "25P02":
        text = str(getattr(error, "orig", None) or error).strip()
        try:
            state.first_errors[connection] = text, own_line(error)
        except TypeError:  # a connection that nothing can refer to weakly
            log.debug("not remembered", exc_info=True)


def _driver_connection(context: ExceptionContext) -> Any:
    connection = context.connection
    if connection is None or connection.closed or connection.invalidated:
        return None
    return connection.connection.dbapi_connection


def _on_request_exception(sender: Flask, exception: BaseException, **_: object) -> None:
    annotate(exception)


def annotate(
    error: BaseException,
    engine: Engine | None = None,
    connection: Any = None,
    *,
    state: State | None = None,
) -> None:
    """Add the diagnosis to the exception, as its note and as `.diagnosis`; never raises.

    `engine` and the driver's `connection` are those that failed. In a request in production
    nothing is examined: what the error says of itself must do.
    """
    try:
        if getattr(error, "diagnosis", None):
            return
        from .recognise import diagnose  # with all its rules; few processes meet an error

        probe = not has_request_context() or current_app.debug or current_app.testing
        diagnosis = diagnose(error, engine, connection, state=state, probe=probe)
        if diagnosis:
            error.diagnosis = diagnosis  # type: ignore[attr-defined]
            if getattr(error.__cause__, "diagnosis", None) is not diagnosis:  # it has the note
                error.add_note(f"\n{diagnosis.text()}")
    except Exception:
        # The error that is being raised matters more than ours.
        log.debug("the doctor failed", exc_info=True)


def annotate_uncaught(error: Exception) -> None:
    """Do the same for what ends a script or a thread, perhaps without an application's context."""
    annotate(error, state=current_state() or (_latest() if _latest else None))


def _explain_swallowed(record: logging.LogRecord) -> bool:
    error = sys.exc_info()[1]
    if error and record.levelno >= logging.ERROR:
        annotate(error, state=current_state() or (_latest() if _latest else None))
        diagnosis = getattr(error, "diagnosis", None)
        if diagnosis and record.name == ALEMBIC:  # it prints the message, and may log nothing
            print(diagnosis.text(), file=sys.stderr)
        else:
            _append(record, diagnosis)
    return True


def _explain_no_changes(record: logging.LogRecord) -> bool:
    state = current_state()
    if state and str(record.msg).startswith("No changes in schema detected"):
        from .models import explain_no_changes

        try:
            _append(record, explain_no_changes(state))
        except Exception:
            log.debug("the doctor failed", exc_info=True)
    return True


def _append(record: logging.LogRecord, explanation: Any) -> None:
    if explanation:
        text = explanation if isinstance(explanation, str) else explanation.text()
        record.msg, record.args = f"{record.getMessage()}\n{text}", ()
