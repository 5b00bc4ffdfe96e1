"""The nearest stations of a source, however far away they are.

The index `ix_stations_source_cell` leads to the stations of a source in a cell of a grid. Each cell
contains 64 smaller ones, whose numbers follow one another: see the migration that makes the index.
The query descends the levels of the grid. At each one, it keeps only cells that may contain one of
the nearest stations. So it reads few stations of the source, and none of another one.
"""

from .. import geo
from .statements import DISTANCE, TOO_FEW_NEAR, distance

LEVELS = 4
INSIDE = 8  # rows and columns of cells in a cell of the level above
ROWS, COLUMNS = 8, 16  # of the first level, which covers the earth
SIZE = 180 / ROWS  # degrees
FIRST_SPAN = INSIDE ** (2 * (LEVELS - 1))  # how many of the smallest cells are in one of the first
# Stations are only counted up to this number. A cell with fewer isn't divided any further.
MANY = 32

IN_CELL = """
    source = %(source)s
    AND station_cell(stations.lat, stations.lng) BETWEEN first AND first + span - 1
"""
COUNTED = f"""
    SELECT count(*) FROM (SELECT FROM stations WHERE {IN_CELL} LIMIT {MANY}) AS counted
"""
# The numbers of the smallest cells in a cell are `first` and the following ones, `span` in all.
# `south` and `west` are its corner, and `size` is its width, in degrees.
FIRST_LEVEL = f"""
    SELECT cell.*, count FROM (
        SELECT n * {FIRST_SPAN} AS first, {FIRST_SPAN} AS span, {SIZE}::float8 AS size,
            n / {COLUMNS} * {SIZE}::float8 - 90 AS south,
            (n & {COLUMNS - 1}) * {SIZE}::float8 - 180 AS west
        FROM generate_series(0, {ROWS * COLUMNS - 1}) AS n
    ) AS cell CROSS JOIN LATERAL ({COUNTED}) AS counted
"""
NEXT_LEVEL = f"""
    SELECT cell.* FROM {{above}} AS above CROSS JOIN LATERAL (
        SELECT above.* WHERE above.count < {MANY}
        UNION ALL
        SELECT inside.*, counted.count FROM (
            SELECT above.first + n * (above.span / {INSIDE**2}) AS first,
                above.span / {INSIDE**2} AS span, above.size / {INSIDE} AS size,
                above.south + n / {INSIDE} * above.size / {INSIDE} AS south,
                above.west + (n & {INSIDE - 1}) * above.size / {INSIDE} AS west
            FROM generate_series(0, {INSIDE**2 - 1}) AS n WHERE above.count >= {MANY}
        ) AS inside CROSS JOIN LATERAL ({COUNTED}) AS counted
    ) AS cell
"""
MIDDLE = distance("%(lat)s", "%(lng)s", "(south + size / 2)", "(west + size / 2)")
# The farthest that a station can be from the middle of its cell, plus a metre for rounding errors.
REACH = f"({geo.EARTH_RADIUS} * radians(size) * sqrt(0.5) + 1)"
# The nearest stations are within `bound`: the cells that are entirely within it contain enough.
KEPT = f"""
    SELECT first, span, size, south, west, count FROM (
        SELECT *, min(middle + {REACH}) FILTER (WHERE so_far >= %(limit)s) OVER () AS bound FROM (
            SELECT *, sum(count) OVER (ORDER BY middle + {REACH}) AS so_far FROM (
                SELECT *, {MIDDLE} AS middle FROM ({{cells}}) AS cells WHERE count > 0
            ) AS measured
        ) AS summed
    ) AS bounded WHERE middle - {REACH} <= least(bound, %(radius)s)
"""


def of_source() -> str:
    """Return the query for stations of a source that include the `limit` nearest to a point.

    It has their `id` and `distance`, and no rows if enough were near.
    """
    levels = [f"level_1 AS MATERIALIZED ({KEPT.format(cells=FIRST_LEVEL)} AND {TOO_FEW_NEAR})"]
    for number in range(2, LEVELS + 1):
        cells = NEXT_LEVEL.format(above=f"level_{number - 1}")
        levels.append(f"level_{number} AS MATERIALIZED ({KEPT.format(cells=cells)})")
    return f"""
    WITH {", ".join(levels)}
    SELECT id, {DISTANCE} AS distance FROM level_{LEVELS} CROSS JOIN LATERAL (
        SELECT id, lat, lng FROM stations WHERE {IN_CELL} OFFSET 0
    ) AS in_cell
"""
