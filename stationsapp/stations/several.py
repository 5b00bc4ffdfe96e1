"""A feed of several sources, as an export writes it: each is compared, and all are written at once.

In an export of several sources, each station has its source in a property. Its code and that of
its parent have the source before them if another source has the same.
"""

from sqlalchemy import Connection

from .comparison import VANISHED
from .feeds import LENGTHS, SOURCE, FeedError


def _own(code: str) -> str:
    """Write the SQL for a code without the source before it."""
    start = "%(source)s || ':'"
    return f"CASE WHEN starts_with({code}, {start}) THEN substr({code}, length({start}) + 1) END"


DIVIDE = f"""
ALTER TABLE staging RENAME TO feed;
ALTER TABLE refused RENAME TO feed_refused;
ALTER TABLE feed ADD source text;
UPDATE feed SET source = properties ->> '{SOURCE}', properties = properties - '{SOURCE}';
CREATE TEMPORARY TABLE chosen (LIKE feed) ON COMMIT DROP;
CREATE TEMPORARY TABLE staging (LIKE feed) ON COMMIT DROP;
ALTER TABLE staging DROP source;
CREATE TEMPORARY TABLE refused (LIKE feed_refused) ON COMMIT DROP;
CREATE TEMPORARY TABLE doomed (id bigint) ON COMMIT DROP
"""
NAMELESS = f"""
SELECT min(line) FROM feed
WHERE (char_length(source) BETWEEN 1 AND {LENGTHS["source"]} AND source ~ '\\S') IS NOT TRUE
"""
CHOOSE = f"""
TRUNCATE staging, refused;
INSERT INTO staging
SELECT line, coalesce({_own("code")}, code), name, lat, lng, coalesce(jsonb_set(
        properties, '{{parent_station}}', to_jsonb({_own("properties ->> 'parent_station'")})
    ), properties)
FROM feed WHERE source = %(source)s;
INSERT INTO refused SELECT coalesce({_own("code")}, code) FROM feed_refused;
ANALYZE staging, refused
"""
COLLECT = "INSERT INTO chosen SELECT *, %(source)s FROM staging"
DOOM = f"INSERT INTO doomed SELECT id {VANISHED}"
# For the importer's statements: each station's own source, and what is to be deleted.
EACH = {"source": "staging.source", "vanished": "FROM stations WHERE id IN (SELECT id FROM doomed)"}
JOIN = """
DROP TABLE staging;
ALTER TABLE chosen RENAME TO staging;
ANALYZE staging
"""


def divide(connection: Connection) -> list[str]:
    """Return the sources of the staged feed. Raises FeedError if a station has none."""
    connection.exec_driver_sql(DIVIDE)
    if line := connection.exec_driver_sql(NAMELESS).scalar():
        raise FeedError(f"line {line}, column {SOURCE}: expected the name of a source")
    query = 'SELECT DISTINCT source COLLATE "C" FROM feed ORDER BY 1'
    return list(connection.exec_driver_sql(query).scalars())


def choose(connection: Connection, source: str) -> None:
    """Stage only the stations of this source."""
    connection.exec_driver_sql(CHOOSE, {"source": source})


def collect(connection: Connection, source: str, prune: bool) -> None:
    """Keep what is staged, and what of the source is to be deleted, to be written with the rest."""
    connection.exec_driver_sql(COLLECT, {"source": source})
    if prune:
        connection.exec_driver_sql(DOOM, {"source": source})


def join(connection: Connection) -> None:
    """Stage all that was collected, with a column for its source."""
    connection.exec_driver_sql(JOIN)
