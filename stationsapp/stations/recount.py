"""Recount the stations in the cells, which triggers otherwise update with every change."""

from .. import limits
from ..extensions import db
from . import locks

RECOUNT = """
SELECT add_station_changes();
CREATE TEMPORARY TABLE before ON COMMIT DROP AS SELECT * FROM station_cells;
SELECT recount_stations()
"""
# Below level 5, not every cell needs a row: see the migration.
SUMS = ("count", "lat", "lng", "ids", "west", "south", "east", "north")
COMPARE = f"""
SELECT count(after) AS cells, count(*) FILTER (WHERE
    (({", ".join(f"before.{name}" for name in SUMS)})
        IS DISTINCT FROM ({", ".join(f"after.{name}" for name in SUMS)})
        OR before.min_id > after.min_id OR before.max_id < after.max_id)
    AND (level = 5 OR before.level = after.level)) AS wrong
FROM before FULL JOIN station_cells AS after USING (level, x, y)
"""


def recount() -> tuple[int, int]:
    """Recompute the cells. Return their number, and how many were wrong.

    Nothing has to wait for this but TRUNCATE. It works on one snapshot, which must be taken after
    the locks, so another connection holds them.
    """
    with db.engine.begin() as holder, db.engine.connect() as connection:
        limits.limit_command(holder)
        locks.wait_for_cells(holder)
        holder.exec_driver_sql("LOCK TABLE stations IN ACCESS SHARE MODE")  # no TRUNCATE meanwhile
        connection.execution_options(isolation_level="REPEATABLE READ")
        limits.limit_command(connection)
        connection.exec_driver_sql(RECOUNT)
        cells, wrong = connection.exec_driver_sql(COMPARE).one()
        connection.commit()
    return cells, wrong
