"""Write the land that the map shows without a base map, from Natural Earth's countries.

    python tools/land.py countries-10m.json

reads a file of the npm package world-atlas, which is Natural Earth as TopoJSON, and writes two
files in the same format: `land-coarse.json` for the whole world, `land-fine.json` for a closer
look. `make land` fetches the package and does it.

In world-atlas each coast, and each border between two countries, is one line: an "arc". The land is
rings of arcs, on a sphere: they go on beyond 180 degrees, and around a pole. Here they are cut, so
that each ring lies on the flat map, and a ring or a border is one arc.

The format: https://github.com/topojson/topojson-specification
"""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heappush
from itertools import accumulate, groupby, pairwise
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "stationsapp/stations/pages/static"
# The step of the coordinates in degrees, and the smallest bend of a line that is kept, in square
# degrees. An island of a tenth of that is kept as a triangle.
LEVELS = {"coarse": (0.1, 0.08), "fine": (0.02, 0.003)}
POLE = 85.06  # degrees, just beyond where the map ends

Point = tuple[float, float]  # longitude and latitude
Line = list[Point]


def main(source: str) -> None:
    """Write both files."""
    topology = json.loads(Path(source).read_text())
    for level, (step, smallest) in LEVELS.items():
        text = json.dumps(simplified(topology, step, smallest), separators=(",", ":"))
        (FOLDER / f"land-{level}.json").write_text(f"{text}\n")


def simplified(topology: dict[str, Any], step: float, smallest: float) -> dict[str, Any]:
    """Return the land and the borders of a topology, with fewer and rounder points."""
    arcs = [simpler(line, smallest) for line in lines(topology)]
    written: list[list[list[int]]] = []

    def write(line: Line) -> list[int]:
        ways = ([x2 - x1, y2 - y1] for (x1, y1), (x2, y2) in pairwise([(0, 0), *line]))
        written.append([[int(x), int(y)] for x, y in ways])
        return [len(written) - 1]

    [land] = topology["objects"]["land"]["geometries"]
    coasts = []
    for polygon in polygons(land):
        for rings in on_the_map([joined(ring, arcs) for ring in polygon]):
            flat = [rounded(ring, step) for ring in rings]
            large = [write(ring) for ring in flat if area(ring) * step**2 >= smallest / 10]
            coasts += [large] if large else []
    countries = topology["objects"]["countries"]
    borders = [write(rounded(arcs[arc], step)) for arc in shared(countries)]
    return {
        "type": "Topology",
        "transform": {"scale": [step, step], "translate": [0, 0]},
        "objects": {
            "land": {"type": "MultiPolygon", "arcs": coasts},
            "borders": {"type": "MultiLineString", "arcs": borders},
        },
        "arcs": written,
    }


def lines(topology: dict[str, Any]) -> Iterator[Line]:
    """Yield the arcs of a topology."""
    scale, origin = topology["transform"]["scale"], topology["transform"]["translate"]
    for arc in topology["arcs"]:
        xs, ys = (accumulate(axis) for axis in zip(*arc, strict=True))
        yield unrolled(
            (origin[0] + scale[0] * x, origin[1] + scale[1] * y)
            for x, y in zip(xs, ys, strict=True)
        )


def rounded(line: Line, step: float) -> Line:
    """Return a line in whole steps, without repeated points."""
    points = ((round(lng / step), round(lat / step)) for lng, lat in line)
    return [point for point, _ in groupby(points)]


def polygons(geometry: dict[str, Any]) -> list[list[list[int]]]:
    """Return the polygons of a geometry: each is a list of rings, and a ring one of arcs."""
    arcs: list[Any] = geometry["arcs"]
    return arcs if geometry["type"] == "MultiPolygon" else [arcs]


def shared(countries: dict[str, Any]) -> list[int]:
    """Return the arcs that two countries have in common."""
    uses = Counter(
        max(arc, ~arc)
        for country in countries["geometries"]
        for polygon in polygons(country)
        for ring in polygon
        for arc in ring
    )
    return sorted(arc for arc, count in uses.items() if count > 1)


def joined(ring: list[int], arcs: list[Line]) -> Line:
    """Return the points of a ring. In TopoJSON `~n` is the arc `n` from its end to its start."""
    parts = (arcs[arc] if arc >= 0 else arcs[~arc][::-1] for arc in ring)
    return unrolled(point for part in parts for point in part)


def unrolled(line: Iterable[Point]) -> Line:
    """Let a line go on beyond 180 degrees rather than start again at -180."""
    found: Line = []
    for lng, lat in line:
        turns = round((lng - found[-1][0]) / 360) if found else 0
        found.append((lng - 360 * turns, lat))
    return found


def on_the_map(polygon: list[Line]) -> Iterator[list[Line]]:
    """Yield a polygon's parts between -180 and 180 degrees."""
    for ring in polygon:
        (start, _), (end, lat) = ring[0], ring[-1]
        if abs(end - start) > 180:  # around a pole
            pole = POLE if lat > 0 else -POLE
            ring += [(end, pole), (start, pole), ring[0]]
    for turn in (-360, 0, 360):
        moved = [[(lng + turn, lat) for lng, lat in ring] for ring in polygon]
        parts = [cut(cut(ring, 180, 1), -180, -1) for ring in moved]
        if any(parts):
            yield [part for part in parts if part]


def cut(ring: Line, limit: float, sign: int) -> Line:
    """Cut off what of a ring lies east of a longitude, or west of it where `sign` is -1."""
    kept: Line = []
    for (lng1, lat1), (lng2, lat2) in pairwise(ring):
        inside1, inside2 = (lng1 - limit) * sign <= 0, (lng2 - limit) * sign <= 0
        if inside1:
            kept.append((lng1, lat1))
        if inside1 != inside2:
            part = (limit - lng1) / (lng2 - lng1)
            kept.append((limit, lat1 + part * (lat2 - lat1)))
    return [*kept, *kept[:1]]


def area(ring: Line) -> float:
    """Return the area of a ring in square degrees."""
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairwise(ring))) / 2


def simpler(line: Line, smallest: float) -> Line:
    """Leave out the points where a line bends least (Visvalingam's algorithm).

    A bend is the area of the triangle of a point and its neighbours. The ends of the line stay, and
    of a closed one a triangle.
    """
    before, after = list(range(-1, len(line) - 1)), list(range(1, len(line) + 1))

    def bend(index: int) -> float:
        triangle = [line[before[index]], line[index], line[after[index]]]
        return area([*triangle, triangle[0]])

    bends = {index: bend(index) for index in range(1, len(line) - 1)}
    queue = [(size, index) for index, size in bends.items()]
    heapify(queue)
    fewest = 2 if line[0] == line[-1] else 0
    while len(bends) > fewest and queue[0][0] < smallest:
        size, index = heappop(queue)
        if bends.get(index) != size:
            continue  # it has other neighbours by now
        del bends[index]
        after[before[index]], before[after[index]] = after[index], before[index]
        for neighbour in (before[index], after[index]):
            if neighbour in bends:
                bends[neighbour] = max(bend(neighbour), size)
                heappush(queue, (bends[neighbour], neighbour))
    return [line[index] for index in sorted({0, len(line) - 1, *bends})]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
