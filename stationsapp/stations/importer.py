"""Records -> table: stage, compare, and write with one statement, all in one transaction."""

import csv
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any, TextIO

from psycopg2.errors import UniqueViolation
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from .. import limits
from ..extensions import db
from . import analysis, bulk, locks, several
from .comparison import SAME, VANISHED, changes, compare
from .feeds import Item, Rejected, dumps
from .report import Report
from .staging import duplicates, stage
from .suspicions import suspicions

SHOWN = 10  # rejected rows that the report keeps
# Of a source, unless forced. In a small source, a few may always be moved or renamed.
PRUNED_AT_MOST = 0.2
CHANGED_AT_MOST = 1 / 3
FEW = 9

INSERT = """
INSERT INTO stations (source, code, name, lat, lng, properties, changed_by_id)
SELECT {source}, code, name, lat, lng, properties, %(changed_by)s::bigint FROM staging
"""
# Many stations are written by place, so that those of a map are in few blocks of the table. In a
# filled table, the indexes then take two thirds of the time.
ORDER = "ORDER BY CASE WHEN %(many)s THEN station_cell(lat, lng) END, line"
# If all stations are new. Without the check for conflicts, this is a tenth faster, or a third in a
# table without indexes.
FILL = INSERT + ORDER
# Everything is one statement, because the trigger at its end makes writers wait for each other. A
# writer that waits for the import's rows then holds no lock that the import needs.
WRITE = f"""
WITH pruned AS (DELETE {{vanished}} AND %(prune)s)
{INSERT}
WHERE NOT EXISTS (
    SELECT FROM stations AS old
    WHERE old.source = {{source}} AND old.code = staging.code AND {SAME}
)
{ORDER}
ON CONFLICT (source, code) DO UPDATE SET updated_at = now(), name = excluded.name,
    lat = excluded.lat, lng = excluded.lng, properties = excluded.properties,
    changed_by_id = excluded.changed_by_id
"""
# The statements of one source. Those of several have several.EACH instead.
ONE = {"source": "%(source)s", "vanished": VANISHED}
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
        stage(connection, items, report, reject, progress)
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
    for line, code, first in duplicates(connection):
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
        values = {
            "source": min(parts),
            "prune": report.pruned > 0,
            "changed_by": changed_by,
            "many": changed >= bulk.MANY,
        }
        if report.sources:
            several.join(connection)
        is_bulk = bulk.lock(connection, report.added, fast=fast)
        all_new = not report.updated + report.unchanged + report.pruned
        with bulk.indexes_afterwards(connection, unique=all_new) if is_bulk else nullcontext():
            written = several.EACH if report.sources else ONE
            if not (all_new and _filled(connection, FILL.format(**written), values)):
                connection.exec_driver_sql(WRITE.format(**written), values)
    for name, part in parts.items():
        counts = part if report.sources else report
        rows = dumps({kept: getattr(counts, kept) for kept in KEPT}).decode()
        connection.exec_driver_sql(KEEP, {"source": name, "rows": rows})
    connection.commit()
    analysis.renew(connection, changed)


def _filled(connection: Connection, statement: str, values: dict[str, Any]) -> bool:
    """Insert new stations; return False if somebody has added one of them in the meantime."""
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(statement, values)
    except IntegrityError as error:
        if not isinstance(error.orig, UniqueViolation):
            raise
        return False
    return True


def _excess(source: str, report: Report, prune: bool) -> str:
    """Say why there are so many changes that this may be another feed, or a broken one."""
    known = report.updated + report.unchanged
    if max(report.moved, report.renamed) > max(FEW, CHANGED_AT_MOST * known):
        return (
            f"this may be another feed, because it would move {report.moved:,} and rename "
            f"{report.renamed:,} of the {known:,} stations already in {source}, more than a "
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
