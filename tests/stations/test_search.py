from math import inf
from typing import NamedTuple

import pytest
from flask import Flask
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from postgres import emptying
from sqlalchemy import insert, text

from stationsapp.extensions import db
from stationsapp.models import Station
from stationsapp.stations import geo, search
from stationsapp.stations.search import Filters, boxes, statements

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
        connection.exec_driver_sql(emptying(["stations"]))
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
    found = [(row["distance"], row["id"]) for row in search.nearest(Filters(), *at, limit).rows]
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
@settings(max_examples=75, deadline=None, suppress_health_check=list(HealthCheck))
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
    @settings(max_examples=50, deadline=None)
    def check(at: Point, limit: int) -> None:
        assert_nearest_is_exact(GRID, at, limit)

    check()


def test_equal_distances_come_in_the_order_of_the_ids(app: Flask):
    fill([Point(0, 1), Point(0, -1), Point(1, 0), Point(-1, 0)] * 5)
    assert [row["id"] for row in search.nearest(Filters(), 0, 0, 7).rows] == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(("lat", "lng"), [(48.85, 2.35), (-33.87, 151.21), (1.35, 179.99)])
def test_the_nearest_in_a_city_are_found_at_once(
    app: Flask, monkeypatch: pytest.MonkeyPatch, lat: float, lng: float
):
    city = [
        Point(lat + row / 100, (lng + column / 100 + 180) % 360 - 180)
        for row in range(-5, 6)
        for column in range(-5, 6)
    ]
    fill(city)
    monkeypatch.setattr(statements, "nearest", None)
    assert_nearest_is_exact(city, Point(lat, lng), 10)
    assert search.nearest(Filters(), lat + 0.005, lng, limit=10, radius=100).rows == []


@pytest.mark.parametrize(
    ("statement", "scans"), [(statements.NEAREST_AT_ONCE, 1), (statements.nearest("true"), 2)]
)
def test_nearest_orders_by_the_index(world: None, statement: str, scans: int):
    with db.engine.begin() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = connection.exec_driver_sql(
            f"EXPLAIN {statement}", {"lat": 48.0, "lng": 2.0, "limit": 10, "radius": inf}
        )
        lines = "\n".join(plan.scalars())
    assert lines.count("Index Scan using ix_stations_plane") == lines.count("Order By") == scans


def inside(bbox: geo.Box, stations: list[Point]) -> list[int]:
    west, south, east, north = bbox
    return [
        i
        for i, (lat, lng) in enumerate(stations, 1)
        if south <= lat <= north
        and (west <= lng <= east if west <= east else lng >= west or lng <= east)
    ]


@given(
    st.lists(points, max_size=30),
    *[st.sampled_from([*NASTY_LNG, -45]) | st.floats(-180, 180)] * 2,
    *[st.sampled_from(NASTY) | st.floats(-90, 90)] * 2,
)
@example([Point(0, 180), Point(0, -180), Point(0, 0)], 179.0, -179.0, -1.0, 1.0)
@example([Point(90, 5), Point(-90, 5), Point(89, 5)], -180.0, 180.0, 89.0, 90.0)
@example([Point(1, 1), Point(1, 2)], 1.0, 1.0, 1.0, 1.0)
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_box_holds_what_lies_in_it_and_on_its_border(
    app: Flask, stations, west, east, one_lat, other_lat
):
    fill(stations)
    south, north = sorted([one_lat, other_lat])
    bbox = west, south, east, north
    found = search.page(Filters(bbox), 100).rows
    expected = inside(bbox, stations)
    assert [station["id"] for station in found] == expected


@pytest.mark.parametrize("few", [0, 5_000])
@pytest.mark.parametrize("bbox", [(-180, -90, 180, 90), (170, -60, -170, 60), (0, 40, 50, 50)])
def test_a_box_of_many_has_the_same_pages_as_one_of_few(
    world: None, monkeypatch: pytest.MonkeyPatch, few: int, bbox: geo.Box
):
    monkeypatch.setattr(boxes, "FEW", few)
    expected = inside(bbox, GRID)
    pages = [search.page(Filters(bbox), 20, after).rows for after in (0, expected[19])]
    assert [station["id"] for page in pages for station in page] == expected[:40]


