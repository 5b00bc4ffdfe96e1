"""Table -> records -> file."""

from collections.abc import Iterator
from typing import Any, BinaryIO

from sqlalchemy import Connection

from ..extensions import db
from .feeds import Record, csv, gbfs, geojson, gtfs

BATCH = 5_000  # rows to a fetch
FORMATS = ("csv", "geojson", "geojsonl", "gtfs", "gbfs")
MOST_COLUMNS = 1_600  # of a result in PostgreSQL, nearly

WHERE = """
WHERE (%(source)s::text IS NULL OR source = %(source)s) AND (%(west)s::float8 IS NULL OR
    CASE WHEN %(west)s <= %(east)s
        THEN point(lng, lat) <@ box(point(%(west)s, %(south)s), point(%(east)s, %(north)s))
        ELSE point(lng, lat) <@ box(point(%(west)s, %(south)s), point(180, %(north)s))
            OR point(lng, lat) <@ box(point(-180, %(south)s), point(%(east)s, %(north)s)) END)
"""  # psycopg2 puts the values in, so that what does not apply is gone before the plan is made
# The first rows' keys are nearly always all keys; the others then cost less than half.
KEYS = f"""
WITH known AS MATERIALIZED (
    SELECT coalesce(array_agg(DISTINCT key), '{{}}') AS keys
    FROM (SELECT properties FROM stations {WHERE} LIMIT 1000) AS first,
        jsonb_object_keys(properties) AS key
)
SELECT unnest(keys) AS key FROM known
UNION SELECT jsonb_object_keys(properties - keys) FROM stations, known {WHERE}
ORDER BY key
"""
SEVERAL_SOURCES = f"""
SELECT EXISTS (SELECT FROM stations {WHERE}
    AND source <> (SELECT source FROM stations {WHERE} LIMIT 1))
"""
LOCALISED = f"""
SELECT EXISTS (SELECT FROM stations {WHERE} AND jsonb_typeof(properties -> 'name') = 'array')
"""
ODD = f"""
SELECT EXISTS (SELECT FROM stations {WHERE} AND properties ->> %(key)s !~ %(allowed)s)
"""
# Codes are unique in a source only; where two sources have the same, the source comes before it.
UNIQUE_CODE = """
CASE WHEN count(*) OVER (PARTITION BY code) > 1 THEN source || ':' || code ELSE code END
"""


def export(
    file: BinaryIO,
    form: str,
    source: str | None = None,
    bbox: tuple[float, float, float, float] | None = None,
) -> int:
    """Write the stations, of a source or in a box, to a file; return how many.

    `form` is one of FORMATS; the box is west, south, east, north in degrees, and crosses the
    antimeridian where west is greater than east.
    """
    names = ("west", "south", "east", "north")
    chosen: dict[str, Any] = {"source": source, **dict(zip(names, bbox or [None] * 4, strict=True))}
    read = db.engines["read"].connect()
    # One snapshot: the keys are those of the very rows that follow.
    with read.execution_options(isolation_level="REPEATABLE READ") as connection:
        code = "code"
        if not source and connection.exec_driver_sql(SEVERAL_SOURCES, chosen).scalar_one():
            code = UNIQUE_CODE
        keys = []
        if form in ("csv", "gtfs"):
            keys = list(connection.exec_driver_sql(KEYS, chosen).scalars())
        if form == "csv" and len(keys) <= MOST_COLUMNS:
            return _copy_csv(connection, file, code, keys, chosen)
        return _write(connection, file, form, code, keys, chosen)


def _copy_csv(
    connection: Connection, file: BinaryIO, code: str, keys: list[str], chosen: dict[str, Any]
) -> int:
    """Let PostgreSQL write what csv.write would, in a third of the time."""
    columns = [code, "name", "lat", "lng"]
    for number, key in enumerate(keys):
        columns.append(f"properties ->> %(key{number})s")
        chosen[f"key{number}"] = key
    query = f"SELECT {', '.join(columns)} FROM stations {WHERE} ORDER BY id"
    cursor = connection.connection.cursor()
    copy = f"COPY ({query}) TO STDOUT (FORMAT csv, ENCODING 'UTF8')"
    file.writelines(csv.lines_of([csv.header(keys)]))
    cursor.copy_expert(cursor.mogrify(copy, chosen).decode(), file)
    return int(cursor.rowcount)


def _has_odd(connection: Connection, key: str, chosen: dict[str, Any]) -> bool:
    """Tell whether a value of this property isn't what GTFS allows in its column."""
    values = chosen | {"key": key, "allowed": f"^(?:{gtfs.ALLOWED[key]})$"}
    return bool(connection.exec_driver_sql(ODD, values).scalar_one())


def _write(
    connection: Connection,
    file: BinaryIO,
    form: str,
    code: str,
    keys: list[str],
    chosen: dict[str, Any],
) -> int:
    count = 0

    def records() -> Iterator[Record]:
        nonlocal count
        query = f"SELECT {code}, name, lat, lng, properties FROM stations {WHERE} ORDER BY id"
        rows = connection.execution_options(yield_per=BATCH).exec_driver_sql(query, chosen)
        for count, row in enumerate(rows, 1):
            yield Record(count, *row)

    if form == "csv":
        pieces = csv.write(records(), keys)
    elif form == "gtfs":
        odd = [key for key in keys if key in gtfs.ALLOWED and _has_odd(connection, key, chosen)]
        pieces = gtfs.write(records(), keys, odd)
    elif form == "gbfs":
        localised = connection.exec_driver_sql(LOCALISED, chosen).scalar_one()
        pieces = gbfs.write(records(), "3.0" if localised else "2.3")
    elif form == "geojson":
        pieces = geojson.write(records())
    else:
        pieces = geojson.write_lines(records())
    file.writelines(pieces)
    return count
