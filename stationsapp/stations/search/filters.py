"""Which stations: filters, and the SQL condition that they make."""

from typing import Any, NamedTuple

from .. import geo

Parameters = dict[str, Any]
"""What a statement's `%(name)s` stand for; the sides of a box have its number: west0, east1."""

# Square degrees. PostgreSQL takes any box to hold a thousandth of the points, and so scans the
# index where reading the table is faster; of plain numbers it has statistics.
LARGE_BOX = 2_000


class Filters(NamedTuple):
    """Which stations: in a box, of a source, with these words in the name; None for any.

    `bbox` is west, south, east, north in degrees; with west > east it crosses the antimeridian.
    """

    bbox: geo.Box | None = None
    source: str | None = None
    q: str | None = None

    def condition(self) -> tuple[str, Parameters]:
        """Return the SQL condition, and the parameters that it refers to.

        No index answers the words in it: it is for those stations that another condition finds.
        """
        conditions = ["true"]
        parameters: Parameters = {}
        if self.source is not None:
            conditions.append("source = %(source)s")
            parameters["source"] = self.source
        if self.q is not None:
            conditions.append("station_terms(name, 0) @@ station_search(%(q)s, 0)")
            parameters["q"] = self.q
        if self.bbox is not None:
            boxes = geo.parts(self.bbox)
            parts = [_in_box(box, i) for i, box in enumerate(boxes)]
            conditions.append(f"({' OR '.join(parts)})")
            parameters |= sides(boxes)
        return " AND ".join(conditions), parameters

    def start(self, after: str = "0") -> tuple[str, str]:
        """Return the condition for ids greater than `after`, and the order in which they come.

        PostgreSQL expects a source anywhere among the ids, and so would read all that come before
        it. As a range of sources and not one, only the index of the ids of a source has this order.
        """
        if self.source is None:
            return f"stations.id > {after}", "stations.id"
        start = f"(stations.source, stations.id) > (%(source)s, {after})"
        return f"{start} AND stations.source <= %(source)s", "stations.source, stations.id"


def sides(boxes: list[geo.Box]) -> Parameters:
    """Return the parameters of boxes."""
    return {
        f"{side}{i}": degrees
        for i, box in enumerate(boxes)
        for side, degrees in zip(geo.SIDES, box, strict=True)
    }


def sql_box(i: int) -> str:
    """Write the box of this number as PostgreSQL's type."""
    return f"box(point(%(west{i})s, %(south{i})s), point(%(east{i})s, %(north{i})s))"


def _in_box(box: geo.Box, i: int) -> str:
    west, south, east, north = box
    if (east - west) * (north - south) < LARGE_BOX:
        return f"point(lng, lat) <@ {sql_box(i)}"
    latitudes = f"lat BETWEEN %(south{i})s AND %(north{i})s"
    if east - west == 360:
        return latitudes
    return f"lng BETWEEN %(west{i})s AND %(east{i})s AND {latitudes}"