@given(st.lists(points, max_size=30), points, st.integers(1, 20), st.floats(0, 2.1e7))
@settings(max_examples=75, deadline=None, suppress_health_check=list(HealthCheck))
def test_nearest_within_a_radius_and_of_a_source_agrees_with_brute_force(
    app: Flask, stations, at, limit, radius
):
    fill(stations)
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE stations SET source = 'even' WHERE id % 2 = 0"))
    found = search.nearest(Filters(source="even"), *at, limit, radius).rows
    distances = [(geo.distance(*at, *point), i) for i, point in enumerate(stations, 1)]
    inside = sorted(pair for pair in distances if pair[1] % 2 == 0 and pair[0] <= radius)
    near_the_rim = any(abs(distance - radius) < 0.2 for distance, _ in distances)
    if not near_the_rim:
        assert len(found) == len(inside[:limit])
    for station, (distance, _) in zip(found, inside, strict=False):
        assert station["distance"] == pytest.approx(distance, abs=0.2)
        assert station["source"] == "even"


@pytest.mark.parametrize(("few", "met"), [(20_000, 5_000), (0, 5_000), (0, 1)])
def test_a_filter_that_fits_many_is_as_exact_as_one_that_fits_few(
    world: None, monkeypatch: pytest.MonkeyPatch, few: int, met: int
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
    world: None, monkeypatch: pytest.MonkeyPatch, limit: int
):
    monkeypatch.setattr(statements, "MET", 1)
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE stations SET source = 'third' WHERE id % 3 = 0"))
    third = [point for i, point in enumerate(GRID, 1) if i % 3 == 0]
    for at in [Point(90, 0), Point(-48.85, -177.65), Point(0, 180), Point(51, 4), Point(-60, -1)]:
        expected = brute_force(third, at, limit)
        radius = expected[-1][0] - 1 if limit > 1 else inf
        found = search.nearest(Filters(source="third"), *at, limit, radius).rows
        inside = [distance for distance, _ in expected if distance <= radius]
        assert [row["distance"] for row in found] == pytest.approx(inside, abs=0.2)


NAMES = [
    "Gare du Nord", "Zürich HB", "Köln Hauptbahnhof", "Łódź Fabryczna", "Đà Nẵng", "Ørestad",
    "Straße des 17. Juni", "Москва Казанская", "Αθήνα", "東京駅", "서울역", "ÎLE-DE-FRANCE",
    "St. Pancras/King's Cross", "Ｆｕｌｌｗｉｄｔｈ", "a" * 500, "!!!", "O'Hare \\ 'quoted' & | !",
    "Kahoʻolawe", "Gleis 9¾ ★ nach C×D", "ﷺ" * 500,
]  # fmt: skip


@pytest.fixture
def named(app: Flask) -> None:
    with db.engine.begin() as connection:
        connection.execute(
            insert(Station),
            [
                {"source": "t", "code": str(i), "name": name, "lat": 0, "lng": 0}
                for i, name in enumerate(NAMES)
            ],
        )


@pytest.mark.parametrize(
    ("q", "names"),
    [
        ("gare du no", ["Gare du Nord"]),
        ("nord GARE", ["Gare du Nord"]),
        ("are", []),
        ("zurich hb", ["Zürich HB"]),
        ("köln", ["Köln Hauptbahnhof"]),
        ("koln", ["Köln Hauptbahnhof"]),
        ("KÖLN", ["Köln Hauptbahnhof"]),
        ("lodz", ["Łódź Fabryczna"]),
        ("da nang", ["Đà Nẵng"]),
        ("orestad", ["Ørestad"]),
        ("strasse 17", ["Straße des 17. Juni"]),
        ("москва казан", ["Москва Казанская"]),
        ("МОСКВА", ["Москва Казанская"]),
        ("αθηνα", ["Αθήνα"]),
        ("ΑΘΉΝΑ", ["Αθήνα"]),
        ("東京", ["東京駅"]),
        ("서울", ["서울역"]),
        ("ile france", ["ÎLE-DE-FRANCE"]),
        ("île-de-fr", ["ÎLE-DE-FRANCE"]),
        ("pancras king", ["St. Pancras/King's Cross"]),
        ("fullwidth", ["Ｆｕｌｌｗｉｄｔｈ"]),
        ("o'hare quoted", ["O'Hare \\ 'quoted' & | !"]),
        ("!!!", []),
        ("  ", []),
        ("kaho'olawe", ["Kahoʻolawe"]),
        ("KAHOʻOLAWE", ["Kahoʻolawe"]),
        ("nach d c", ["Gleis 9¾ ★ nach C×D"]),
        ("' \\ : * & | ! ( ) <-> :*", []),
    ],
)
def test_words_of_names_are_found(named: None, q: str, names: list[str]):
    assert [row["name"] for row in search.page(Filters(q=q), 100).rows] == names


def test_no_words_are_an_error(named: None):
    @given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
    @settings(max_examples=100, deadline=None)
    def check(q: str) -> None:
        search.page(Filters(q=q), 1)

    check()


