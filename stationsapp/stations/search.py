"""The queries: SQL, no HTTP. Each is one statement on the read engine.

With its rows comes the data version that the statement saw; `StationVersion` says what that is.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import inf
from typing import Any, NamedTuple

from ..database import read, snapshot
from . import geo, sql
from .sql import COLUMNS

FIELDS = ("id", "source", "code", "name", "lat", "lng", "properties", "created_at", "updated_at")
NEIGHBOUR_FIELDS = (*FIELDS, "distance")

ONE = f"SELECT {COLUMNS} FROM stations WHERE id = %(id)s"
VERSION = "SELECT coalesce(sum(version), 0)::bigint AS version FROM station_versions"

BATCH = 1_000  # rows fetched at a time when all are asked for


class Filters(NamedTuple):
    """Which stations: in a box, of a source, with these words in the name; None for any.

    `bbox` is west, south, east, north in degrees; with west > east it crosses the antimeridian.
    """

    bbox: geo.Box | None = None
    source: str | None = None
    q: str | None = None


class Found(NamedTuple):
    """The rows of a query, and the data version that it saw."""

    version: int
    rows: list[dict[str, Any]]


def version() -> int:
    """Return the data version: it grows with every transaction that writes stations."""
    return int(read(VERSION, prepare=True)[0][0])


def one(station_id: int) -> dict[str, Any] | None:
    """Return the station of this id, or None."""
    rows = read(ONE, {"id": station_id}, prepare=True)
    return dict(zip(FIELDS, rows[0], strict=True)) if rows else None


def page(filters: Filters, limit: int, after: int = 0) -> Found:
    """Return up to `limit` stations whose id is greater than `after`, in the order of the ids.

    A page costs the same at any depth: it starts where the index says, it skips nothing.
    """
    bounds = {"after": after, "limit": limit}
    if filters.bbox and filters == Filters(filters.bbox):
        boxes = geo.parts(filters.bbox)
        return _found(sql.page_of_box(len(boxes)), "id", bounds | _sides(boxes), prepare=True)
    condition, parameters = where(filters)
    return _found(
        f"""SELECT {COLUMNS} FROM stations WHERE stations.id > %(after)s AND {condition}
            ORDER BY stations.id LIMIT %(limit)s""",
        "id",
        bounds | parameters,
        prepare=filters == Filters(),
    )


@contextmanager
def everything(filters: Filters) -> Iterator[tuple[int, Iterator[dict[str, Any]]]]:
    """Give the data version and all stations in the order of the ids, a batch at a time."""
    condition, parameters = where(filters)
    statement = f"SELECT {COLUMNS} FROM stations WHERE {condition} ORDER BY stations.id"
    with snapshot() as connection:
        seen = connection.exec_driver_sql(VERSION).one()
        batches = connection.execution_options(yield_per=BATCH)
        rows = batches.exec_driver_sql(statement, parameters)
        yield seen.version, (dict(zip(FIELDS, row, strict=True)) for row in rows)


def _found(
    statement: str,
    order: str,
    parameters: dict[str, Any],
    fields: Sequence[str] = FIELDS,
    *,
    prepare: bool = False,
) -> Found:
    """Run a query together with the data version, which comes even when nothing else does."""
    rows = read(
        f"""SELECT found.*, version FROM ({VERSION}) AS current
            LEFT JOIN ({statement}) AS found ON true ORDER BY {order}""",
        parameters,
        prepare=prepare,
    )
    nothing = rows[0][0] is None
    # The version comes last, where there is no field for it.
    return Found(
        rows[0][-1], [] if nothing else [dict(zip(fields, row, strict=False)) for row in rows]
    )


def where(filters: Filters) -> tuple[str, dict[str, Any]]:
    """Return the SQL condition for these filters, and the parameters that it refers to."""
    conditions = ["true"]
    parameters: dict[str, Any] = {}
    if filters.source is not None:
        conditions.append("source = %(source)s")
        parameters["source"] = filters.source
    if filters.q is not None:
        conditions.append("station_words(name) @@ station_query(%(q)s)")
        parameters["q"] = filters.q
    if filters.bbox is not None:
        boxes = geo.parts(filters.bbox)
        parts = [sql.in_box(box, i) for i, box in enumerate(boxes)]
        conditions.append(f"({' OR '.join(parts)})")
        parameters |= _sides(boxes)
    return " AND ".join(conditions), parameters


def _sides(boxes: list[geo.Box]) -> dict[str, float]:
    return {
        f"{side}{i}": degrees
        for i, box in enumerate(boxes)
        for side, degrees in zip(geo.SIDES, box, strict=True)
    }


def nearest(filters: Filters, lat: float, lng: float, limit: int, radius: float = inf) -> Found:
    """Return the `limit` nearest stations by great-circle distance, ties by id; exact everywhere.

    Degrees and metres in; each station comes with its `distance` in metres.
    """
    condition, parameters = where(filters)
    parameters |= {"lat": lat, "lng": lng, "limit": limit, "radius": radius}
    filtered = filters != Filters()
    statement = sql.nearest(condition, filtered=filtered)
    return _found(statement, "distance, id", parameters, NEIGHBOUR_FIELDS, prepare=not filtered)


CLUSTERS = 500  # at the most
CELL_FIELDS = ("count", "mean_lat", "mean_lng", *geo.SIDES, "x", "y", "first_id", *FIELDS)
CELLS_ACROSS_A_TILE = 4  # a map tile is 256 pixels wide, so a cell is 64


def clusters(bbox: geo.Box, zoom: int) -> Found:
    """Return the stations of a box gathered by the cells of a grid, at most `CLUSTERS` of them.

    Each row has the `count`, the mean position and the bounds of the stations in its cell; where
    there is one alone, that station's fields too. The grid depends on the zoom and the box's size
    alone, so that a cell holds the same stations wherever the map is moved to.
    """
    west, south, east, north = bbox
    width = east - west + 360 * (east < west)
    cell = 360 / 2**zoom / CELLS_ACROSS_A_TILE
    while (width / cell + 2) * ((north - south) / cell + 2) > CLUSTERS:
        cell *= 2
    condition, parameters = where(Filters(bbox))
    return _found(
        f"""
        WITH cells AS (
            SELECT count(*), avg(lat) AS mean_lat, avg(lng) AS mean_lng,
                min(lng) AS west, min(lat) AS south, max(lng) AS east, max(lat) AS north,
                floor((lng + 180) / %(cell)s) AS x, floor((lat + 90) / %(cell)s) AS y,
                min(id) AS first_id
            FROM stations WHERE {condition} GROUP BY x, y
        )
        SELECT cells.*, alone.* FROM cells LEFT JOIN LATERAL (
            SELECT {COLUMNS} FROM stations WHERE cells.count = 1 AND stations.id = first_id LIMIT 1
        ) AS alone ON true
        """,
        "y, x",
        {"cell": cell, **parameters},
        CELL_FIELDS,
    )
