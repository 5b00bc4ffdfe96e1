"""Measurements as the table grows, for each power of ten."""

import time
from pathlib import Path
from statistics import median

import click

from stationsapp.database import read
from stationsapp.extensions import db

from . import commands, data
from .subjects import Query, places, subjects, views, words

FEWEST = 1_000  # stations to measure with
SMALLEST = 10_000  # of the sizes on the way

Costs = dict[str, float]


def sizes(stations: int) -> list[int]:
    """Return the powers of ten below this number of stations, and the number itself."""
    steps = [min(SMALLEST, stations)]
    while steps[-1] < stations:
        steps.append(min(steps[-1] * 10, stations))
    return steps


def grow(size: int, folder: Path) -> Costs:
    """Fill the table with generated stations up to a size, and return all measurements."""
    data.write(folder / "stations.csv", size - _count(), seed=size)
    return fill(str(folder / "stations.csv"), f"up to {size}", folder)


def fill(feed: str, source: str, folder: Path) -> Costs:
    """Import a feed, and return measurements of the import, of COPY, and of the queries after it.

    Raises ClickException if the feed can't be read or has too few stations.
    """
    startup = commands.stations("import", "--help").seconds
    imported = commands.stations("import", feed, "--source", source)
    rows = read("SELECT count(*) FROM stations WHERE source = %(s)s", {"s": source})[0]["count"]
    if (count := _count()) < FEWEST:
        raise click.ClickException(f"expected at least {FEWEST:,} stations, got {count:,}")
    first = {name: _milliseconds(queries[:1]) for name, queries in _queries().items()}
    exported = commands.stations("export", str(folder / "exported.csv"), "--source", source)
    copied_out, copied_in = commands.copy(source, folder / "copied")
    with db.engines["read"].connect() as connection:  # what autovacuum would do a minute later
        connection.exec_driver_sql("VACUUM ANALYZE stations")
    return {
        "import, rows/s": rows / (imported.seconds - startup),
        "import, share of COPY": copied_in / imported.seconds,
        "import, MB of memory": imported.megabytes,
        "export, share of COPY": copied_out / exported.seconds,
        "export, MB of memory": exported.megabytes,
        **{f"{name}, ms": _milliseconds(queries) for name, queries in _queries().items()},
        **{f"{name}, first after the import, ms": cost for name, cost in first.items()},
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
