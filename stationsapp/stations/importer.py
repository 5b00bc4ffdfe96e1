"""Records -> table: COPY into a staging table, then one upsert, all in one transaction."""

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from io import StringIO
from itertools import islice

import orjson
from sqlalchemy.engine.interfaces import DBAPICursor

from ..extensions import db
from .feeds import Record, Rejected

BATCH = 5_000  # records to a COPY
IMPORT_LOCK = 7_220_001  # the first of an advisory lock's two numbers; the second is the source's

STAGING = """
CREATE TEMPORARY TABLE staging (
    line integer, code text, name text, lat float8, lng float8, properties jsonb
) ON COMMIT DROP
"""
REJECT_DUPLICATES = """
WITH ranked AS (
    SELECT ctid, min(line) OVER same AS first, row_number() OVER same AS rank
    FROM staging WINDOW same AS (PARTITION BY code ORDER BY line)
)
DELETE FROM staging USING ranked WHERE staging.ctid = ranked.ctid AND rank > 1
RETURNING line, code, first
"""
# A row is only touched when something differs; xmax is 0 in a row version that this INSERT made.
UPSERT = """
WITH upserted AS (
    INSERT INTO stations (source, code, name, lat, lng, properties)
    SELECT %(source)s, code, name, lat, lng, properties FROM staging
    WHERE NOT EXISTS (
        SELECT FROM stations AS old WHERE old.source = %(source)s AND old.code = staging.code
        AND (old.name, old.lat, old.lng, old.properties)
            IS NOT DISTINCT FROM (staging.name, staging.lat, staging.lng, staging.properties)
    )
    ORDER BY line
    ON CONFLICT (source, code) DO UPDATE SET updated_at = now(), name = excluded.name,
        lat = excluded.lat, lng = excluded.lng, properties = excluded.properties
    RETURNING xmax = 0 AS added
)
SELECT count(*) FILTER (WHERE added), count(*) FILTER (WHERE NOT added) FROM upserted
"""


@dataclass
class Report:
    """What an import did, in stations; `rejected` says why."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: list[Rejected] = field(default_factory=list)


def import_records(
    source: str, items: Iterable[Record | Rejected], progress: Callable[[], None] = lambda: None
) -> Report:
    """Load a feed's records as stations of `source`, all or none; call `progress` now and then."""
    report = Report()
    with db.engine.begin() as connection:
        cursor = connection.connection.cursor()
        # Two imports of one source queue; two sources run side by side.
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [IMPORT_LOCK, source])
        cursor.execute(STAGING)
        staged = _stage(cursor, items, report.rejected, progress)
        cursor.execute("ANALYZE staging")
        cursor.execute(REJECT_DUPLICATES)
        for line, code, first in cursor.fetchall():
            reason = f"stands on line {first} already: expected each code once"
            report.rejected.append(Rejected(line, "code", code, reason))
            staged -= 1
        cursor.execute(UPSERT, {"source": source})
        [(report.added, report.updated)] = cursor.fetchall()
        report.unchanged = staged - report.added - report.updated
    report.rejected.sort()
    return report


def _stage(
    cursor: DBAPICursor,
    items: Iterable[Record | Rejected],
    rejected: list[Rejected],
    progress: Callable[[], None],
) -> int:
    """Copy the records to the staging table, put the rejected aside, return how many it took."""
    staged = 0
    items = iter(items)
    while batch := list(islice(items, BATCH)):
        buffer = StringIO()
        writer = csv.writer(buffer)
        for item in batch:
            if isinstance(item, Rejected):
                rejected.append(item)
            else:
                writer.writerow((*item[:5], orjson.dumps(item.properties).decode()))
                staged += 1
        buffer.seek(0)
        cursor.copy_expert("COPY staging FROM STDIN (FORMAT csv)", buffer)
        progress()
    return staged
