"""Points on the sphere, stations there, and the nearest of them by brute force."""

from typing import NamedTuple

import pytest
from hypothesis import strategies as st
from postgres import emptying

from stationsapp.extensions import db
from stationsapp.stations import geo, search
from stationsapp.stations.search import Filters

NASTY = [-90, -89.999, -60, -1e-9, 0, 1e-9, 0.5, 60, 89.999, 90]
NASTY_LNG = [*NASTY, -180, -179.999, 179.999, 180, 135]


class Point(NamedTuple):
    lat: float
    lng: float


points = st.builds(
    Point,
    (st.sampled_from(NASTY) | st.floats(-90, 90)).map(geo.rounded),
    (st.sampled_from(NASTY_LNG) | st.floats(-180, 180)).map(geo.rounded),
)


FILL = """
INSERT INTO stations (source, code, name, lat, lng)
SELECT 't', n - 1, 'Station ' || n - 1, lat, lng
FROM unnest(%(lat)s::float8[], %(lng)s::float8[]) WITH ORDINALITY AS points (lat, lng, n)
"""


def fill(stations: list[Point]) -> None:
    with db.engine.begin() as connection:
        connection.exec_driver_sql(emptying(["stations"]))
        lat, lng = [[point[i] for point in stations] for i in (0, 1)]
        connection.exec_driver_sql(FILL, {"lat": lat, "lng": lng})


def brute_force(stations: list[Point], at: Point, limit: int) -> list[tuple[float, int]]:
    distances = [(geo.distance(*at, *point), i) for i, point in enumerate(stations, 1)]
    return sorted(distances)[:limit]


def assert_nearest_is_exact(stations: list[Point], at: Point, limit: int) -> None:
    """Compare with brute force; rounding may part the two by a micrometre, a decimetre far away."""
    found = [(row["distance"], row["id"]) for row in search.nearest(Filters(), *at, limit).rows]
    expected = brute_force(stations, at, limit)
    assert len(found) == len(expected)
    assert found == sorted(found)
    for (got, station), (want, _) in zip(found, expected, strict=True):
        assert got == pytest.approx(want, abs=0.2)
        assert got == pytest.approx(geo.distance(*at, *stations[station - 1]), abs=0.2)
    assert len({station for _, station in found}) == len(found)


def inside(bbox: geo.Box, stations: list[Point]) -> list[int]:
    west, south, east, north = bbox
    return [
        i
        for i, (lat, lng) in enumerate(stations, 1)
        if south <= lat <= north
        and (west <= lng <= east if west <= east else lng >= west or lng <= east)
    ]
