"""Table -> records -> file."""

from itertools import count
from typing import Any, BinaryIO, NamedTuple

from sqlalchemy import Connection, CursorResult

from .. import limits
from ..database import snapshot
from .feeds import Format, Record, csv
from .geo import Box
from .search import Filters

BATCH = 5_000  # rows to a fetch
MOST_COLUMNS = 1_600  # of a result in PostgreSQL, nearly

# The first rows' keys are nearly always all keys; the others then cost less than half.
KEYS = """
WITH known AS MATERIALIZED (
    SELECT coalesce(array_agg(DISTINCT key), '{{}}') AS keys
    FROM (SELECT properties FROM stations WHERE {where} LIMIT 1000) AS first,
        jsonb_object_keys(properties) AS key
)
SELECT unnest(keys) AS key FROM known
UNION SELECT jsonb_object_keys(properties - keys) FROM stations, known
WHERE {where} AND properties - keys <> '{{}}'
ORDER BY key
"""
SEVERAL_SOURCES = """
SELECT EXISTS (SELECT FROM stations WHERE {where}
    AND source <> (SELECT source FROM stations WHERE {where} LIMIT 1))
"""
SOME = """
SELECT EXISTS (SELECT FROM stations WHERE {where} AND properties ->> %(key)s ~ %(pattern)s)
"""
# Codes are unique in a source only; where two sources have the same, the source comes before it.
UNIQUE_CODE = """
CASE WHEN count(*) OVER (PARTITION BY code) > 1 THEN source || ':' || code ELSE code END
"""


def export(file: BinaryIO, form: Format, source: str | None = None, bbox: Box | None = None) -> int:
    """Write the stations, of a source or in a box, to a file; return how many.

    The box is west, south, east, north in degrees, and crosses the antimeridian where west is
    greater than east.
    """
    condition, parameters = Filters(bbox, source).condition()
    # One snapshot: the keys are those of the very rows that follow.
    with snapshot() as connection:
        limits.limit_command(connection)
        chosen = Chosen(connection, condition, parameters)
        code = "code" if source or not chosen.run(SEVERAL_SOURCES).scalar_one() else UNIQUE_CODE
        if form is csv.CSV and len(keys := chosen.keys()) <= MOST_COLUMNS:
            return _copy_csv(chosen, file, code, keys)
        return _write(chosen, file, form, code)


class Chosen(NamedTuple):
    """The stations to export: a connection and a condition."""

    connection: Connection
    where: str
    parameters: dict[str, Any]

    def run(
        self, statement: str, more: dict[str, str] | None = None, **options: int
    ) -> CursorResult[Any]:
        """Run a query with the condition as its `{where}`, and more parameters and options."""
        return self.connection.exec_driver_sql(
            statement.format(where=self.where), self.parameters | (more or {}), options
        )

    def keys(self) -> list[str]:
        """Return the names of the properties."""
        return list(self.run(KEYS).scalars())

    def some(self, key: str, pattern: str) -> bool:
        """Tell whether this property, as text, matches the pattern in one of them."""
        return bool(self.run(SOME, {"key": key, "pattern": pattern}).scalar_one())


def _copy_csv(chosen: Chosen, file: BinaryIO, code: str, keys: list[str]) -> int:
    """Let PostgreSQL write the same CSV as csv.write, in a third of the time."""
    columns = [code, "name", "lat", "lng"]
    names = {f"key{number}": key for number, key in enumerate(keys)}
    columns += [f"properties ->> %({name})s" for name in names]
    query = f"SELECT {', '.join(columns)} FROM stations WHERE {chosen.where} ORDER BY id"
    cursor = chosen.connection.connection.cursor()
    copy = f"COPY ({query}) TO STDOUT (FORMAT csv, ENCODING 'UTF8')"
    file.writelines(csv.lines_of([csv.header(keys)]))
    cursor.copy_expert(cursor.mogrify(copy, chosen.parameters | names).decode(), file)
    return int(cursor.rowcount)


def _write(chosen: Chosen, file: BinaryIO, form: Format, code: str) -> int:
    numbers = count(1)
    rows = chosen.run(
        f"SELECT {code}, name, lat, lng, properties FROM stations WHERE {{where}} ORDER BY id",
        yield_per=BATCH,
    )
    file.writelines(form.write((Record._make((next(numbers), *row)) for row in rows), chosen))
    return next(numbers) - 1
