"""Measurements as the table grows, for each power of ten."""

import time
from pathlib import Path
from statistics import median

import click

from stationsapp.database import read
from stationsapp.extensions import db

from . import commands, data
from .subjects import FAR_SOURCE, Query, places, subjects, views, words

FEWEST = 1_000  # stations to measure with
SMALLEST = 10_000  # of the sizes on the way
FIRST = "first"  # the source of the first load

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
    with db.engine.begin() as connection:
        connection.exec_driver_sql("TRUNCATE stations")
    startup = commands.stations("import", "--help").seconds
    loaded = commands.stations("import", feed, "--source", FIRST)
    if (count := _count()) < FEWEST:
        raise click.ClickException(f"expected at least {FEWEST:,} stations, got {count:,}")
    first = {name: _milliseconds(queries[:1]) for name, queries in _queries().items()}
    exported = commands.stations("export", str(folder / "exported.csv"), "--source", FIRST)
    more = folder / "more.csv"
    data.write(more, max(count // 10, 1), seed=count, south=True)
    added = commands.stations("import", str(more), "--source", FAR_SOURCE)
    copies = commands.copies([FIRST, FAR_SOURCE], folder / "copied")
    with db.engines["read"].connect() as connection:  # what autovacuum would do a minute later
        connection.exec_driver_sql("VACUUM ANALYZE stations")
    return {
        "first load, rows/s": count / (loaded.seconds - startup),
        "first load, share of COPY": copies[0].into / loaded.seconds,
        "first load, MB of memory": loaded.megabytes,
        "a tenth more, rows/s": (_count() - count) / (added.seconds - startup),
        "a tenth more, share of COPY": copies[1].into / added.seconds,
        "export, share of COPY": copies[0].out / exported.seconds,
        "export, MB of memory": exported.megabytes,
        **{f"{name}, ms": _milliseconds(queries) for name, queries in _queries().items()},
        **{f"{name}, first after the load, ms": cost for name, cost in first.items()},
    }


def _count() -> int:
    return int(read("SELECT count(*) FROM stations")[0]["count"])


def _queries() -> dict[str, list[Query]]:
    measured = {subject.name: subject.queries for subject in subjects() if not subject.etag}
    return measured | places() | views() | words()


def _milliseconds(queries: list[Query]) -> float:
    """Return the median time of a query, including fetching its rows."""
    times = []
    for query in queries:
        start = time.perf_counter()
        query()
        times.append(time.perf_counter() - start)
    return 1e3 * median(times)
