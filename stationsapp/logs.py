"""The log format: JSON in production, plain text elsewhere, with the request's id."""

import json
import logging
import re
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from traceback import TracebackException
from typing import Any

import orjson
import psycopg2

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The id of this thread's current or last request; "" before the first."""

LINE = "[%(asctime)s] %(levelname)s in %(module)s: %(message)s"  # Flask's format


class LineFormatter(logging.Formatter):
    """Formats a record as plain text."""

    def __init__(self) -> None:
        super().__init__(LINE)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """Return the message, followed by the request's id."""
        line = super().formatMessage(record)
        return f"{line} [{request_id.get()}]" if request_id.get() else line


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON, including the record's `fields`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id.get():
            line["request_id"] = request_id.get()
        line |= getattr(record, "fields", {})
        if record.exc_info and (error := record.exc_info[1]):
            if diagnosis := getattr(error, "diagnosis", None):
                line["diagnosis"] = diagnosis.entry.id
            line["exception"] = without_values(error)
        try:
            return orjson.dumps(line, default=str).decode()
        except TypeError:  # a lone surrogate, which orjson refuses
            return json.dumps(line, default=str)


def without_values(error: BaseException) -> str:
    """Return an error's traceback without the values that PostgreSQL quotes, which are a user's."""
    told = TracebackException.from_exception(error)
    _drop_notes(told)
    text = "".join(told.format())
    for part in _chain(error):
        if isinstance(part, psycopg2.Error):
            text = text.replace(str(part).rstrip(), _primary(part))
    return text


def _drop_notes(told: TracebackException) -> None:
    told.__notes__ = []  # the doctor's notes may quote PostgreSQL's message
    for part in (told.__cause__, told.__context__):
        if part:
            _drop_notes(part)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__ or error.__context__


def _primary(error: psycopg2.Error) -> str:
    """Return the primary message, because DETAIL, CONTEXT and LINE quote values."""
    first = error.diag.message_primary or str(error).partition("\n")[0]
    if (error.pgcode or "").startswith("22"):  # these messages quote the invalid value
        first = re.sub('".*"', '"..."', first, flags=re.DOTALL)
    return first
