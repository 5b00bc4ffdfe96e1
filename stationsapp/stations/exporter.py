"""Table -> records -> file."""

from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from sqlalchemy import Connection, CursorResult

from ..database import snapshot
from .feeds import Record, csv, gbfs, geojson, gtfs
from .geo import Box
from .search import Filters, where

BATCH = 5_000  # rows to a fetch
FORMATS = ("csv", "geojson", "geojsonl", "gtfs", "gbfs")
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
LOCALISED = """
SELECT EXISTS (SELECT FROM stations WHERE {where} AND jsonb_typeof(properties -> 'name') = 'array')
"""
ODD = """
SELECT EXISTS (SELECT FROM stations WHERE {where} AND properties ->> %(key)s !~ %(allowed)s)
"""
# Codes are unique in a source only; where two sources have the same, the source comes before it.
UNIQUE_CODE = """
CASE WHEN count(*) OVER (PARTITION BY code) > 1 THEN source || ':' || code ELSE code END
"""


def export(file: BinaryIO, form: str, source: str | None = None, bbox: Box | None = None) -> int:
    """Write the stations, of a source or in a box, to a file; return how many.

    `form` is one of FORMATS; the box is west, south, east, north in degrees, and crosses the
    antimeridian where west is greater than east.
    """
    condition, parameters = where(Filters(bbox, source))
    # One snapshot: the keys are those of the very rows that follow.
    with snapshot() as connection:
        chosen = Chosen(connection, condition, parameters)
        code = "code" if source or not chosen.ask(SEVERAL_SOURCES) else UNIQUE_CODE
        keys = []
        if form in ("csv", "gtfs"):
            keys = list(chosen.run(KEYS).scalars())
        if form == "csv" and len(keys) <= MOST_COLUMNS:
            return _copy_csv(chosen, file, code, keys)
        return _write(chosen, file, form, code, keys)


class Chosen(NamedTuple):
    """The stations to be written: a connection, and the condition that they meet."""

    connection: Connection
    where: str
    parameters: dict[str, Any]

    def run(self, statement: str, **more: Any) -> CursorResult[Any]:
        """Run a query whose `{where}` is the condition."""
        sql = statement.format(where=self.where)
        return self.connection.exec_driver_sql(sql, self.parameters | more)

    def ask(self, question: str, **more: Any) -> bool:
        """Return the answer of a query that has one."""
        return bool(self.run(question, **more).scalar_one())


def _copy_csv(chosen: Chosen, file: BinaryIO, code: str, keys: list[str]) -> int:
    """Let PostgreSQL write what csv.write would, in a third of the time."""
    columns = [code, "name", "lat", "lng"]
    names = {f"key{number}": key for number, key in enumerate(keys)}
    columns += [f"properties ->> %({name})s" for name in names]
    query = f"SELECT {', '.join(columns)} FROM stations WHERE {chosen.where} ORDER BY id"
    cursor = chosen.connection.connection.cursor()
    copy = f"COPY ({query}) TO STDOUT (FORMAT csv, ENCODING 'UTF8')"
    file.writelines(csv.lines_of([csv.header(keys)]))
    cursor.copy_expert(cursor.mogrify(copy, chosen.parameters | names).decode(), file)
    return int(cursor.rowcount)


def _write(chosen: Chosen, file: BinaryIO, form: str, code: str, keys: list[str]) -> int:
    count = 0

    def records() -> Iterator[Record]:
        nonlocal count
        chosen.connection.execution_options(yield_per=BATCH)
        query = (
            f"SELECT {code}, name, lat, lng, properties FROM stations WHERE {{where}} ORDER BY id"
        )
        for count, row in enumerate(chosen.run(query), 1):
            yield Record._make((count, *row))

    if form == "csv":
        pieces = csv.write(records(), keys)
    elif form == "gtfs":
        odd = [key for key in keys if key in gtfs.ALLOWED and _has_odd(chosen, key)]
        pieces = gtfs.write(records(), keys, odd)
    elif form == "gbfs":
        pieces = gbfs.write(records(), "3.0" if chosen.ask(LOCALISED) else "2.3")
    elif form == "geojson":
        pieces = geojson.write(records())
    else:
        pieces = geojson.write_lines(records())
    file.writelines(pieces)
    return count


def _has_odd(chosen: Chosen, key: str) -> bool:
    """Tell whether a value of this property isn't what GTFS allows in its column."""
    return chosen.ask(ODD, key=key, allowed=f"^(?:{gtfs.ALLOWED[key]})$")
