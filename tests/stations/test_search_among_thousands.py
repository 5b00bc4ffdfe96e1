"""Searches among thousands of stations, which none of these tests changes."""

from collections.abc import Iterator
from math import inf

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from points import (
    NASTY,
    NASTY_LNG,
    Point,
    assert_nearest_is_exact,
    brute_force,
    fill,
    inside,
    points,
)
from postgres import emptying
from sqlalchemy import text

from stationsapp.extensions import db
from stationsapp.stations import geo, search
from stationsapp.stations.search import Filters, boxes, statements

GRID = [
    Point(geo.rounded(lat + shift * 0.37), lng)
    for lat in range(-89, 90, 6)
    for lng in range(-180, 181, 8)
    for shift in (0, 1)
] + [Point(lat, lng) for lat in NASTY for lng in NASTY_LNG]


@pytest.fixture(scope="module")
def app(application: Flask) -> Iterator[Flask]:
    """The application with the whole grid in its table: a third in a source, a third in another."""
    with application.app_context():
        fill(GRID)
        with db.engine.begin() as connection:
            sources = "CASE WHEN id % 3 = 0 THEN 'third' WHEN id % 2 = 0 THEN 'even' ELSE 't' END"
            connection.execute(text(f"UPDATE stations SET source = {sources}"))
            connection.execute(text("ANALYZE stations"))
        yield application
        with db.engine.begin() as connection:
            connection.exec_driver_sql(emptying([t.name for t in db.metadata.sorted_tables]))


def test_nearest_agrees_with_brute_force_among_thousands(app: Flask):
    @given(points, st.sampled_from([1, 2, 10, 100, 1000]))
    @settings(max_examples=50, deadline=None)
    def check(at: Point, limit: int) -> None:
        assert_nearest_is_exact(GRID, at, limit)

    check()


@pytest.mark.parametrize(
    ("statement", "scans"), [(statements.NEAREST_AT_ONCE, 1), (statements.nearest("true"), 2)]
)
def test_nearest_orders_by_the_index(app: Flask, statement: str, scans: int):
    with db.engine.begin() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = connection.exec_driver_sql(
            f"EXPLAIN {statement}", {"lat": 48.0, "lng": 2.0, "limit": 10, "radius": inf}
        )
        lines = "\n".join(plan.scalars())
    assert lines.count("Index Scan using ix_stations_plane") == lines.count("Order By") == scans


@pytest.mark.parametrize("few", [0, 5_000])
@pytest.mark.parametrize("bbox", [(-180, -90, 180, 90), (170, -60, -170, 60), (0, 40, 50, 50)])
def test_a_box_of_many_has_the_same_pages_as_one_of_few(
    app: Flask, monkeypatch: pytest.MonkeyPatch, few: int, bbox: geo.Box
):
    monkeypatch.setattr(boxes, "FEW", few)
    expected = inside(bbox, GRID)
    pages = [search.page(Filters(bbox), 20, after).rows for after in (0, expected[19])]
    assert [station["id"] for page in pages for station in page] == expected[:40]


@pytest.mark.parametrize(("few", "met"), [(20_000, 5_000), (0, 5_000), (0, 1)])
def test_a_filter_that_fits_many_is_as_exact_as_one_that_fits_few(
    app: Flask, monkeypatch: pytest.MonkeyPatch, few: int, met: int
):
    monkeypatch.setattr(statements, "FEW", few)
    monkeypatch.setattr(statements, "MET", met)
    for lat, lng in [(89.0, 10.0), (-10.0, 179.9), (0.0, 0.0), (51.0, 4.0)]:
        found = search.nearest(Filters(q="station 1"), lat, lng, 10).rows
        named = [point for i, point in enumerate(GRID) if str(i).startswith("1")]
        expected = brute_force(named, Point(lat, lng), 10)
        assert [row["distance"] for row in found] == pytest.approx(
            [distance for distance, _ in expected], abs=0.2
        )


@pytest.mark.parametrize("limit", [1, 10, 1000])
def test_the_nearest_of_a_source_that_is_far_away_agree_with_brute_force(
    app: Flask, monkeypatch: pytest.MonkeyPatch, limit: int
):
    monkeypatch.setattr(statements, "MET", 1)
    third = [point for i, point in enumerate(GRID, 1) if i % 3 == 0]
    for at in [Point(90, 0), Point(-48.85, -177.65), Point(0, 180), Point(51, 4), Point(-60, -1)]:
        expected = brute_force(third, at, limit)
        radius = expected[-1][0] - 1 if limit > 1 else inf
        found = search.nearest(Filters(source="third"), *at, limit, radius).rows
        inside = [distance for distance, _ in expected if distance <= radius]
        assert [row["distance"] for row in found] == pytest.approx(inside, abs=0.2)


@pytest.mark.parametrize(
    ("bbox", "zoom"),
    [
        ((-180, -90, 180, 90), 0),
        ((-180, -90, 180, 90), 20),
        ((-10, 35, 30, 60), 5),
        ((170, -60, -170, 60), 4),
        ((0, 0, 0, 0), 20),
    ],
)
def test_clusters_are_few_and_their_sums_are_right(app: Flask, bbox, zoom: int):
    cells = search.clusters(Filters(bbox), zoom).rows
    everything = search.page(Filters(bbox=bbox), 10_000).rows
    assert len(cells) <= search.CLUSTERS
    assert sum(cell["count"] for cell in cells) == len(everything)
    for total, mean in [("lat", "mean_lat"), ("lng", "mean_lng")]:
        weighted = sum(cell[mean] * cell["count"] for cell in cells)
        assert weighted == pytest.approx(sum(row[total] for row in everything), abs=1e-6)
    alone = [cell for cell in cells if cell["count"] == 1]
    assert all(cell["name"] and cell["lat"] == cell["mean_lat"] for cell in alone)
    assert search.clusters(Filters(bbox), zoom).rows == cells


@pytest.mark.parametrize(
    "filters",
    [Filters(geo.WORLD, "even"), Filters((-10, 35, 30, 60), q="station 1"), Filters(q="9")],
)
def test_clusters_are_of_the_stations_that_the_filters_find(app: Flask, filters: Filters):
    counts = [cell["count"] for cell in search.clusters(filters, 3).rows]
    assert sum(counts) == len(search.page(filters, 10_000).rows) > 0


@pytest.mark.parametrize(("few", "following"), [(0, 9), (100_000, 9_999), (100_000, 50)])
@pytest.mark.parametrize(
    "filters", [Filters(q="9"), Filters((-10, 35, 30, 60)), Filters(source="even", q="station 1")]
)
def test_names_that_fit_many_have_the_same_pages_as_those_that_fit_few(
    app: Flask, monkeypatch: pytest.MonkeyPatch, few: int, following: int, filters: Filters
):
    monkeypatch.setattr(statements, "FEW_NAMES", few)
    monkeypatch.setattr(statements, "NEXT_NAMES", following)
    found = search.page(filters, 10_000).rows
    expected = sorted((row["name"].lower(), row["id"]) for row in found)
    name, after = expected[7]
    page = search.page_by_name(filters, 20, name, after).rows
    assert [(row["name"].lower(), row["id"]) for row in page] == expected[8:28]
