"""What the work costs as the table grows, a power of ten at a time."""

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
    """Return the powers of ten on the way to so many stations, and that."""
    steps = [min(SMALLEST, stations)]
    while steps[-1] < stations:
        steps.append(min(steps[-1] * 10, stations))
    return steps


def grow(size: int, folder: Path) -> Costs:
    """Fill the table up to a size with stations made up, and return what everything costs."""
    data.write(folder / "stations.csv", size - _count(), seed=size)
    return fill(str(folder / "stations.csv"), f"up to {size}", folder)


def fill(feed: str, source: str, folder: Path) -> Costs:
    """Import a feed, and return what that costs, and the same by COPY, and the queries then.

    Raises ClickException for a feed that can't be read, or with too few stations.
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
    """Return the median time of a query and of taking its rows, one at a time."""
    times = []
    for query in queries:
        start = time.perf_counter()
        query()
        times.append(time.perf_counter() - start)
    return 1e3 * median(times)
