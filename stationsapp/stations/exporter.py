"""Table -> records -> file."""

from collections.abc import Iterable
from itertools import count
from json import JSONDecoder
from typing import Any, BinaryIO, NamedTuple

from sqlalchemy import Connection, CursorResult

from .. import limits
from ..database import snapshot
from .feeds import SOURCE, TYPES, Format, Record, csv, dumps, tables
from .feeds.cells import BLANK
from .feeds.headers import FIELDS
from .geo import Box
from .search import Filters

BATCH = 5_000  # rows to a fetch
DECODER = JSONDecoder()
MOST_COLUMNS = 1_600  # of a result in PostgreSQL, nearly

SEVERAL_SOURCES = """
SELECT EXISTS (SELECT FROM stations WHERE {where}
    AND source <> (SELECT source FROM stations WHERE {where} LIMIT 1))
"""
SOME = """
SELECT EXISTS (SELECT FROM stations WHERE {where} AND properties ->> %(key)s ~ %(pattern)s)
"""


# Properties that are JSON in the cells of a table, like cells.cell, but in PostgreSQL.
BLANKS = " || ".join(f"@ == {dumps(text).decode()}" for text in BLANK)
LISTED = f"""
nullif(jsonb_path_query_array(properties, 'strict $.keyvalue()
    ? (@.value.type() != "string" || {BLANKS.replace("@", "@.value")}).key'), '[]')
"""
CELL = f"""
CASE WHEN properties ->> %({{0}})s IN ({", ".join(f"'{text}'" for text in BLANK)})
    THEN (properties -> %({{0}})s)::text ELSE properties ->> %({{0}})s END
"""
# In strict mode, this is false only if all values are text and none is blank, and unknown if one
# isn't comparable. It takes half the time of a filter like LISTED's.
TYPED = f"""
jsonb_path_match(properties, 'strict $.* == $blank[*]',
    '{{{{"blank": {dumps([*BLANK, None]).decode()}}}}}', true) IS NOT FALSE
"""
# The known names and all others, and TYPES if a property is JSON in a cell.
NAMES = f"""
SELECT jsonb_object_keys(CASE WHEN typed THEN others || '{{{{"{TYPES}": 0}}}}' ELSE others END)
FROM (
    SELECT properties - %(known)s::text[] AS others,
        '{TYPES}' <> ALL(%(known)s::text[]) AND {TYPED} AS typed
    FROM stations WHERE {{where}} LIMIT %(most)s
) AS rows
WHERE typed OR others <> '{{{{}}}}'
UNION SELECT unnest(%(known)s::text[])
ORDER BY 1
"""


def _unique(code: str) -> str:
    """Write the SQL for a code with its source before it, if another source has the same.

    A code that already starts with the source gets it again, so that an import restores the code.
    """
    start = "source || ':'"
    condition = f"{code} IN (SELECT code FROM shared) OR starts_with({code}, {start})"
    return f"CASE WHEN {condition} THEN {start} || {code} ELSE {code} END"


ROWS = "SELECT id, code, name, lat, lng, properties FROM stations WHERE {where}"
ROWS_OF_SEVERAL = f"""
WITH shared AS MATERIALIZED (
    SELECT code FROM stations WHERE {{where}} GROUP BY code HAVING count(*) > 1
)
SELECT id, source, {_unique("code")} AS code, name, lat, lng,
    CASE jsonb_typeof(properties -> 'parent_station') WHEN 'string' THEN jsonb_set(
        properties, '{{{{parent_station}}}}',
        to_jsonb({_unique("(properties ->> 'parent_station')")}))
    ELSE properties END AS properties
FROM stations WHERE {{where}}
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
        several = not source and chosen.run(SEVERAL_SOURCES).scalar_one()
        chosen = chosen._replace(several=several)
        if form is csv.CSV and len(keys := chosen.keys()) <= MOST_COLUMNS:
            return _copy_csv(chosen, file, keys)
        return _write(chosen, file, form)


class Chosen(NamedTuple):
    """The stations to export: a connection, a condition, and whether there are several sources."""

    connection: Connection
    where: str
    parameters: dict[str, Any]
    several: bool = False

    def run(
        self, statement: str, more: dict[str, Any] | None = None, **options: int
    ) -> CursorResult[Any]:
        """Run a query with the condition as its `{where}`, and more parameters and options."""
        return self.connection.exec_driver_sql(
            statement.format(where=self.where), self.parameters | (more or {}), options
        )

    def rows(self, columns: str) -> str:
        """Return a query for these columns."""
        rows = ROWS_OF_SEVERAL if self.several else ROWS
        return f"SELECT {columns} FROM ({rows}) AS rows ORDER BY id"

    def keys(self) -> list[str]:
        """Return the names of the properties, and of the columns for sources and types."""
        known: list[str] = []
        # The first rows have nearly always all names; the others then take half the time.
        for most in (1_000, None):
            known = list(self.run(NAMES, {"known": known, "most": most}).scalars())
        names = [name for name in known if name != TYPES]
        return [SOURCE] * self.several + names + [TYPES] * (TYPES in known)

    def some(self, key: str, pattern: str) -> bool:
        """Tell whether this property, as text, matches the pattern in one of them."""
        return bool(self.run(SOME, {"key": key, "pattern": pattern}).scalar_one())


def _copy_csv(chosen: Chosen, file: BinaryIO, keys: list[str]) -> int:
    """Let PostgreSQL write the same CSV as csv.write, in a third of the time."""
    names = {f"key{number}": key for number, key in enumerate(keys)}
    cell = CELL if TYPES in keys else "properties ->> %({0})s"
    known = {SOURCE: "source", TYPES: LISTED}
    cells = [known.get(key) or cell.format(name) for name, key in names.items()]
    query = chosen.rows(", ".join([*FIELDS, *cells])).format(where=chosen.where)
    cursor = chosen.connection.connection.cursor()
    copy = f"COPY ({query}) TO STDOUT (FORMAT csv, ENCODING 'UTF8')"
    file.writelines(tables.lines_of([csv.header(keys)]))
    cursor.copy_expert(cursor.mogrify(copy, chosen.parameters | names).decode(), file)
    return int(cursor.rowcount)


def _write(chosen: Chosen, file: BinaryIO, form: Format) -> int:
    source = "source" if chosen.several else "NULL"
    query = chosen.rows(f"{source}, code, name, lat, lng, properties::text")
    rows: Iterable[Any] = chosen.run(query, yield_per=BATCH)
    numbers = count(1)
    records = (
        Record(number, code, name, lat, lng, _properties(source, text))
        for (source, code, name, lat, lng, text), number in zip(rows, numbers, strict=False)
    )
    file.writelines(form.write(records, chosen))
    return next(numbers) - 1


def _properties(source: str | None, text: str) -> dict[str, Any]:
    # PostgreSQL's text has no space around it, so the decoder needn't look for any.
    properties: dict[str, Any] = DECODER.raw_decode(text)[0]
    # The source comes first, because an import looks for it at the start of a feed.
    return {SOURCE: source} | properties if source else properties
