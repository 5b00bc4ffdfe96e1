from typing import NamedTuple

import pytest
from flask import Flask
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, text

from stationsapp.extensions import db
from stationsapp.models import Station
from stationsapp.stations import geo, search

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


def fill(stations: list[Point]) -> None:
    with db.engine.begin() as connection:
        connection.execute(text("TRUNCATE stations RESTART IDENTITY"))
        if stations:
            connection.execute(
                insert(Station),
                [
                    {"source": "t", "code": str(i), "name": f"Station {i}", **point._asdict()}
                    for i, point in enumerate(stations)
                ],
            )


def brute_force(stations: list[Point], at: Point, limit: int) -> list[tuple[float, int]]:
    distances = [(geo.distance(*at, *point), i) for i, point in enumerate(stations, 1)]
    return sorted(distances)[:limit]


def assert_nearest_is_exact(stations: list[Point], at: Point, limit: int) -> None:
    """Compare with brute force; rounding may part the two by a micrometre, a decimetre far away."""
    found = [(row["distance"], row["id"]) for row in search.nearest(*at, limit)]
    expected = brute_force(stations, at, limit)
    assert len(found) == len(expected)
    assert found == sorted(found)
    for (got, station), (want, _) in zip(found, expected, strict=True):
        assert got == pytest.approx(want, abs=0.2)
        assert got == pytest.approx(geo.distance(*at, *stations[station - 1]), abs=0.2)
    assert len({station for _, station in found}) == len(found)


@given(st.lists(points, max_size=40), points, st.integers(1, 50))
@example([], Point(0, 0), 1)
@example([Point(89, 179), Point(89, -1), Point(88, 0)], Point(90, 0), 2)
@example([Point(0, -180), Point(0, 180), Point(0, 179)], Point(0, 180), 2)
@example([Point(1, 1)] * 9, Point(1, 1), 5)
@example([Point(0, 0), Point(0, 90)], Point(0, -180), 1000)
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_nearest_agrees_with_brute_force(app: Flask, stations, at, limit):
    fill(stations)
    assert_nearest_is_exact(stations, at, limit)


GRID = [
    Point(geo.rounded(lat + shift * 0.37), lng)
    for lat in range(-89, 90, 6)
    for lng in range(-180, 181, 8)
    for shift in (0, 1)
] + [Point(lat, lng) for lat in NASTY for lng in NASTY_LNG]


@pytest.fixture
def world(app: Flask) -> None:
    fill(GRID)
    with db.engine.begin() as connection:
        connection.execute(text("ANALYZE stations"))


def test_nearest_agrees_with_brute_force_among_thousands(world: None):
    @given(points, st.sampled_from([1, 2, 10, 100, 1000]))
    @settings(max_examples=200, deadline=None)
    def check(at: Point, limit: int) -> None:
        assert_nearest_is_exact(GRID, at, limit)

    check()


def test_equal_distances_come_in_the_order_of_the_ids(app: Flask):
    fill([Point(0, 1), Point(0, -1), Point(1, 0), Point(-1, 0)] * 5)
    assert [row["id"] for row in search.nearest(0, 0, 7)] == [1, 2, 3, 4, 5, 6, 7]


def test_nearest_scans_the_index_for_the_neighbours_and_for_the_box(world: None):
    with db.engine.begin() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = connection.execute(
            text(f"EXPLAIN {search.NEAREST.text}"), {"lat": 48.0, "lng": 2.0, "limit": 10}
        )
        lines = "\n".join(plan.scalars())
    assert lines.count("ix_stations_position") == 2
    assert "Order By" in lines


def test_pages_follow_one_another_without_gap_or_overlap(app: Flask):
    fill([Point(0, 0)] * 25)
    seen, after = [], 0
    while page := search.page(10, after):
        seen += [station["id"] for station in page]
        after = seen[-1]
    assert seen == list(range(1, 26))


def test_a_station_that_is_not_there_is_none(app: Flask):
    assert search.one(1) is None
