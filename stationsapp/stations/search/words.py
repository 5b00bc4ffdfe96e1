"""Search for words in names, sorted by id, which is fast wherever the hits are."""

from ..columns import SELECT_LIST
from .filters import Filters

BLOCK = 2**14 - 1  # the bits of an id within its block; see migration 0010


def stations(filters: Filters, after: str, limit: str) -> str:
    """Return the query for matching stations whose id is greater than `after`.

    The index contains the words by blocks of ids. One block after the other is searched until there
    are enough stations. So neither all hits of a frequent word are read, nor all stations before
    the first hit. The parameters are those of `Filters.condition`.
    """
    condition, _ = filters._replace(q=None).condition()
    start, order = filters.between(after)
    following, _ = filters.between(f"(first_id | {BLOCK})")
    # A nested loop keeps the order of the blocks. OFFSET 0 prevents PostgreSQL from using another
    # index, with which it would compute the words of most names.
    return f"""
WITH RECURSIVE block (first_id) AS (
    (SELECT id FROM stations WHERE {start} ORDER BY {order} LIMIT 1)
  UNION ALL
    SELECT (SELECT id FROM stations WHERE {following} ORDER BY {order} LIMIT 1)
    FROM block WHERE first_id IS NOT NULL
)
SELECT {SELECT_LIST} FROM block CROSS JOIN LATERAL (
    SELECT * FROM (
        SELECT * FROM stations
        WHERE station_terms(name, id) @@ station_search(%(q)s, first_id) OFFSET 0
    ) AS hits WHERE id > {after} AND {condition} ORDER BY id LIMIT {limit}
) AS stations LIMIT {limit}
"""
