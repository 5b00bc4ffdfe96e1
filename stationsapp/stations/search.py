"""The queries: SQL, no HTTP. Each is one statement on the read engine, and gives plain dicts."""

from typing import Any

from sqlalchemy import select, text

from ..database import read
from ..models import Station
from .geo import EARTH_RADIUS

COLUMNS = Station.__table__.columns


def one(station_id: int) -> dict[str, Any] | None:
    """Return the station of this id, or None."""
    rows = read(select(*COLUMNS).where(Station.id == station_id))
    return dict(rows[0]._mapping) if rows else None


def page(limit: int, after: int = 0) -> list[dict[str, Any]]:
    """Return up to `limit` stations whose id is greater than `after`, in the order of the ids.

    A page costs the same at any depth: it starts where the index says, it skips nothing.
    """
    statement = select(*COLUMNS).where(Station.id > after).order_by(Station.id).limit(limit)
    return [dict(row._mapping) for row in read(statement)]


DISTANCE = f"""
    2 * {EARTH_RADIUS} * asin(least(1, sqrt(
        sin(radians(lat - :lat) / 2) ^ 2
        + cos(radians(:lat)) * cos(radians(lat)) * sin(radians(lng - :lng) / 2) ^ 2)))
"""  # geo.distance, in SQL

# The index orders stations by their distance in the plane of degrees, which is not the distance on
# the sphere. But the farthest of the k planar neighbours bounds the true k-th neighbour, so all k
# lie in the cap of that radius, and the cap lies in a box of degrees that the index can scan.
NEAREST = text(f"""
WITH planar AS MATERIALIZED (
    SELECT {DISTANCE} AS distance
    FROM stations ORDER BY point(lng, lat) <-> point(:lng, :lat) LIMIT :limit
),
cap AS (  -- its radius in degrees, and a metre more than rounding can take away
    SELECT degrees((max(distance) + 1) / {EARTH_RADIUS}) AS radius FROM planar
),
reach AS (  -- the cap's half width in degrees of longitude: all of them when it holds a pole
    SELECT radius, CASE WHEN abs(:lat) + radius >= 90 THEN 360
        ELSE degrees(asin(least(1, sin(radians(radius)) / cos(radians(:lat))))) END AS width
    FROM cap
),
boxes AS (  -- the part within -180..180, and what reaches over the antimeridian on either side
    SELECT box(point(west, :lat - radius), point(east, :lat + radius)) AS box
    FROM reach CROSS JOIN LATERAL (VALUES
        (greatest(:lng - width, -180), least(:lng + width, 180)),
        (:lng - width + 360, CASE WHEN width < 180 THEN 180 END),
        (CASE WHEN width < 180 THEN -180 END, :lng + width - 360)
    ) AS part (west, east)
    WHERE west <= east
)
SELECT {", ".join(f"stations.{column.name}" for column in COLUMNS)}, {DISTANCE} AS distance
FROM boxes JOIN stations ON point(lng, lat) <@ box
ORDER BY distance, id LIMIT :limit
""")


def nearest(lat: float, lng: float, limit: int) -> list[dict[str, Any]]:
    """Return the `limit` nearest stations by great-circle distance, ties by id; exact everywhere.

    Degrees in; each station comes with its `distance` in metres.
    """
    rows = read(NEAREST, {"lat": lat, "lng": lng, "limit": limit})
    return [dict(row._mapping) for row in rows]
