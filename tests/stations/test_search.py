import pytest
from flask import Flask
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from points import NASTY, NASTY_LNG, Point, assert_nearest_is_exact, fill, inside, points
from sqlalchemy import insert, text

from stationsapp.extensions import db
from stationsapp.models import Station
from stationsapp.stations import geo, search
from stationsapp.stations.search import Filters, boxes, statements


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
