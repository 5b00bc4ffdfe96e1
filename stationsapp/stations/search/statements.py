"""Statements written so that PostgreSQL plans them well."""

from .. import geo
from ..columns import NAME_ORDER, SELECT_LIST


def distance(lat: str, lng: str, other_lat: str, other_lng: str) -> str:
    """Return geo.distance in SQL, for four coordinates in SQL."""
    return f"""
    2 * {geo.EARTH_RADIUS} * asin(least(1, sqrt(
        sin(radians({other_lat} - {lat}) / 2) ^ 2 + cos(radians({lat}))
        * cos(radians({other_lat})) * sin(radians({other_lng} - {lng}) / 2) ^ 2)))
"""


DISTANCE = distance("%(lat)s", "%(lng)s", "lat", "lng")


SOURCES = 500  # at most: people choose from this list


def sources() -> str:
    """Return the query for the distinct sources.

    PostgreSQL would read all stations, so the index is asked for one source after the other.
    """
    following = "SELECT source FROM stations {} ORDER BY source LIMIT 1"
    return f"""
WITH RECURSIVE found (source) AS (
    ({following.format("")})
  UNION ALL
    SELECT ({following.format("WHERE stations.source > found.source")})
    FROM found WHERE source IS NOT NULL
)
SELECT source FROM found WHERE source IS NOT NULL LIMIT {SOURCES}
"""


SAMPLE = 100  # stations of a source


def property_types() -> str:
    """Return the query for the properties of each source's first stations.

    The `type` is one of JSON Schema, or a list of several.
    """
    return f"""
SELECT name, CASE
    WHEN count(DISTINCT type) = 1 THEN to_jsonb(min(type))
    WHEN bool_and(type IN ('integer', 'number')) THEN '"number"'
    ELSE to_jsonb(array_agg(DISTINCT type)) END AS type
FROM ({sources()}) AS known CROSS JOIN LATERAL (
    SELECT properties FROM stations WHERE stations.source BETWEEN known.source AND known.source
    ORDER BY stations.source, id LIMIT {SAMPLE}  -- as in Filters.between
) AS station CROSS JOIN LATERAL jsonb_each(properties) AS property (name, value)
CROSS JOIN LATERAL (
    SELECT CASE WHEN value::text ~ '^-?[0-9]+$' THEN 'integer' ELSE jsonb_typeof(value) END AS type
) AS typed
WHERE type <> 'null' GROUP BY name ORDER BY name
"""


NEXT_NAMES, FEW_NAMES = 1_000, 100_000


def page_by_name(of_source: str, condition: str, hits: str | None) -> str:
    """Return the query for a page, sorted by name.

    `of_source` is the part of the condition that an index in this order supports. If there is more,
    `hits` is the query for all matches. PostgreSQL assumes that these are spread evenly over the
    names, but those in Zürich come last, so the plan isn't left to it. If there are few, they are
    all sorted. If not, they are frequent enough to be found soon in the order of the names. Often,
    this is true for the next names, so these are looked at before many matches are collected.
    """
    order = f"{NAME_ORDER}, stations.id"
    start = f"""({order}) > (
        (SELECT {NAME_ORDER} FROM (VALUES (%(name)s)) AS start (name)), %(after)s)"""
    walk = f"""
SELECT {{}} FROM stations WHERE {of_source} AND {start} AND {{}}
ORDER BY {order} LIMIT {{}}
"""
    if hits is None:
        return walk.format(SELECT_LIST, "true", "%(limit)s")
    full = "(SELECT count(*) = %(limit)s FROM next)"
    are_few = f"(SELECT count(*) <= {FEW_NAMES} FROM few)"
    # With coalesce, PostgreSQL uses no index for the condition, and expects it to be often true.
    many = f"NOT {full} AND NOT {are_few} AND coalesce({condition}, false)"
    return f"""
WITH few AS MATERIALIZED (  -- read only as far as somebody asks
    SELECT id, name FROM ({hits}) AS hits LIMIT {FEW_NAMES + 1}
),
next AS MATERIALIZED (
    SELECT * FROM ({walk.format("*", "true", NEXT_NAMES)}) AS next
    WHERE EXISTS (SELECT FROM few OFFSET {NEXT_NAMES}) AND {condition} LIMIT %(limit)s
),
sorted AS (
    SELECT stations.id FROM few AS stations WHERE NOT {full} AND {are_few} AND {start}
    ORDER BY {order} LIMIT %(limit)s
)
SELECT {SELECT_LIST} FROM next AS stations WHERE {full}
UNION ALL
SELECT {SELECT_LIST} FROM sorted JOIN stations USING (id)
UNION ALL ({walk.format(SELECT_LIST, many, "%(limit)s")})
"""


