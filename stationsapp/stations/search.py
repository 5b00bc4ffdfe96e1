"""The queries: SQL, no HTTP. Each is one statement on the read engine.

With its rows comes the data version that the statement saw; `StationVersion` says what that is.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import inf
from typing import Any, NamedTuple

from ..database import read, snapshot
from . import geo

FIELDS = ("id", "source", "code", "name", "lat", "lng", "properties", "created_at", "updated_at")
# Properties stay the text that they are, to be sent on as it is; times are in UTC.
COLUMNS = """stations.id, source, code, name, stations.lat, stations.lng, properties::text,
    created_at AT TIME ZONE 'UTC' AS created_at, updated_at AT TIME ZONE 'UTC' AS updated_at"""

NEIGHBOUR_FIELDS = (*FIELDS, "distance")

ONE = f"SELECT {COLUMNS} FROM stations WHERE id = %(id)s"
VERSION = "SELECT coalesce(sum(version), 0)::bigint AS version FROM station_versions"

BATCH = 1_000  # rows fetched at a time when all are asked for


class Filters(NamedTuple):
    """Which stations: in a box, of a source, with these words in the name; None for any.

    `bbox` is west, south, east, north in degrees; with west > east it crosses the antimeridian.
    """

    bbox: geo.Box | None = None
    source: str | None = None
    q: str | None = None


class Found(NamedTuple):
    """The rows of a query, and the data version that it saw."""

    version: int
    rows: list[dict[str, Any]]


def version() -> int:
    """Return the data version: it grows with every transaction that writes stations."""
    return int(read(VERSION, prepare=True)[0][0])


def one(station_id: int) -> dict[str, Any] | None:
    """Return the station of this id, or None."""
    rows = read(ONE, {"id": station_id}, prepare=True)
    return dict(zip(FIELDS, rows[0], strict=True)) if rows else None


def page(filters: Filters, limit: int, after: int = 0) -> Found:
    """Return up to `limit` stations whose id is greater than `after`, in the order of the ids.

    A page costs the same at any depth: it starts where the index says, it skips nothing.
    """
    condition, parameters = where(filters)
    return _found(
        f"""SELECT {COLUMNS} FROM stations WHERE stations.id > %(after)s AND {condition}
            ORDER BY stations.id LIMIT %(limit)s""",
        "id",
        {"after": after, "limit": limit, **parameters},
        prepare=filters == Filters(),
    )


@contextmanager
def everything(filters: Filters) -> Iterator[tuple[int, Iterator[dict[str, Any]]]]:
    """Give the data version and all stations in the order of the ids, a batch at a time."""
    condition, parameters = where(filters)
    statement = f"SELECT {COLUMNS} FROM stations WHERE {condition} ORDER BY stations.id"
    with snapshot() as connection:
        seen = connection.exec_driver_sql(VERSION).one()
        batches = connection.execution_options(yield_per=BATCH)
        rows = batches.exec_driver_sql(statement, parameters)
        yield seen.version, (dict(zip(FIELDS, row, strict=True)) for row in rows)


def _found(
    statement: str,
    order: str,
    parameters: dict[str, Any],
    fields: Sequence[str] = FIELDS,
    *,
    prepare: bool = False,
) -> Found:
    """Run a query together with the data version, which comes even when nothing else does."""
    rows = read(
        f"""SELECT found.*, version FROM ({VERSION}) AS current
            LEFT JOIN ({statement}) AS found ON true ORDER BY {order}""",
        parameters,
        prepare=prepare,
    )
    nothing = rows[0][0] is None
    # The version comes last, where there is no field for it.
    return Found(
        rows[0][-1], [] if nothing else [dict(zip(fields, row, strict=False)) for row in rows]
    )


def where(filters: Filters) -> tuple[str, dict[str, Any]]:
    """Return the SQL condition for these filters, and the parameters that it refers to."""
    conditions = ["true"]
    parameters: dict[str, Any] = {}
    if filters.source is not None:
        conditions.append("source = %(source)s")
        parameters["source"] = filters.source
    if filters.q is not None:
        conditions.append("station_words(name) @@ station_query(%(q)s)")
        parameters["q"] = filters.q
    if filters.bbox is not None:
        parts = []
        for i, part in enumerate(geo.parts(filters.bbox)):
            parts.append(_in_box(part, i))
            parameters |= dict(zip([f"{side}{i}" for side in geo.SIDES], part, strict=True))
        conditions.append(f"({' OR '.join(parts)})")
    return " AND ".join(conditions), parameters


def _in_box(box: geo.Box, i: int) -> str:
    """Write the condition for a box whose sides are the parameters west<i>, south<i> and so on."""
    west, south, east, north = box
    if (east - west) * (north - south) < LARGE_BOX:
        corners = f"point(%(west{i})s, %(south{i})s), point(%(east{i})s, %(north{i})s)"
        return f"point(lng, lat) <@ box({corners})"
    latitudes = f"lat BETWEEN %(south{i})s AND %(north{i})s"
    if east - west == 360:
        return latitudes
    return f"lng BETWEEN %(west{i})s AND %(east{i})s AND {latitudes}"


# Square degrees. PostgreSQL takes any box to hold a thousandth of the points, and so scans the
# index where reading the table is faster; of plain numbers it has statistics.
LARGE_BOX = 2_000


def distance(lat: str, lng: str, other_lat: str, other_lng: str) -> str:
    """Return geo.distance in SQL, of the SQL of four coordinates."""
    return f"""
    2 * {geo.EARTH_RADIUS} * asin(least(1, sqrt(
        sin(radians({other_lat} - {lat}) / 2) ^ 2 + cos(radians({lat}))
        * cos(radians({other_lat})) * sin(radians({other_lng} - {lng}) / 2) ^ 2)))
