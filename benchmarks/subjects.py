"""The subjects of the measurements: the main paths, as requests and as queries."""

import random
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple

from flask import current_app

from stationsapp.database import read
from stationsapp.stations import search
from stationsapp.stations.search import Filters

SAMPLES = 500  # of each subject, so that no round asks for the same all the time

SLOWER = 20  # of queries that take some milliseconds
FAR_SOURCE = "south"  # all of its stations are in the southern hemisphere

API = "/api/stations"

Query = Callable[[], Any]


class Subject(NamedTuple):
    """A main path of the API: its requests, and the queries that they run."""

    name: str
    paths: list[str]
    queries: list[Query]
    in_article: Literal["fast", "slow"] | None = None
    etag: str | None = None


def subjects() -> list[Subject]:
    """Return the main paths, with random stations, places and boxes from the table."""
    stations = _sample()
    page = Subject(
        "page of 100",
        [f"{API}?cursor={id}" for id, _, _ in stations],
        [partial(search.page, Filters(), 100, id) for id, _, _ in stations],
        in_article="fast",
    )
    boxes = [_box(lat, lng) for _, lat, lng in stations]
    return [
        Subject(
            "one station",
            [f"{API}/{id}" for id, _, _ in stations],
            [partial(search.one, id) for id, _, _ in stations],
        ),
        page,
        Subject(
            "box of 100",
            [f"{API}?bbox={','.join(map(str, box))}" for box in boxes],
            [partial(search.page, Filters(box), 100) for box in boxes],
        ),
        Subject(
            "nearest 10",
            [f"{API}/nearest?lat={lat}&lng={lng}" for _, lat, lng in stations],
            [_nearest(lat, lng) for _, lat, lng in stations],
            in_article="slow",
        ),
        Subject("not modified (304)", page.paths[:1], [search.version], etag=_etag(page.paths[0])),
    ]


def _etag(path: str) -> str:
    return current_app.test_client().get(path).headers["ETag"]


def places() -> dict[str, list[Query]]:
    """Return nearest queries that an index in degrees, or of all sources, answers badly."""
    chance = random.Random(1)
    turns = range(SAMPLES)
    ocean = [(chance.uniform(-40, -20), chance.uniform(-140, -110)) for _ in turns]
    pole = [(chance.choice([-1, 1]) * 89.99, chance.uniform(-180, 180)) for _ in turns]
    edge = [(chance.uniform(-60, 60), chance.choice([-179.99, 179.99])) for _ in turns]
    north = [(chance.uniform(50, 70), chance.uniform(-10, 40)) for _ in range(SLOWER)]
    far: list[Query] = [
        partial(search.nearest, Filters(source=FAR_SOURCE), lat, lng, 10) for lat, lng in north
    ]
    found = {
        f"nearest 10, {where}": [_nearest(lat, lng) for lat, lng in points]
        for where, points in [("ocean", ocean), ("pole", pole), ("antimeridian", edge)]
    }
    return found | {"nearest 10, far source": far}


def mix() -> list[str]:
    """Return the requests of many users: 70 % for a map, 20 % for the nearest, 10 % for one."""
    chance = random.Random(2)
    requests = []
    for id, lat, lng in _sample():
        zoom = chance.choice([2, 4, 6, 8, 10, 12, 14])
        half = 450 / 2**zoom  # degrees: half of a map of 1,280 pixels
        west, east = max(lng - half, -180), min(lng + half, 180)
        south, north = max(lat - half / 2, -90), min(lat + half / 2, 90)
        view = f"{API}/clusters?bbox={west:.5f},{south:.5f},{east:.5f},{north:.5f}&zoom={zoom}"
        nearest = f"{API}/nearest?lat={lat}&lng={lng}"
        requests += chance.choices([view, nearest, f"{API}/{id}"], [70, 20, 10])
    return requests


VIEWS = {  # of a map of 1,280 by 800 pixels
    "world": ((-180.0, -85.0, 180.0, 85.0), 2),
    "country": ((-6.0, 41.0, 10.0, 51.5), 6),
    "city": ((1.91, 48.68, 2.79, 49.03), 11),
}


def views() -> dict[str, list[Query]]:
    """Return the queries for the clusters of maps with many or few stations, and for a page."""
    clusters: dict[str, list[Query]] = {
        f"clusters, {name}": [partial(search.clusters, Filters(bbox), zoom)] * SLOWER
        for name, (bbox, zoom) in VIEWS.items()
    }
    return clusters | {
        f"page of 100, {name}": [partial(search.page, Filters(bbox), 100)] * SLOWER
        for name, (bbox, _) in VIEWS.items()
    }


def words() -> dict[str, list[Query]]:
    """Return searches for words: a single letter, a frequent word, and a word without hits."""
    asked = {
        "letter": ("s", 8),
        "frequent word": ("central", 100),
        "word without hits": ("xyz", 100),
    }
    return {
        f"q, {name}": [partial(search.page, Filters(q=q), limit)] * (SAMPLES // 10)
        for name, (q, limit) in asked.items()
    }


def _nearest(lat: float, lng: float) -> Query:
    return partial(search.nearest, Filters(), lat, lng, 10)


def _sample() -> list[tuple[int, float, float]]:
    """Return random ids and places, the same for the same table, with 100 stations after each."""
    count = read("SELECT count(*) FROM stations")[0]["count"]
    share = min(100, 200 * SAMPLES / count)
    rows = read(
        f"""SELECT id, lat, lng FROM stations TABLESAMPLE BERNOULLI ({share}) REPEATABLE (1)
            WHERE id <= (SELECT max(id) - 100 FROM stations)
            ORDER BY md5(id::text) LIMIT {SAMPLES}"""
    )
    return [(row["id"], row["lat"], row["lng"]) for row in rows]


def _box(lat: float, lng: float) -> tuple[float, float, float, float]:
    """Return a box around a point that contains a hundred stations, or a few more."""
    reach = read(
        """SELECT max(distance) FROM (
            SELECT point(lng, lat) <-> point(%(lng)s, %(lat)s) AS distance FROM stations
            ORDER BY distance LIMIT 100
        ) AS nearest""",
        {"lng": lng, "lat": lat},
    )[0]["max"]
    west, east = max(lng - reach, -180), min(lng + reach, 180)
    south, north = max(lat - reach, -90), min(lat + reach, 90)
    return round(west, 6), round(south, 6), round(east, 6), round(north, 6)
