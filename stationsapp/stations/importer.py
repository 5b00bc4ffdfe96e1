"""Records -> table: COPY into a staging table, then one statement, all in one transaction."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from itertools import islice
from typing import Any, TextIO

import psycopg2
from sqlalchemy import Connection

from .. import limits
from ..extensions import db
from . import analysis, bulk, locks, several
from .comparison import SAME, VANISHED, changes, compare
from .feeds import FeedError, Item, Record, Rejected, Skipped, dumps, shown
from .report import Report
from .suspicions import suspicions

BATCH = 500  # records to a piece of COPY, less than a socket's buffer
SAID = 5_000  # records between two calls of progress
SHOWN = 10  # rejected rows that the report keeps
# Of a source, unless forced. In a small source, a few may always be moved or renamed.
PRUNED_AT_MOST = 0.2
CHANGED_AT_MOST = 1 / 3
FEW = 9

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

# Everything is one statement, because the trigger at its end makes writers wait for each other. A
# writer that waits for the import's rows then holds no lock that the import needs.
WRITE = f"""
WITH pruned AS (DELETE {VANISHED} AND %(prune)s)
INSERT INTO stations (source, code, name, lat, lng, properties, changed_by_id)
SELECT %(source)s, code, name, lat, lng, properties, %(changed_by)s::bigint FROM staging
WHERE NOT EXISTS (
    SELECT FROM stations AS old
    WHERE old.source = %(source)s AND old.code = staging.code AND {SAME}
)
ORDER BY line
ON CONFLICT (source, code) DO UPDATE SET updated_at = now(), name = excluded.name,
    lat = excluded.lat, lng = excluded.lng, properties = excluded.properties,
    changed_by_id = excluded.changed_by_id
