"""The SQL that the queries share, and that of those which PostgreSQL plans badly by itself.

Parameters are psycopg2's, `%(name)s`; those of a box are its sides with its number, `west0`.
"""

from . import geo

# Properties stay the text that they are, to be sent on as it is; times are in UTC.
COLUMNS = """stations.id, source, code, name, stations.lat, stations.lng, properties::text,
    created_at AT TIME ZONE 'UTC' AS created_at, updated_at AT TIME ZONE 'UTC' AS updated_at"""


def distance(lat: str, lng: str, other_lat: str, other_lng: str) -> str:
    """Return geo.distance in SQL, of the SQL of four coordinates."""
    return f"""
    2 * {geo.EARTH_RADIUS} * asin(least(1, sqrt(
        sin(radians({other_lat} - {lat}) / 2) ^ 2 + cos(radians({lat}))
        * cos(radians({other_lat})) * sin(radians({other_lng} - {lng}) / 2) ^ 2)))
"""


DISTANCE = distance("%(lat)s", "%(lng)s", "lat", "lng")


# Square degrees. PostgreSQL takes any box to hold a thousandth of the points, and so scans the
# index where reading the table is faster; of plain numbers it has statistics.
LARGE_BOX = 2_000


def in_box(box: geo.Box, i: int) -> str:
    """Write the condition for a box whose sides are the parameters west<i>, south<i> and so on."""
    west, south, east, north = box
    if (east - west) * (north - south) < LARGE_BOX:
        return f"point(lng, lat) <@ {_box(i)}"
    latitudes = f"lat BETWEEN %(south{i})s AND %(north{i})s"
    if east - west == 360:
        return latitudes
    return f"lng BETWEEN %(west{i})s AND %(east{i})s AND {latitudes}"


def _box(i: int) -> str:
    return f"box(point(%(west{i})s, %(south{i})s), point(%(east{i})s, %(north{i})s))"


FEW_IN_A_BOX = 5_000


def page_of_box(parts: int) -> str:
    """Return the query for a page of a box in so many parts.

    PostgreSQL takes any box to hold a thousandth of the stations. So it isn't asked to choose: all
    stations of a box are sorted if they are few, which the index tells soon as it starts from the
    middle; and if not, they are frequent enough to be met soon in the order of the ids.
    """
    conditions = [f"point(lng, lat) <@ {_box(i)}" for i in range(parts)]
    few = " UNION ALL ".join(
        f"""(SELECT {COLUMNS} FROM stations WHERE stations.id > %(after)s AND {condition}
        ORDER BY point(lng, lat) <-> center({_box(i)}) LIMIT (SELECT {FEW_IN_A_BOX + 1}))"""
        for i, condition in enumerate(conditions)
    )
    are_few = f"(SELECT count(*) <= {FEW_IN_A_BOX} FROM few)"
    # By coalesce, the condition is hidden from the indexes, and taken to be often true.
    return f"""
WITH few AS MATERIALIZED ({few})
SELECT * FROM few WHERE {are_few}
UNION ALL (
    SELECT {COLUMNS} FROM stations
    WHERE stations.id > %(after)s AND NOT {are_few} AND coalesce({" OR ".join(conditions)}, false)
    ORDER BY stations.id LIMIT %(limit)s
)
ORDER BY id LIMIT %(limit)s
"""


# Up to so many stations that fit a filter are all compared; beyond, they are frequent enough to be
# met soon on the way outwards from the point.
FEW = 20_000


def nearest(condition: str, *, filtered: bool) -> str:
    """Return the query, for a condition that `search.where` gives.

    The index orders stations by their distance in the plane of `station_plane`, where all within a
    radius of a point lie in a disc (or two: `station_discs`), though not centred on the point. The
    k stations nearest to the point in the plane give a first radius; the k nearest to the centre of
    its disc give a smaller one, and so on, until the disc holds so few that all of them are known.

    A filter may fit stations that are all far away, which a search outwards would meet last; so
    where it fits few, these are compared one by one instead.
    """
    few = (
        f"few AS MATERIALIZED (\n"
        f"SELECT stations.id, lat, lng FROM stations WHERE {condition} LIMIT {FEW + 1}),"
    )
    are_few = f"(SELECT count(*) <= {FEW} FROM few)"
    # In radians, and a metre more than rounding can take away.
    radius = f"(least(max(distance), %(radius)s) + 1) / {geo.EARTH_RADIUS}"
    return f"""
WITH RECURSIVE {few if filtered else ""}
around AS MATERIALIZED (
    SELECT {DISTANCE} AS distance FROM stations
    WHERE {condition} {f"AND NOT {are_few}" if filtered else ""}
    ORDER BY station_plane(lat, lng) <-> station_plane(%(lat)s, %(lng)s) LIMIT %(limit)s
),
step (radius, ids, complete, last) AS (
    SELECT {radius}, NULL::bigint[], false, false FROM around HAVING count(*) > 0
  UNION ALL
    SELECT next.radius, next.ids, next.complete, next.complete OR next.radius >= step.radius
    FROM step CROSS JOIN LATERAL (
        WITH met AS MATERIALIZED (
            SELECT met.* FROM station_discs(%(lat)s, %(lng)s, step.radius) AS disc
            CROSS JOIN LATERAL (
                SELECT stations.id, {DISTANCE} AS distance,
                    station_plane(lat, lng) <@ disc AS inside
                FROM stations WHERE {condition}
                ORDER BY station_plane(lat, lng) <-> center(disc) LIMIT 2 * %(limit)s
            ) AS met
        ),
        closest AS (SELECT DISTINCT distance, id FROM met ORDER BY distance, id LIMIT %(limit)s)
        SELECT {radius} AS radius, array_agg(id) AS ids,
            (SELECT count(*) FILTER (WHERE inside) < 2 * %(limit)s FROM met) AS complete
        FROM closest
    ) AS next
    WHERE NOT last
),
candidates AS (
    SELECT stations.id, {DISTANCE} AS distance
    FROM step JOIN stations ON stations.id = ANY (ids) WHERE complete
    UNION ALL  -- more at one distance than were met
    SELECT stations.id, {DISTANCE}
    FROM step CROSS JOIN LATERAL station_discs(%(lat)s, %(lng)s, radius) AS disc
    JOIN stations ON station_plane(lat, lng) <@ disc
    WHERE last AND NOT complete AND {condition}
    {f"UNION ALL SELECT few.id, {DISTANCE} FROM few WHERE {are_few}" if filtered else ""}
),
nearest AS (
    SELECT id, distance FROM candidates
    WHERE distance <= %(radius)s ORDER BY distance, id LIMIT %(limit)s
)
SELECT {COLUMNS}, distance FROM nearest JOIN stations USING (id)
"""
