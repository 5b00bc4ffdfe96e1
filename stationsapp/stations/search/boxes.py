"""Search in boxes, sorted by id, which is fast however many stations the boxes contain."""

from .. import geo
from ..columns import SELECT_LIST
from .cells import id_ranges
from .filters import Filters, sql_box

FEW = 5_000  # stations of a box, which are sorted


def stations(filters: Filters, many: str, after: str, limit: str) -> str:
    """Return the query for matching stations whose id is greater than `after`.

    If the boxes contain few stations, these are all compared and sorted. If not, `many` is used.
    All are counted, whatever `after` is: to find that few follow it, the index would read the rest.

    PostgreSQL expects a thousandth of the stations in any box, so it would collect all of them
    first. If the condition is there twice, it reads one by one, and stops at the limit.
    """
    most = FEW if filters.q is None else FEW // 4  # words take longer
    few = " UNION ALL ".join(
        f"(SELECT * FROM stations WHERE {in_box} AND {in_box} LIMIT (SELECT {most + 1}))"
        for in_box in _conditions(filters)
    )
    are_few = f"(SELECT count(*) <= {most} FROM few)"
    condition, _ = filters._replace(bbox=None).condition()
    return f"""
WITH few AS MATERIALIZED ({few})
SELECT {SELECT_LIST} FROM (
    SELECT * FROM few WHERE {are_few} AND id > {after} AND {condition} ORDER BY id LIMIT {limit}
) AS stations
UNION ALL
SELECT * FROM ({many}) AS many WHERE NOT {are_few}
"""


def page(filters: Filters) -> str:
    """Return the query for a page, which reads the ranges of ids in the boxes until it is full."""
    ids, order = filters.between("greatest(%(after)s, first - 1)", "last")
    condition, _ = filters._replace(bbox=None).condition()
    in_boxes = _conditions(filters)
    # A nested loop keeps the order of ranges. With coalesce, PostgreSQL uses no other index, and
    # expects the condition to be often true.
    return f"""
SELECT {SELECT_LIST} FROM (
    SELECT * FROM ({id_ranges(len(in_boxes))}) AS ranges ORDER BY first
) AS range CROSS JOIN LATERAL (
    SELECT * FROM stations
    WHERE {ids} AND coalesce(({" OR ".join(in_boxes)}) AND {condition}, false)
    ORDER BY {order} LIMIT %(limit)s
) AS stations LIMIT %(limit)s
"""


def _conditions(filters: Filters) -> list[str]:
    parts = geo.parts(filters.bbox or geo.WORLD)
    return [f"point(lng, lat) <@ {sql_box(i)}" for i in range(len(parts))]
