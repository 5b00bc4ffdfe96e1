"""Clusters from the cells that triggers update, so that their cost doesn't grow with the table.

The query descends the levels of `StationCell`, beginning with those that cover the whole earth. It
uses the sums of a cell that is inside the box. It descends into a cell that is partly inside, or
that a station has left at the edge of its bounds or outside of them. These may be too large then,
or have shrunk before the station is subtracted. At the lowest level, it reads the few stations from
the table. Changes that aren't in the cells yet are added one by one. So the result is exactly that
of a scan of the table.
"""

from .filters import sql_box

BASE, FINEST = 5, 17  # levels: as in the migration that makes the cells


# The bounds of a cell may be too large, if a station left it. Changes that aren't in the cells yet
# are few.
EXTENT = f"""
SELECT sum(count)::bigint AS count, min(west) AS west, min(south) AS south,
    max(east) AS east, max(north) AS north,
    (SELECT max(version) / 1e6 FROM station_versions)::float8 AS latest
FROM (
    SELECT count, west, south, east, north FROM station_cells WHERE level = {BASE} AND count > 0
  UNION ALL
    SELECT sign, lng, lat, lng, lat FROM station_changes
) AS parts
"""


def in_each(boxes: int, condition: str) -> str:
    """Return a condition that is true if it holds for one of this number of boxes."""
    return f"({' OR '.join(f'({condition.format(i=i)})' for i in range(boxes))})"


IS_INSIDE = """west >= %(west{i})s AND south >= %(south{i})s
        AND east <= %(east{i})s AND north <= %(north{i})s"""
IS_MET = """east >= %(west{i})s AND north >= %(south{i})s
        AND west <= %(east{i})s AND south <= %(north{i})s"""

CHILDREN = """level = parent.level + 2 AND y BETWEEN 4 * parent.y AND 4 * parent.y + 3
        AND x = ANY (ARRAY[4 * parent.x, 4 * parent.x + 1, 4 * parent.x + 2, 4 * parent.x + 3])"""
GRID = "floor((lng + 180) / %(cell)s)::integer, floor((lat + 90) / %(cell)s)::integer"


