"""The stations with some words in their names, in the order of the ids, wherever the hits are."""

from ..columns import SELECT_LIST
from .filters import Filters

BLOCK = 2**14 - 1  # the bits of an id that tell it from the others of its block; see migration 0010


def stations(filters: Filters, after: str = "0", limit: str = "ALL") -> str:
    """Return the query for stations that fit, whose id is greater than `after`.

    The index has the words by blocks of ids. So it is asked for one block after the other, until
    there are enough stations: neither all hits of a frequent word are read, nor all the stations
    that come before the first hit. The parameters are those of `Filters.condition`.
    """
    condition, _ = filters._replace(q=None).condition()
    start, order = filters.start(after)
    following, _ = filters.start(f"(first_id | {BLOCK})")
    # A nested loop keeps the order of the blocks. By OFFSET 0, PostgreSQL can't choose another
    # index, which would have it compute the words of most names.
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
