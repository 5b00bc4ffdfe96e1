"""Clusters from the cells that triggers update, so that their cost doesn't grow with the table.

The query descends the levels of `StationCell`, beginning with the whole earth. It uses the sums of
a cell that is inside the box. It descends into a cell that is partly inside, or whose stations have
changed since they were counted. At the lowest level, it reads the few stations from the table. So
the result is exactly that of a scan of the table.
"""

from .filters import sql_box

BASE, FINEST = 5, 17  # levels: as in the migration that makes the cells


def in_each(boxes: int, condition: str) -> str:
    """Return a condition that is true if it holds for one of this number of boxes."""
    return f"({' OR '.join(f'({condition.format(i=i)})' for i in range(boxes))})"


IS_INSIDE = """west >= %(west{i})s AND south >= %(south{i})s
        AND east <= %(east{i})s AND north <= %(north{i})s"""
IS_MET = """east >= %(west{i})s AND north >= %(south{i})s
        AND west <= %(east{i})s AND south <= %(north{i})s"""


def of_boxes(boxes: int) -> str:
    """Return the query for the cells of a grid in this number of boxes, at a level."""
    cell = f"""
    SELECT *, {in_each(boxes, IS_INSIDE)} AS inside, {in_each(boxes, IS_MET)} AS met,
        (level, x, y) IN (SELECT level, x, y FROM changed) AS changed
    FROM station_cells"""
    return f"""
WITH RECURSIVE changes AS MATERIALIZED (
    SELECT DISTINCT floor((lng + 180) / (90 / 2::float8 ^ {FINEST}))::integer AS x,
        floor((lat + 90) / (90 / 2::float8 ^ {FINEST}))::integer AS y
    FROM station_changes
),
leaves AS MATERIALIZED (  -- the cells that aren't split, and have changed
    SELECT DISTINCT leaf.level, x >> {FINEST} - leaf.level AS x, y >> {FINEST} - leaf.level AS y
    FROM changes CROSS JOIN LATERAL (
        SELECT coalesce(max(parent.level) + 2, {BASE}) AS level
        FROM generate_series({BASE}, {FINEST - 2}, 2) AS above (level)
        JOIN station_cells AS parent ON parent.split AND parent.level = above.level
            AND parent.x = changes.x >> {FINEST} - above.level
            AND parent.y = changes.y >> {FINEST} - above.level
    ) AS leaf
),
changed AS MATERIALIZED (
    SELECT DISTINCT above.level, x >> leaves.level - above.level AS x,
        y >> leaves.level - above.level AS y
    FROM leaves JOIN generate_series(1, {FINEST}, 2) AS above (level)
        ON above.level <= leaves.level
),
way AS (
    {cell} WHERE level = 1
    UNION ALL
    SELECT child.* FROM way AS parent CROSS JOIN LATERAL (
        {cell} WHERE level = parent.level + 2 AND y BETWEEN 4 * parent.y AND 4 * parent.y + 3
            AND x = ANY (ARRAY[
                4 * parent.x, 4 * parent.x + 1, 4 * parent.x + 2, 4 * parent.x + 3])
        OFFSET 0  -- or all cells might be read, to be joined
    ) AS child
    WHERE parent.split AND (
        parent.changed OR parent.met AND (parent.level < %(level)s OR NOT parent.inside)
    )
),
opened AS (
    SELECT level, x, y FROM way
    WHERE NOT split AND NOT changed AND met AND (level < %(level)s OR NOT inside)
    UNION ALL
    SELECT level, x, y FROM leaves
),
parts AS (
    SELECT count, lat, lng, ids, west, south, east, north,
        x >> level - %(level)s AS x, y >> level - %(level)s AS y
    FROM way WHERE level >= %(level)s AND inside AND NOT changed
    UNION ALL
    SELECT 1, (lat * 1e8)::bigint, (lng * 1e8)::bigint, id, lng, lat, lng, lat,
        floor((lng + 180) / %(cell)s)::integer, floor((lat + 90) / %(cell)s)::integer
    FROM opened CROSS JOIN LATERAL (
        SELECT * FROM stations_in_cell(level, opened.x, opened.y)
        WHERE {" OR ".join(f"point(lng, lat) <@ {sql_box(i)}" for i in range(boxes))}
        OFFSET 0
    ) AS station
)
SELECT sum(count)::bigint AS count, x, y, bit_xor(ids) AS first_id,
    -- In the bounds, of which the rounded sums may be outside.
    least(max(north), greatest(min(south), sum(lat) / 1e8 / sum(count)))::float8 AS mean_lat,
    least(max(east), greatest(min(west), sum(lng) / 1e8 / sum(count)))::float8 AS mean_lng,
    min(west) AS west, min(south) AS south, max(east) AS east, max(north) AS north
FROM parts GROUP BY x, y
"""