def of_boxes(boxes: int) -> str:
    """Return the query for the cells of a grid in this number of boxes, at a level."""
    cell = f"""
    SELECT *, {in_each(boxes, IS_INSIDE)} AS inside, {in_each(boxes, IS_MET)} AS met,
        (level, x, y) IN (TABLE gone_cells) AS changed
    FROM station_cells"""
    views = [sql_box(i) for i in range(boxes)]
    in_box = f"({' OR '.join(f'point(lng, lat) <@ {view}' for view in views)})"
    return f"""
WITH RECURSIVE changes AS MATERIALIZED (  -- each station has left a place at most, and come to one
    SELECT sum(sign)::integer AS sign, id, lat, lng,
        floor((lng + 180) / (90::float8 / (1 << {FINEST})))::integer AS x,
        floor((lat + 90) / (90::float8 / (1 << {FINEST})))::integer AS y
    FROM station_changes GROUP BY id, lat, lng HAVING sum(sign) <> 0
),
in_cells AS (
    SELECT sign, id, lat, lng, level, x >> {FINEST} - level AS x, y >> {FINEST} - level AS y
    FROM changes CROSS JOIN generate_series({BASE}, {FINEST}, 2) AS above (level)
),
gone_cells AS (
    SELECT level, x, y FROM (
        SELECT level, x, y, min(lng) AS west, min(lat) AS south, max(lng) AS east, max(lat) AS north
        FROM in_cells WHERE sign < 0 GROUP BY level, x, y
    ) AS gone CROSS JOIN LATERAL (
        SELECT FROM station_cells AS cell
        WHERE (cell.level, cell.x, cell.y) = (gone.level, gone.x, gone.y)
            AND (gone.west <= cell.west OR gone.south <= cell.south
                OR gone.east >= cell.east OR gone.north >= cell.north)
        OFFSET 0  -- or all cells might be read, to be joined
    ) AS at_edge
),
way AS (
    SELECT * FROM ({cell} WHERE level = {BASE}) AS top WHERE met OR changed
    UNION ALL
    SELECT child.* FROM way AS parent CROSS JOIN LATERAL (
        {cell} WHERE {CHILDREN} OFFSET 0
    ) AS child
    WHERE parent.split AND (parent.level < %(level)s OR NOT parent.inside OR parent.changed)
        AND (child.met OR child.changed)
),
opened AS MATERIALIZED (
    SELECT level, x, y, north > %(north0)s OR south < %(south0)s AS in_row FROM way
    WHERE NOT split AND (level < %(level)s OR NOT inside OR changed)
),
-- Neighbours in a row or a column, which are read at once: most cells are at a side of the box.
lines AS MATERIALIZED (
    SELECT line.*, view # box(  -- for the index, and a little larger
        point(x * size - 180.000001, y * size - 90.000001),
        point(end_x * size - 179.999999, end_y * size - 89.999999)) AS area
    FROM (
        SELECT 90::float8 / (1 << level) AS size, min(x)::float8 AS x, min(y)::float8 AS y,
            max(x) + 1::float8 AS end_x, max(y) + 1::float8 AS end_y
        FROM (
            SELECT *, CASE WHEN in_row THEN x ELSE y END - row_number() OVER (
                PARTITION BY level, in_row, CASE WHEN in_row THEN y ELSE x END
                ORDER BY CASE WHEN in_row THEN x ELSE y END
            ) AS line FROM opened
        ) AS numbered
        GROUP BY level, in_row, CASE WHEN in_row THEN y ELSE x END, line
    ) AS line CROSS JOIN unnest(ARRAY[{", ".join(views)}]) AS view
),
parts AS (
    SELECT count, lat, lng, ids, west, south, east, north,
        x >> level - %(level)s AS x, y >> level - %(level)s AS y
    FROM way WHERE level >= %(level)s AND inside AND NOT changed
    UNION ALL
    SELECT part.* FROM lines CROSS JOIN LATERAL (
        SELECT count(*), sum((lat * 1e8)::bigint)::bigint, sum((lng * 1e8)::bigint)::bigint,
            bit_xor(id), min(lng), min(lat), max(lng), max(lat), {GRID}
        FROM stations
        WHERE point(lng, lat) <@ area
            AND (lng + 180) / size >= lines.x AND (lng + 180) / size < end_x
            AND (lat + 90) / size >= lines.y AND (lat + 90) / size < end_y
        GROUP BY {GRID}
    ) AS part
    UNION ALL
    SELECT sign, sign * (lat * 1e8)::bigint, sign * (lng * 1e8)::bigint, id,
        {", ".join(f"CASE WHEN sign > 0 THEN {edge} END" for edge in ("lng", "lat") * 2)}, {GRID}
    FROM changes WHERE {in_box} AND (id, sign) NOT IN (
        SELECT id, sign FROM in_cells JOIN opened USING (level, x, y)
    )
)
SELECT sum(count)::bigint AS count, x, y, bit_xor(ids) AS first_id,
    -- In the bounds, of which the rounded sums may be outside.
    least(max(north), greatest(min(south), sum(lat) / 1e8 / sum(count)))::float8 AS mean_lat,
    least(max(east), greatest(min(west), sum(lng) / 1e8 / sum(count)))::float8 AS mean_lng,
    min(west) AS west, min(south) AS south, max(east) AS east, max(north) AS north
FROM parts GROUP BY x, y
"""


GAP = 100  # ids between two ranges that are read as one


def id_ranges(boxes: int) -> str:
    """Return the query for ranges of ids that contain those of all stations in the boxes.

    They are disjoint, and from `after` on. They come from the cells that meet the boxes, down to a
    level.
    """
    met = in_each(boxes, IS_MET)
    cell = f"""
    SELECT level, x, y, min_id, max_id,
        split AND level < %(level)s AND NOT {in_each(boxes, IS_INSIDE)} AS opened
    FROM station_cells"""
    return f"""
WITH RECURSIVE way AS (
    {cell} WHERE level = {BASE} AND {met}
    UNION ALL
    SELECT child.* FROM way AS parent CROSS JOIN LATERAL (
        {cell} WHERE {CHILDREN} AND {met} OFFSET 0
    ) AS child
    WHERE parent.opened
),
found AS (
    SELECT min_id, max_id FROM way WHERE NOT opened AND max_id > %(after)s
    UNION ALL
    SELECT id, id FROM station_changes WHERE sign > 0 AND id > %(after)s
)
SELECT lower(range)::bigint AS first, upper(range)::bigint AS last
FROM (SELECT range_agg(numrange(min_id - {GAP}, max_id, '[]')) AS ranges FROM found) AS joined
CROSS JOIN unnest(ranges) AS range
"""
