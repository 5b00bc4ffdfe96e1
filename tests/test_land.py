"""The land below the map's tiles: the files that are kept, and the script that makes them."""

import gzip
import json
from itertools import accumulate, pairwise
from typing import Any

import pytest

from tools.land import FOLDER, Line, simplified

MOST = {"coarse": 40_000, "fine": 200_000}  # bytes over the wire
PLACES = {
    "Zürich": (8.54, 47.38, True),
    "Chicago": (-87.7, 41.85, True),
    "the Sahara": (5, 25, True),
    "Alice Springs": (133.9, -23.7, True),
    "Chukotka, beyond 180°": (-175, 66.5, True),
    "the South Pole's ice": (100, -84, True),
    "the Atlantic": (-35, 30, False),
    "the Pacific at 180°": (180, 10, False),
    "the Caspian Sea": (51, 42, False),
    "the Arctic Ocean": (0, 84, False),
}


def lines(topology: dict[str, Any], name: str) -> list[Line]:
    """Return the rings or the borders in degrees, as RFC 7946 has them."""
    found = topology["objects"][name]
    numbers = [line for part in found["arcs"] for line in (part if name == "land" else [part])]
    (kx, ky), (x, y) = topology["transform"]["scale"], topology["transform"]["translate"]
    result = []
    for [number] in numbers:
        xs, ys = (accumulate(axis) for axis in zip(*topology["arcs"][number], strict=True))
        result.append([(x + kx * east, y + ky * north) for east, north in zip(xs, ys, strict=True)])
    return result


def is_land(rings: list[Line], lng: float, lat: float) -> bool:
    """Count the coasts between a place and the north: an odd number for land."""
    return (
        sum(
            (x1 > lng) != (x2 > lng) and y1 + (lng - x1) / (x2 - x1) * (y2 - y1) > lat
            for ring in rings
            for (x1, y1), (x2, y2) in pairwise(ring)
        )
        % 2
        == 1
    )


@pytest.fixture(scope="module", params=MOST)
def level(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def kept(level: str) -> dict[str, Any]:
    return json.loads((FOLDER / f"land-{level}.json").read_text())


def test_a_file_is_small(level: str):
    assert len(gzip.compress((FOLDER / f"land-{level}.json").read_bytes(), 6)) <= MOST[level]


def test_the_rings_are_closed_and_on_the_map(kept: dict[str, Any]):
    rings = lines(kept, "land")
    assert len(rings) > 1_000
    assert all(ring[0] == ring[-1] and len(ring) >= 4 for ring in rings)
    borders = lines(kept, "borders")
    assert len(borders) > 300
    for line in rings + borders:
        assert all(abs(lng) <= 180 and abs(lat) < 86 for lng, lat in line)


def test_land_is_land_and_sea_is_sea(kept: dict[str, Any]):
    rings = lines(kept, "land")
    found = {place: is_land(rings, lng, lat) for place, (lng, lat, _) in PLACES.items()}
    assert found == {place: land for place, (_, _, land) in PLACES.items()}


def test_the_licence_lies_beside_them():
    assert "public domain" in (FOLDER / "land.LICENSE.txt").read_text()


def world(*arcs: Line, countries: list[list[list[int]]], land: list[list[int]]) -> dict[str, Any]:
    """Return a topology, with its coordinates in tenths of a degree."""
    steps = [
        [[round(x2 - x1), round(y2 - y1)] for (x1, y1), (x2, y2) in pairwise([(0, 0), *arc])]
        for arc in arcs
    ]
    polygons = [{"type": "Polygon", "arcs": rings} for rings in countries]
    return {
        "transform": {"scale": [0.1, 0.1], "translate": [0, 0]},
        "objects": {
            "countries": {"geometries": polygons},
            "land": {"geometries": [{"type": "MultiPolygon", "arcs": [[ring] for ring in land]}]},
        },
        "arcs": steps,
    }


def test_two_countries_are_one_land_with_a_border():
    west = [(50, 0), (0, 0), (0, 51), (0, 100), (50, 100)]  # the third point is no bend
    east = [(50, 100), (100, 100), (100, 0), (50, 0)]
    middle = [(50, 0), (51, 50), (50, 100)]  # a bend of 0.5 square degrees
    topology = world(west, east, middle, countries=[[[0, ~2]], [[1, 2]]], land=[[0, 1]])
    result = simplified(topology, step=0.5, smallest=1)
    [ring] = lines(result, "land")
    assert set(ring) == {(0, 0), (0, 10), (5, 10), (10, 10), (10, 0), (5, 0)}
    assert lines(result, "borders") == [[(5, 0), (5, 10)]]


def test_an_island_on_the_antimeridian_is_cut_in_two():
    island = [(1700, 0), (1700, 100), (-1700, 100), (-1700, 0), (1700, 0)]
    result = simplified(world(island, countries=[[[0]]], land=[[0]]), step=1, smallest=1)
    sides = [sorted(set(ring)) for ring in lines(result, "land")]
    assert sides == [
        [(-180, 0), (-180, 10), (-170, 0), (-170, 10)],
        [(170, 0), (170, 10), (180, 0), (180, 10)],
    ]


def test_an_island_is_kept_as_a_triangle_and_a_rock_is_not():
    island = [(0, 0), (0, 4), (2, 5), (4, 4), (4, 0), (0, 0)]
    rock = [(90, 0), (90, 1), (91, 1), (90, 0)]
    topology = world(island, rock, countries=[[[0]], [[1]]], land=[[0], [1]])
    [ring] = lines(simplified(topology, step=0.1, smallest=0.2), "land")
    assert len(ring) == 4