"""
WRITE_SEVERAL = WRITE.replace(VANISHED, several.DOOMED).replace("%(source)s", "staging.source")
KEPT = ("added", "updated", "unchanged", "skipped", "rejected", "vanished", "pruned")
KEEP = """
INSERT INTO imports (source, rows) VALUES (%(source)s, %(rows)s)
ON CONFLICT (source) DO UPDATE SET updated_at = now(), rows = excluded.rows
"""


def import_records(
    source: str,
    items: Iterable[Item],
    *,
    divided: bool = False,
    prune: bool = False,
    force: bool = False,
    strict: bool = False,
    dry_run: bool = False,
    fast: bool = False,
    changed_by: int | None = None,
    rejects: TextIO | None = None,
    progress: Callable[[int], None] = lambda rows: None,
    sample: int = 0,
) -> Report:
    """Load a feed's records as stations of `source`, all or none.

    With `divided`, they are stations of the sources in their properties, and `source` is ignored.
    `prune` deletes stations that the feed no longer has, if they are at most a fifth of the source.
    At most a third of the stations that it still has may be moved or renamed. With `force`, both
    may be any number. `strict` refuses a feed with a rejected row. `fast` locks a table that more
    than doubles, to load it faster; an empty one is always locked. `changed_by` is the id of the
    token that is used. All rejected rows are written to `rejects` as CSV. `progress` is called
    with the number of rows read. `sample` is how many changes of each kind the report contains.
    Raises FeedError from the reader.
    """
    report = Report()
    reject = _rejecter(report, rejects)
    with db.engine.connect() as connection:  # what is not committed is rolled back
        limits.limit_command(connection)
        connection.exec_driver_sql(STAGING)
        _stage(connection, _Pieces(_pieces(items, report, reject, progress)))
        if divided:
            report.sources = several.divide(connection)
        parts = {}
        for name in report.sources or [source]:
            if divided:
                several.choose(connection, name)
            parts[name] = part = _compared(connection, name, reject, sample)
            _judge(part, name, prune, force)
            report.add(part)
            if divided:
                several.collect(connection, name, part.pruned > 0)
        if strict and report.rejected:
            report.refused = "--strict allows no rejected rows"
        if rejects:
            rejects.flush()  # on a full disk, this fails before anything is changed
        if not report.refused and not dry_run:
            _write(connection, report, parts, changed_by, fast)
    return report


def _compared(
    connection: Connection, source: str, reject: Callable[[Rejected], None], sample: int
) -> Report:
    """Compare what is staged with the source."""
    report = Report()
    for line, code, first in _duplicates(connection):
        reject(Rejected(line, "code", code, f"is repeated: it is also at {first}"))
    locks.wait_for_imports(connection, source)
    with connection.begin_nested() as reading:
        compare(connection, source, report)
        if sample:
            report.changes = changes(connection, source, sample)
        reading.rollback()  # releases the lock of the table, which others may want to lock
    report.suspicions = suspicions(connection)
    return report


def _judge(report: Report, source: str, prune: bool, force: bool) -> None:
    """Decide whether to refuse the changes of a source, and whether to prune it."""
    if not report.added + report.updated + report.unchanged:
        # Such a feed is broken: it must not empty the source.
        report.refused = "it contains no valid station"
    elif not force and (excess := _excess(source, report, prune)):
        report.refused, report.forceable = excess, True
    elif prune:
        report.pruned = report.vanished


def _write(
    connection: Connection,
    report: Report,
    parts: dict[str, Report],
    changed_by: int | None,
    fast: bool,
) -> None:
    changed = report.added + report.updated + report.pruned
    if changed:
        values = {"source": min(parts), "prune": report.pruned > 0, "changed_by": changed_by}
        if report.sources:
            several.join(connection)
        is_bulk = bulk.lock(connection, report.added, fast=fast)
        with bulk.indexes_afterwards(connection) if is_bulk else nullcontext():
            connection.exec_driver_sql(WRITE_SEVERAL if report.sources else WRITE, values)
    for name, part in parts.items():
        counts = part if report.sources else report
        rows = dumps({kept: getattr(counts, kept) for kept in KEPT}).decode()
        connection.exec_driver_sql(KEEP, {"source": name, "rows": rows})
    connection.commit()
    analysis.renew(connection, changed)


def _excess(source: str, report: Report, prune: bool) -> str:
    """Say what changes so much of the source that it may be another feed, or a broken one."""
    known = report.updated + report.unchanged
    if max(report.moved, report.renamed) > max(FEW, CHANGED_AT_MOST * known):
        return (
            f"this may be another feed, for it would move {report.moved:,} and rename "
            f"{report.renamed:,} of the {known:,} stations that {source} has already, more than a "
            "third"
        )
    if prune and report.vanished > PRUNED_AT_MOST * report.before:
        return (
            f"pruning would delete {report.vanished:,} of the {report.before:,} stations of "
            f"{source}, more than a fifth"
        )
    return ""


def _rejecter(report: Report, rejects: TextIO | None) -> Callable[[Rejected], None]:
    """Return a function that counts rejected rows and keeps a few, as there may be millions."""
    writer = csv.writer(rejects) if rejects else None
    if writer:
        writer.writerow(["line", "column", "value", "reason"])

    def reject(rejected: Rejected) -> None:
        report.rejected += 1
        if report.rejected <= SHOWN:
            report.examples.append(rejected)
        if writer:
            writer.writerow(rejected[:4])

    return reject


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


def _stage(connection: Connection, pieces: _Pieces) -> None:
    """Copy the records to the staging table, and the rejected codes to another one."""
    cursor = connection.connection.cursor()
    try:
        cursor.copy_expert("COPY staging FROM STDIN (ENCODING 'UTF8')", pieces)
    except psycopg2.DataError as error:
        raise FeedError(f"PostgreSQL can't store this: {str(error).splitlines()[0]}") from error
    if pieces.error:
        raise pieces.error
    connection.exec_driver_sql(SEPARATE)


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


def _duplicates(connection: Connection) -> Iterator[Any]:
    """Delete rows with a repeated code from the staging table, and yield them."""
    if connection.exec_driver_sql(REFUSE_DUPLICATES).rowcount:
        # Kept on the server: there may be millions.
        yield from connection.exec_driver_sql(DUPLICATES, execution_options={"yield_per": BATCH})
