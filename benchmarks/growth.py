"""Measurements as the table grows, for each power of ten."""

import time
from pathlib import Path
from statistics import median

import click

from stationsapp.database import read
from stationsapp.extensions import db
from stationsapp.stations.sample import SAMPLE

from . import commands, data
from .subjects import FAR_SOURCE, Query, places, subjects, views, words

FEWEST = 1_000  # stations to measure with
SMALLEST = 10_000  # of the sizes on the way
MOST_COPIED = 1_000_000  # stations: beyond, a COPY into a table takes too long
FEW = 5  # queries of a kind, right after the load
FIRST = "first"  # the source of the first load
FEED_ORDER = "length(code), code"  # an import writes by place, which COPY would profit from

Costs = dict[str, float]


def sizes(stations: int) -> list[int]:
    """Return the powers of ten below this number of stations, and the number itself."""
    steps = [min(SMALLEST, stations)]
    while steps[-1] < stations:
        steps.append(min(steps[-1] * 10, stations))
    return steps


def grow(size: int, folder: Path) -> Costs:
    """Fill the empty table with this number of generated stations; return all measurements."""
    data.write(folder / "first.csv", size, seed=size)
    return fill(str(folder / "first.csv"), folder)


def fill(feed: str, folder: Path) -> Costs:
    """Import a feed into the empty table and then a tenth more; return all measurements.

    Raises ClickException if the feed can't be read or has too few stations.
    """
    if not _count():
        commands.stations("import", str(SAMPLE))
    early = _queries()
    _first(early)  # as on a running server, whose connections have prepared their statements
    with db.engine.begin() as connection:
        connection.exec_driver_sql("TRUNCATE stations RESTART IDENTITY")
    loaded = commands.stations("import", feed, "--source", FIRST)
    if (count := _count()) < FEWEST:
        raise click.ClickException(f"expected at least {FEWEST:,} stations, got {count:,}")
    first, connecting = _first(early), _connecting(early)
    exported = commands.stations("export", str(folder / "exported.csv"), "--source", FIRST)
    more = folder / "more.csv"
    data.write(more, max(count // 10, 1), seed=count, south=True)
    added = commands.stations("import", str(more), "--source", FAR_SOURCE)
    shares = _shares(loaded, added, exported, folder, copied_in=count <= MOST_COPIED)
    with db.engines["read"].connect() as connection:  # what autovacuum would do a minute later
        connection.exec_driver_sql("VACUUM ANALYZE stations")
    later, connecting_later = _first(early), _connecting(early)
    return {
        "first load, rows/s": count / loaded.seconds,
        "first load, MB of memory": loaded.megabytes,
        "a tenth more, rows/s": (_count() - count) / added.seconds,
        "export, MB of memory": exported.megabytes,
        **shares,
        **{f"{name}, ms": _milliseconds(queries) for name, queries in _queries().items()},
        **{f"{name}, first, times later": first[name] / cost for name, cost in later.items()},
        "new connections, first, times later": max(
            connecting[name] / cost for name, cost in connecting_later.items()
        ),
    }


def _shares(
    loaded: commands.Run,
    added: commands.Run,
    exported: commands.Run,
    folder: Path,
    *,
    copied_in: bool,
) -> Costs:
    """Compare the commands with a COPY of the same rows."""
    first, more = folder / "first.copy", folder / "more.copy"
    shares = {"export, share of COPY": commands.copy_out(FIRST, first) / exported.seconds}
    if copied_in:
        commands.copy_out(FIRST, first, FEED_ORDER)
        commands.copy_out(FAR_SOURCE, more, FEED_ORDER)
        first_in, more_in = commands.copies_in([first, more])
        shares["first load, share of COPY"] = first_in / loaded.seconds
        shares["a tenth more, share of COPY"] = more_in / added.seconds
    return shares


def _count() -> int:
    return int(read("SELECT count(*) FROM stations")[0]["count"])


def _queries() -> dict[str, list[Query]]:
    measured = {subject.name: subject.queries for subject in subjects() if not subject.etag}
    return measured | places() | views() | words()


def _first(queries: dict[str, list[Query]]) -> Costs:
    """Return the time of the first queries of each kind."""
    return {name: _milliseconds(found[:FEW]) for name, found in queries.items()}


def _connecting(queries: dict[str, list[Query]]) -> Costs:
    """Return the time of a query of each kind on a new connection, which prepares and plans it."""
    return {name: median(_alone(query) for query in found[:FEW]) for name, found in queries.items()}


def _alone(query: Query) -> float:
    db.engines["read"].dispose()
    read("SELECT 1")  # connects
    return _milliseconds([query])


def _milliseconds(queries: list[Query]) -> float:
    """Return the median time of a query, including fetching its rows."""
    times = []
    for query in queries:
        start = time.perf_counter()
        query()
        times.append(time.perf_counter() - start)
    return 1e3 * median(times)
