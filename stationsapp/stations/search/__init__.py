"""The queries: SQL, without HTTP.

Filters become a condition with parameters, which is inserted into a statement. The statements that
need care to be planned well are in `statements`. Each query is one statement on the read engine. It
returns stations as rows, by the names of their columns, and the data version that it saw; see
`StationVersion`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from typing import Any, NamedTuple

from sqlalchemy import Connection, CursorResult

from ... import limits
from ...database import Row, read, snapshot
from .. import geo
from ..columns import NAME_ORDER, SELECT_LIST
from . import boxes, cells, far, statements, words
from .filters import LARGEST_ID as LARGEST_ID
from .filters import Filters as Filters
from .filters import Parameters, sides

ONE = f"SELECT {SELECT_LIST} FROM stations WHERE id = %(id)s"
VERSION = "SELECT coalesce(sum(version), 0)::bigint AS version FROM station_versions"

BATCH = 1_000  # rows fetched at a time when all are asked for


class Versioned(NamedTuple):
    """The rows of a query, and the data version that it saw."""

    version: int
    rows: list[Row]


class Page(NamedTuple):
    """A page of rows, the data version that was seen, and whether more rows follow."""

    version: int
    rows: list[Row]
    has_next: bool


def version() -> int:
    """Return the data version: it grows with every transaction that writes stations."""
    return int(read(VERSION, prepare=True)[0]["version"])


def one(station_id: int) -> Row | None:
    """Return the station of this id, or None."""
    if station_id > LARGEST_ID:
        return None
    return next(iter(read(ONE, {"id": station_id}, prepare=True, surely=True)), None)


def sources() -> list[str]:
    """Return the sources that have stations, sorted; at most `statements.SOURCES`."""
    return [row["source"] for row in read(statements.sources(), prepare=True)]


def extent() -> Row:
    """Return the `count` of the stations, bounds that contain them, and the last change, `latest`.

    The bounds are None without stations. `latest` is in seconds since 1970.
    """
    return read(cells.EXTENT, prepare=True)[0]


def property_types() -> list[Row]:
    """Return the names and types of properties, from the first stations of each source."""
    return read(statements.property_types(), prepare=True)


def page(filters: Filters, limit: int, after: int = 0) -> Page:
    """Return up to `limit` stations whose id is greater than `after`, sorted by id.

    A page takes the same time at any depth, because the index leads directly to its start.
    """
    statement, parameters = _all(filters, ordered=True, after="%(after)s", limit="%(limit)s")
    if filters.bbox and filters.q is None:
        statement = boxes.stations(filters, boxes.page(filters), "%(after)s", "%(limit)s")
        # Cells four times as wide as those of a map's finest grid are few, and narrow enough.
        parameters |= {"level": _grid(filters.bbox, cells.FINEST)["level"] - 2}
    parameters |= {"after": after}
    prepare = filters == Filters(filters.bbox, filters.source)
    return _page(statement, "id", parameters, limit, prepare=prepare)


def page_by_name(filters: Filters, limit: int, name: str = "", after: int = 0) -> Page:
    """Return up to `limit` stations, sorted by name and id.

    The page starts after the station of this name and id; `NAME_START` characters are enough.
    """
    of_source, _ = Filters(source=filters.source).condition()
    condition, _ = filters.condition()
    hits, parameters = _all(filters, ordered=False)
    indexed = filters == Filters(source=filters.source)
    statement = statements.page_by_name(of_source, condition, None if indexed else hits)
    parameters |= {"name": name, "after": after}
    return _page(statement, f"{NAME_ORDER}, id", parameters, limit)


def _page(
    statement: str, order: str, parameters: Parameters, limit: int, *, prepare: bool = False
) -> Page:
    # One row more than needed shows whether there is a next page, without counting.
    parameters |= {"limit": limit + 1}
    version, rows = _versioned(statement, order, parameters, prepare=prepare)
    return Page(version, rows[:limit], len(rows) > limit)


@contextmanager
def everything(filters: Filters) -> Iterator[tuple[int, Iterator[Row]]]:
    """Provide the data version and all stations, sorted by id, in batches."""
    statement, parameters = _all(filters, ordered=True)
    with snapshot() as connection:
        seen = connection.exec_driver_sql(VERSION).one()
        batches = connection.execution_options(yield_per=BATCH)
        rows = batches.exec_driver_sql(statement, parameters)
        yield seen.version, _in_batches(connection, rows)


def _in_batches(connection: Connection, rows: CursorResult[Any]) -> Iterator[Row]:
    names = list(rows.keys())
    for batch in rows.partitions(BATCH):  # without a size, there is only one batch
        limits.renew(connection)
        yield from (dict(zip(names, row, strict=True)) for row in batch)


def nearest(filters: Filters, lat: float, lng: float, limit: int, radius: float = inf) -> Versioned:
    """Return the `limit` nearest stations by great-circle distance, and by id if it is equal.

    The arguments are in degrees and metres. Each station has its `distance` in metres.
    """
    condition, parameters = filters.condition()
    parameters |= {"lat": lat, "lng": lng, "limit": limit, "radius": radius}
    if filters == Filters():
        found = _versioned(statements.NEAREST_AT_ONCE, "distance, id", parameters, prepare=True)
        if found.rows:
            return found._replace(rows=[row for row in found.rows if row["distance"] <= radius])
    if filters == Filters(source=filters.source):
        far_away = None if filters.source is None else far.of_source()
        # With coalesce, PostgreSQL uses no other index for the condition.
        statement = statements.nearest(f"coalesce({condition}, false)", far=far_away)
        return _versioned(statement, "distance, id", parameters, prepare=True)
    # In this order, the index leads to the stations of a source.
    fitting, _ = _all(filters, ordered=filters.source is not None)
    statement = statements.nearest(condition, fitting)
    return _versioned(statement, "distance, id", parameters)


CLUSTERS = 500  # at the most
# A map tile is 256 pixels wide, and 360 / 2 ** zoom degrees. So at a level of the same number as
# the zoom, a cell is 64 pixels wide.


def clusters(filters: Filters, zoom: int) -> Versioned:
    """Return stations grouped by the cells of a grid, at most `CLUSTERS` groups.

    Each row has the `count`, the mean position and the bounds of the stations in its cell. If the
    count is 1, it also has the station's columns. The grid depends only on the zoom and the size of
    the box, so a cell contains the same stations wherever the map is moved.
    """
    bbox = filters.bbox or geo.WORLD
    grid = _grid(bbox, zoom)
    if filters == Filters(filters.bbox):
        parts = geo.parts(bbox)
        statement = statements.clusters(cells.of_boxes(len(parts)))
        return _versioned(statement, "y, x", grid | sides(parts), prepare=True)
    fitting, parameters = _all(filters, ordered=False)
    statement = statements.clusters(statements.cells(fitting))
    return _versioned(statement, "y, x", grid | parameters)


def _grid(bbox: geo.Box, zoom: int) -> Parameters:
    """Return the level of the cells of a grid, as in `StationCell`, and their size, `cell`."""
    west, south, east, north = bbox
    width = east - west + 360 * (east < west)
    level, cell = zoom, 90 / 2**zoom
    while (width / cell + 2) * ((north - south) / cell + 2) > CLUSTERS:
        level, cell = level - 1, cell * 2
    return {"level": level, "cell": cell}


def _all(
    filters: Filters, *, ordered: bool, after: str = "0", limit: str = "ALL"
) -> tuple[str, Parameters]:
    """Return the query for all stations that match, and the parameters of the filters."""
    condition, parameters = filters.condition()
    if filters.q is not None:
        hits = words.stations(filters, after, limit)
        return boxes.stations(filters, hits, after, limit) if filters.bbox else hits, parameters
    if filters.bbox and not ordered:  # the index of the box may be better than that of a source
        return f"SELECT {SELECT_LIST} FROM stations WHERE {condition}", parameters
    ids, order = filters.between(after)
    inside, _ = filters._replace(source=None, q=None).condition()
    statement = f"SELECT {SELECT_LIST} FROM stations WHERE {ids} AND {inside}"
    if ordered:
        statement += f" ORDER BY {order} LIMIT {limit}"
    return statement, parameters


def _versioned(
    statement: str, order: str, parameters: Parameters, *, prepare: bool = False
) -> Versioned:
    """Run a statement together with the data version, which is returned even without any rows.

    The first column of the statement must not be null: without any rows, it is.
    """
    rows = read(
        f"""SELECT found.*, version FROM ({VERSION}) AS current
            LEFT JOIN ({statement}) AS found ON true ORDER BY {order}""",
        parameters,
        prepare=prepare,
    )
    version = rows[0]["version"]
    if next(iter(rows[0].values())) is None:
        return Versioned(version, [])
    for row in rows:
        del row["version"]
    return Versioned(version, rows)