@pytest.fixture
def spread(app: Flask) -> None:
    """Stations in three blocks of ids, with a gap of many between the last two."""
    ids = [1, 2, 3, 16_383, 16_384, 16_385, 16_386, 10**9, 10**9 + 1]
    with db.engine.begin() as connection:
        connection.execute(
            insert(Station),
            [
                {"id": id, "source": "ab"[id % 2], "code": str(id), "name": f"Gare {id}"}
                | {"lat": id % 3, "lng": 0}
                for id in reversed(ids)
            ],
        )


@pytest.mark.parametrize("few", [0, 5_000])
@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        (Filters(q="gare"), [1, 2, 3, 16383, 16384, 16385, 16386, 10**9, 10**9 + 1]),
        (Filters(q="gare 16 gare"), [16383, 16384, 16385, 16386]),
        (Filters(q="1000"), [10**9, 10**9 + 1]),
        (Filters(source="a", q="g"), [2, 16384, 16386, 10**9]),
        (Filters((-1, 0, 1, 0.5), q="g"), [3, 16383, 16386]),
        (Filters((-1, 0, 1, 0.5), "a", "g"), [16386]),
        (Filters((-1, 0.5, 1, 1.5)), [1, 16384, 10**9]),
        (Filters((-1, 0.5, 1, 1.5), "a"), [16384, 10**9]),
        (Filters((179, 0.5, 1, 1.5), "b"), [1]),
        (Filters(source="c", q="g"), []),
        (Filters(q="halte"), []),
    ],
)
def test_stations_are_found_in_every_block_of_ids(
    spread: None, monkeypatch: pytest.MonkeyPatch, filters: Filters, ids: list[int], few: int
):
    monkeypatch.setattr(boxes, "FEW", few)
    found, after = [], 0
    while page := search.page(filters, 2, after).rows:
        found += [station["id"] for station in page]
        after = found[-1]
    assert found == ids
    with search.everything(filters) as (_, rows):
        assert [station["id"] for station in rows] == ids
    assert sum(cell["count"] for cell in search.clusters(filters, 3).rows) == len(ids)
    assert sorted(row["id"] for row in search.nearest(filters, 0, 0, 100).rows) == ids


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
def test_clusters_are_few_and_their_sums_are_right(world: None, bbox, zoom: int):
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
def test_clusters_are_of_the_stations_that_the_filters_find(world: None, filters: Filters):
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE stations SET source = 'even' WHERE id % 2 = 0"))
    counts = [cell["count"] for cell in search.clusters(filters, 3).rows]
    assert sum(counts) == len(search.page(filters, 10_000).rows) > 0


def test_sources_are_those_with_stations_and_each_comes_once(app: Flask):
    assert search.sources() == []
    fill([Point(0, 0)] * 9)
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE stations SET source = 'source ' || id % 3"))
    assert search.sources() == ["source 0", "source 1", "source 2"]


def test_pages_follow_one_another_without_gap_or_overlap(app: Flask):
    fill([Point(0, 0)] * 25)
    seen, after = [], 0
    while page := search.page(Filters(), 10, after).rows:
        seen += [station["id"] for station in page]
        after = seen[-1]
    assert seen == list(range(1, 26))


@pytest.mark.parametrize("few", [0, 100_000])
@pytest.mark.parametrize(
    "filters", [Filters(q="9"), Filters((-10, 35, 30, 60)), Filters(source="even", q="station 1")]
)
def test_names_that_fit_many_have_the_same_pages_as_those_that_fit_few(
    world: None, monkeypatch: pytest.MonkeyPatch, few: int, filters: Filters
):
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE stations SET source = 'even' WHERE id % 2 = 0"))
    monkeypatch.setattr(statements, "FEW_NAMES", few)
    found = search.page(filters, 10_000).rows
    expected = sorted((row["name"].lower(), row["id"]) for row in found)
    name, after = expected[7]
    page = search.page_by_name(filters, 20, name, after).rows
    assert [(row["name"].lower(), row["id"]) for row in page] == expected[8:28]


def test_a_station_that_is_not_there_is_none(app: Flask):
    assert search.one(1) is None


def test_a_whole_list_is_fetched_a_batch_at_a_time(app: Flask, monkeypatch: pytest.MonkeyPatch):
    db.session.execute(
        insert(Station),
        [{"source": "s", "code": str(n), "name": "x", "lat": 0, "lng": 0} for n in range(5)],
    )
    db.session.commit()
    monkeypatch.setattr(search, "BATCH", 2)
    batches = []
    monkeypatch.setattr(search.limits, "renew", batches.append)  # which comes with each
    with search.everything(Filters()) as (_, rows):
        assert len(list(rows)) == 5
    assert len(batches) == 3