# In radians, plus a metre for rounding errors.
RADIUS = f"(least(max(distance), %(radius)s) + 1) / {geo.EARTH_RADIUS}"
# The query without a filter that is enough for most points. In the plane of `station_plane`,
# circles stay circles, and near the point, stations are in nearly the same order as on the sphere.
# So this meets twice as many stations as are wanted there, and keeps the nearest. These are right
# if all stations within their distance have been met. If not, this returns no rows. If none is
# within the radius, it returns the nearest one.
NEAREST_AT_ONCE = f"""
WITH met AS MATERIALIZED (
    SELECT *, {DISTANCE} AS distance,
        station_plane(lat, lng) <-> station_plane(%(lat)s, %(lng)s) AS apart
    FROM stations ORDER BY apart LIMIT 2 * %(limit)s
),
closest AS MATERIALIZED (SELECT * FROM met ORDER BY distance, id LIMIT %(limit)s)
SELECT {SELECT_LIST}, distance FROM closest AS stations
WHERE distance <= greatest(%(radius)s, (SELECT min(distance) FROM closest)) AND (
    SELECT bool_and(
        (station_plane(%(lat)s, %(lng)s) <-> center(disc)) + radius(disc)
        < (SELECT max(apart) FROM met)
    )
    FROM (SELECT {RADIUS} AS radius FROM closest HAVING count(*) > 0) AS last
    CROSS JOIN LATERAL station_discs(%(lat)s, %(lng)s, radius) AS disc
)
"""

# Stations that match a filter are searched outwards from the point, up to this number.
MET = 5_000
# Before that, all that match words are compared if there are at most this many.
FEW = 20_000
TOO_FEW_NEAR = "(SELECT count(*) < %(limit)s FROM around)"


def nearest(condition: str, fitting: str | None = None, far: str | None = None) -> str:
    """Return the query for a condition.

    The index orders stations by their distance in the plane of `station_plane`. There, all stations
    within a radius of a point lie in a disc (or two: `station_discs`), which isn't centred on the
    point. The k stations nearest to the point in the plane give a first radius. The k nearest to
    the centre of its disc give a smaller one, and so on, until all stations in the disc are known.

    All stations that match a filter may be far away, and a search outwards would find them last. So
    if too few of the first ones match, the query `far` finds ids and distances, which include those
    of the nearest. With `fitting`, the query for all that match, all of these are compared.
    """
    outwards = "ORDER BY station_plane(lat, lng) <-> station_plane(%(lat)s, %(lng)s) LIMIT"
    few = near = within = compared = ""
    around = f"FROM stations {outwards} %(limit)s"
    are_few = "false"
    if fitting:
        some = f"SELECT id, lat, lng FROM ({fitting}) AS fitting LIMIT {FEW + 1}"
        few = f"few AS MATERIALIZED ({some}),"
        are_few = f"(SELECT count(*) <= {FEW} FROM few)"
        compared = f"UNION ALL SELECT few.id, {DISTANCE} FROM few WHERE {are_few}"
        far = f"""SELECT id, {DISTANCE} AS distance FROM ({fitting}) AS fitting
            WHERE NOT {are_few} AND {TOO_FEW_NEAR}"""
    if far:
        around = f"""FROM (
            SELECT * FROM stations WHERE NOT {are_few} {outwards} {MET}
        ) AS met WHERE {condition} LIMIT %(limit)s"""
        near = "AND count(*) = %(limit)s"
        within = "AND station_plane(lat, lng) <@ disc"
        compared += f" UNION ALL SELECT id, distance FROM ({far}) AS far"
    return f"""
WITH RECURSIVE {few}
around AS MATERIALIZED (SELECT {DISTANCE} AS distance {around}),
step (radius, ids, complete, last) AS (
    SELECT {RADIUS}, NULL::bigint[], false, false FROM around HAVING count(*) > 0 {near}
  UNION ALL
    SELECT next.radius, next.ids, next.complete, next.complete OR next.radius >= step.radius
    FROM step CROSS JOIN LATERAL (
        WITH met AS MATERIALIZED (
            SELECT met.* FROM station_discs(%(lat)s, %(lng)s, step.radius) AS disc
            CROSS JOIN LATERAL (
                SELECT stations.id, {DISTANCE} AS distance,
                    station_plane(lat, lng) <@ disc AS inside
                FROM stations WHERE {condition} {within}
                ORDER BY station_plane(lat, lng) <-> center(disc) LIMIT 2 * %(limit)s
            ) AS met
        ),
        closest AS (SELECT DISTINCT distance, id FROM met ORDER BY distance, id LIMIT %(limit)s)
        SELECT {RADIUS} AS radius, array_agg(id) AS ids,
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
    {compared}
),
nearest AS (
    SELECT id, distance FROM candidates
    WHERE distance <= %(radius)s ORDER BY distance, id LIMIT %(limit)s
)
SELECT stations.*, distance FROM nearest CROSS JOIN LATERAL (
    SELECT {SELECT_LIST} FROM stations WHERE stations.id = nearest.id
    LIMIT 1  -- or all stations might be read, to be joined
) AS stations
"""


def cells(fitting: str) -> str:
    """Return the query for the cells of a grid; `fitting` is the query for the stations."""
    return f"""
SELECT count(*), avg(lat) AS mean_lat, avg(lng) AS mean_lng,
    min(lng) AS west, min(lat) AS south, max(lng) AS east, max(lat) AS north,
    floor((lng + 180) / %(cell)s) AS x, floor((lat + 90) / %(cell)s) AS y, min(id) AS first_id
FROM ({fitting}) AS fitting GROUP BY x, y
"""


def clusters(cells: str) -> str:
    """Return the query for these cells, with the station's columns if there is only one."""
    return f"""
SELECT cells.*, alone.* FROM ({cells}) AS cells LEFT JOIN LATERAL (
    SELECT {SELECT_LIST} FROM stations WHERE cells.count = 1 AND stations.id = first_id LIMIT 1
) AS alone ON true
"""