"""


DISTANCE = distance("%(lat)s", "%(lng)s", "lat", "lng")

# Up to so many stations that fit a filter are all compared; beyond, they are frequent enough to be
# met soon on the way outwards from the point.
FEW = 20_000


def nearest(filters: Filters, lat: float, lng: float, limit: int, radius: float = inf) -> Found:
    """Return the `limit` nearest stations by great-circle distance, ties by id; exact everywhere.

    Degrees and metres in; each station comes with its `distance` in metres.
    """
    condition, parameters = where(filters)
    parameters |= {"lat": lat, "lng": lng, "limit": limit, "radius": radius}
    filtered = filters != Filters()
    statement = nearest_sql(condition, filtered=filtered)
    return _found(statement, "distance, id", parameters, NEIGHBOUR_FIELDS, prepare=not filtered)


def nearest_sql(condition: str, *, filtered: bool) -> str:
    """Return the query, for a condition that `where` gives.

    The index orders stations by their distance in the plane of degrees, which is not that on the
    sphere. But the farthest of the k planar neighbours bounds the k-th true one: the true ones lie
    in the cap of that radius, and the cap lies in a box of degrees that the index can scan.

    A filter may fit stations that are all far away, which a search outwards would meet last; so
    where it fits few, these are compared one by one instead.
    """
    few = (
        f"few AS MATERIALIZED (\n"
        f"SELECT stations.id, lat, lng FROM stations WHERE {condition} LIMIT {FEW + 1}),"
    )
    are_few = f"(SELECT count(*) <= {FEW} FROM few)"
    return f"""
WITH {few if filtered else ""}
planar AS MATERIALIZED (
    SELECT {DISTANCE} AS distance FROM stations
    WHERE {condition} {f"AND NOT {are_few}" if filtered else ""}
    ORDER BY point(lng, lat) <-> point(%(lng)s, %(lat)s) LIMIT %(limit)s
),
cap AS (  -- its radius in degrees, and a metre more than rounding can take away
    SELECT degrees((least(max(distance), %(radius)s) + 1) / {geo.EARTH_RADIUS}) AS radius
    FROM planar HAVING count(*) > 0
),
reach AS (  -- the cap's half width in degrees of longitude: all of them when it holds a pole
    SELECT radius, CASE WHEN abs(%(lat)s) + radius >= 90 THEN 360
        ELSE degrees(asin(least(1, sin(radians(radius)) / cos(radians(%(lat)s))))) END AS width
    FROM cap
),
boxes AS (  -- the part within -180..180, and what reaches over the antimeridian on either side
    SELECT box(point(west, %(lat)s - radius), point(east, %(lat)s + radius)) AS box
    FROM reach CROSS JOIN LATERAL (VALUES
        (greatest(%(lng)s - width, -180), least(%(lng)s + width, 180)),
        (%(lng)s - width + 360, CASE WHEN width < 180 THEN 180 END),
        (CASE WHEN width < 180 THEN -180 END, %(lng)s + width - 360)
    ) AS part (west, east)
    WHERE west <= east
),
candidates AS (
    SELECT stations.id, {DISTANCE} AS distance
    FROM boxes JOIN stations ON point(lng, lat) <@ box WHERE {condition}
    {f"UNION ALL SELECT few.id, {DISTANCE} FROM few WHERE {are_few}" if filtered else ""}
),
nearest AS (
    SELECT id, distance FROM candidates
    WHERE distance <= %(radius)s ORDER BY distance, id LIMIT %(limit)s
)
SELECT {COLUMNS}, distance FROM nearest JOIN stations USING (id)
"""


CLUSTERS = 500  # at the most
CELL_FIELDS = ("count", "mean_lat", "mean_lng", *geo.SIDES, "x", "y", "first_id", *FIELDS)
CELLS_ACROSS_A_TILE = 4  # a map tile is 256 pixels wide, so a cell is 64


def clusters(bbox: geo.Box, zoom: int) -> Found:
    """Return the stations of a box gathered by the cells of a grid, at most `CLUSTERS` of them.

    Each row has the `count`, the mean position and the bounds of the stations in its cell; where
    there is one alone, that station's fields too. The grid depends on the zoom and the box's size
    alone, so that a cell holds the same stations wherever the map is moved to.
    """
    west, south, east, north = bbox
    width = east - west + 360 * (east < west)
    cell = 360 / 2**zoom / CELLS_ACROSS_A_TILE
    while (width / cell + 2) * ((north - south) / cell + 2) > CLUSTERS:
        cell *= 2
    condition, parameters = where(Filters(bbox))
    return _found(
        f"""
        WITH cells AS (
            SELECT count(*), avg(lat) AS mean_lat, avg(lng) AS mean_lng,
                min(lng) AS west, min(lat) AS south, max(lng) AS east, max(lat) AS north,
                floor((lng + 180) / %(cell)s) AS x, floor((lat + 90) / %(cell)s) AS y,
                min(id) AS first_id
            FROM stations WHERE {condition} GROUP BY x, y
        )
        SELECT cells.*, alone.* FROM cells LEFT JOIN LATERAL (
            SELECT {COLUMNS} FROM stations WHERE cells.count = 1 AND stations.id = first_id LIMIT 1
        ) AS alone ON true
        """,
        "y, x",
        {"cell": cell, **parameters},
        CELL_FIELDS,
    )
