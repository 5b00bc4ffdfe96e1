"""The diagnosis where the error shows: on the exception, and after Flask-Migrate's log line."""

import logging
import sys
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

from .models import explain_no_changes
from .recognise import diagnose

log = logging.getLogger(__name__)


def install() -> None:
    """Attach diagnoses from now on; installing twice does no more than once."""
    if not event.contains(Engine, "handle_error", _on_error):
        event.listen(Engine, "handle_error", _on_error)
    logging.getLogger("flask_migrate").addFilter(_explain_swallowed)
    # Of Flask-Migrate's env.py, stock or our own.
    logging.getLogger("alembic.env").addFilter(_explain_no_changes)


def annotate(error: BaseException, engine: Engine | None = None, connection: Any = None) -> None:
    """Add the diagnosis to the exception, as its note and as `.diagnosis`; never raises.

    `engine` and the driver's `connection` are those that failed.
    """
    try:
        if getattr(error, "diagnosis", None):
            return
        diagnosis = diagnose(error, engine, connection)
        if diagnosis:
            error.diagnosis = diagnosis  # type: ignore[attr-defined]
            error.add_note(f"\n{diagnosis.text()}")
    except Exception:
        # The error that is being raised matters more than ours.
        log.debug("the doctor failed", exc_info=True)


def _on_error(context: ExceptionContext) -> None:
    error = context.sqlalchemy_exception or context.original_exception
    # Before each use the pool tries whether a connection still lives: no error when it doesn't.
    if not context.is_pre_ping:
        fairy = context.connection and context.connection._dbapi_connection
        annotate(error, context.engine, fairy.dbapi_connection if fairy else None)


def _explain_swallowed(record: logging.LogRecord) -> bool:
    error = sys.exc_info()[1]
    if error and record.levelno >= logging.ERROR:
        annotate(error)
        _append(record, getattr(error, "diagnosis", None))
    return True


def _explain_no_changes(record: logging.LogRecord) -> bool:
    if str(record.msg).startswith("No changes in schema detected"):
        try:
            _append(record, explain_no_changes())
        except Exception:
            log.debug("the doctor failed", exc_info=True)
    return True


def _append(record: logging.LogRecord, explanation: Any) -> None:
    if explanation:
        text = explanation if isinstance(explanation, str) else explanation.text()
        record.msg, record.args = f"{record.getMessage()}\n{text}", ()
