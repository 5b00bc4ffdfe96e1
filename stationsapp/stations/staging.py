"""Records -> the staging table, with COPY. What is staged is gone when the transaction ends."""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import psycopg2
from sqlalchemy import Connection

from .feeds import TYPES, FeedError, Item, Record, Rejected, Skipped, dumps, shown
from .report import Report

BATCH = 500  # records to a piece of COPY, less than a socket's buffer
SAID = 5_000  # records between two calls of progress

STAGING = """
CREATE TEMPORARY TABLE staging (
    line integer, code text, name text, lat float8, lng float8, properties jsonb
) ON COMMIT DROP;
CREATE TEMPORARY TABLE refused (code text, line integer, first integer) ON COMMIT DROP;
SET LOCAL work_mem = '64MB'
"""
SEPARATE = """
INSERT INTO refused (code) SELECT code FROM staging WHERE name IS NULL;
DELETE FROM staging WHERE name IS NULL;
ANALYZE staging, refused
"""
REFUSE_DUPLICATES = """
WITH repeated AS (
    SELECT code, min(line) AS first FROM staging GROUP BY code HAVING count(*) > 1
),
deleted AS (
    DELETE FROM staging USING repeated
    WHERE staging.code = repeated.code AND line > first RETURNING staging.code, line, first
)
INSERT INTO refused (code, line, first) SELECT code, line, first FROM deleted
"""
DUPLICATES = "SELECT line, code, first FROM refused WHERE first IS NOT NULL ORDER BY line"


def stage(
    connection: Connection,
    items: Iterable[Item],
    report: Report,
    reject: Callable[[Rejected], None],
    progress: Callable[[int], None],
) -> None:
    """Copy the records to the staging table, and the rejected codes to another one.

    Count what is skipped in the report. Raises FeedError from the reader.
    """
    connection.exec_driver_sql(STAGING)
    pieces = _Pieces(_pieces(items, report, reject, progress))
    cursor = connection.connection.cursor()
    try:
        cursor.copy_expert("COPY staging FROM STDIN (ENCODING 'UTF8')", pieces)
    except psycopg2.DataError as error:
        raise FeedError(f"PostgreSQL can't store this: {str(error).splitlines()[0]}") from error
    if pieces.error:
        raise pieces.error
    connection.exec_driver_sql(SEPARATE)


def duplicates(connection: Connection) -> Iterator[Any]:
    """Delete rows with a repeated code from the staging table, and yield them."""
    if connection.exec_driver_sql(REFUSE_DUPLICATES).rowcount:
        # Kept on the server: there may be millions.
        yield from connection.exec_driver_sql(DUPLICATES, execution_options={"yield_per": BATCH})


class _Pieces:
    """A file for COPY, which reads the next records while PostgreSQL stores the last ones."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.pieces = pieces
        self.error: BaseException | None = None

    def read(self, size: int) -> bytes:
        try:
            return next(self.pieces, b"")
        except BaseException as error:  # psycopg2 would make it another one
            self.error = error
            return b""


def _pieces(
    items: Iterable[Item],
    report: Report,
    reject: Callable[[Rejected], None],
    progress: Callable[[int], None],
) -> Iterator[bytes]:
    """Write records in COPY's text format, and for rejected rows the code, if it is known."""
    items = iter(items)
    rows = 0
    while batch := list(islice(items, BATCH)):
        lines: list[str] = []
        for item in batch:
            line = _copy_line(item) if isinstance(item, Record) else item
            if isinstance(line, str):
                lines.append(line)
            elif isinstance(line, Skipped):
                report.skipped += 1
            else:
                reject(line)
                # The code itself may be wrong or empty.
                code = line.code.replace("\0", "").encode(errors="replace").decode()
                lines.append(f"{line.line}\t{_escaped(code)}\t\\N\t\\N\t\\N\t\\N\n")
        if rows // SAID != (rows := rows + len(batch)) // SAID:
            progress(rows)
        if lines:
            yield "".join(lines).encode()
    progress(rows)


NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def _copy_line(record: Record) -> str | Rejected:
    """Write a record as a line of COPY's text format, or say why PostgreSQL can't store it."""
    line, code, name, lat, lng, properties = record
    if TYPES in properties:
        return Rejected(line, TYPES, shown(properties[TYPES]), "is a name that exports use", code)
    try:
        document = dumps(properties).decode()
    except (TypeError, ValueError, RecursionError):
        reason = "can't be stored as JSON: half a surrogate pair, or nested too deeply"
        return Rejected(line, "properties", shown(properties), reason, code)
    if "\\u0000" in document and NUL.search(document):
        reason = "contains a NUL character, which PostgreSQL can't store"
        return Rejected(line, "properties", document, reason, code)
    document = document.replace("\\", "\\\\")
    return f"{line}\t{_escaped(code)}\t{_escaped(name)}\t{lat!r}\t{lng!r}\t{document}\n"


def _escaped(text: str) -> str:
    text = text.replace("\\", "\\\\").replace("\t", "\\t")
    return text.replace("\n", "\\n").replace("\r", "\\r")
