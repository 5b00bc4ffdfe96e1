"""Filters for stations, and the SQL condition that they become."""

from datetime import datetime
from typing import Any, NamedTuple

from .. import geo

Parameters = dict[str, Any]
"""The parameters of a statement. The sides of a box are numbered: west0, east1."""

LARGEST_ID = 2**63 - 1  # a bigint

# Square degrees. PostgreSQL estimates that any box contains a thousandth of the points, so it scans
# the index even if reading the table is faster. For plain numbers, it has statistics.
LARGE_BOX = 2_000


Interval = tuple[datetime | None, datetime | None]
"""The first and the last moment, or None for an open end."""


class Filters(NamedTuple):
    """Filters by a box, a source, words in the name, and time. None means all stations.

    `bbox` is west, south, east, north in degrees. If west > east, it crosses the antimeridian.
    `updated` is the time of the station's last change.
    """

    bbox: geo.Box | None = None
    source: str | None = None
    q: str | None = None
    updated: Interval | None = None

    @classmethod
    def of(cls, query: dict[str, Any]) -> "Filters":
        """Return the filters among the parameters of a request."""
        return cls(*map(query.get, cls._fields))

    def condition(self) -> tuple[str, Parameters]:
        """Return the SQL condition, and the parameters that it refers to.

        It uses no index for words, because it is for stations that another condition has found.
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
        since, until = self.updated or (None, None)
        if since is not None:
            conditions.append("updated_at >= %(since)s")
            parameters["since"] = since
        if until is not None:
            conditions.append("updated_at <= %(until)s")
            parameters["until"] = until
        return " AND ".join(conditions), parameters

    def between(self, after: str = "0", last: str = str(LARGEST_ID)) -> tuple[str, str]:
        """Return the condition for ids greater than `after` and up to `last`, and their order.

        PostgreSQL assumes that the stations of a source are spread evenly over the ids, and would
        read all ids before them. With a range of sources, only the index of the ids of each source
        has this order.
        """
        if self.source is None:
            return f"stations.id > {after} AND stations.id <= {last}", "stations.id"
        key, source = "(stations.source, stations.id)", "%(source)s"
        return f"{key} > ({source}, {after}) AND {key} <= ({source}, {last})", key[1:-1]


def sides(boxes: list[geo.Box]) -> Parameters:
    """Return the parameters of boxes."""
    return {
        f"{side}{i}": degrees
        for i, box in enumerate(boxes)
        for side, degrees in zip(geo.SIDES, box, strict=True)
    }


def sql_box(i: int) -> str:
    """Return the SQL for the box of this number."""
    return f"box(point(%(west{i})s, %(south{i})s), point(%(east{i})s, %(north{i})s))"


def _in_box(box: geo.Box, i: int) -> str:
    west, south, east, north = box
    if (east - west) * (north - south) < LARGE_BOX:
        return f"point(lng, lat) <@ {sql_box(i)}"
    latitudes = f"lat BETWEEN %(south{i})s AND %(north{i})s"
    if east - west == 360:
        return latitudes
    return f"lng BETWEEN %(west{i})s AND %(east{i})s AND {latitudes}"
