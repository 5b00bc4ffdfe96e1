"""How a distribution's PostgreSQL runs the queries: users have that one, not the wheel's.

It compiles a statement that seems costly (JIT), which takes far longer than any of ours.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from clusters import Cluster
from flask import Flask
from flask_migrate import upgrade
from postgres import app_on
from sqlalchemy import text

from stationsapp import keeper
from stationsapp.extensions import db
from stationsapp.postgres import create_database
from stationsapp.stations import analysis, search
from stationsapp.stations.search import Filters

STATIONS = 60_000  # so many that `nearest` seems costly
FILL = """
INSERT INTO stations (source, code, name, lat, lng)
SELECT 'many', n, 'Station ' || n, n % 170 - 85, n / 170 - 180
FROM generate_series(:first, :last) AS n
"""
FILL_COUNTRIES = """
INSERT INTO stations (source, code, name, lat, lng, properties)
SELECT 'country ' || n / 500, n, 'Halte ' || n, 89, n / 500, '{"tracks": 2}'
FROM generate_series(0, 14999) AS n
"""
PLANS = {"session_preload_libraries": "auto_explain", "auto_explain.log_min_duration": "0"}
PLANS |= {"auto_explain.log_analyze": "on", "autovacuum": "off"}


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    newest = max(keeper.DISTRIBUTIONS.glob("*/bin"), default=None)
    if newest is None:
        pytest.skip("there is no distribution's PostgreSQL")
    cluster = Cluster(newest)
    cluster.make()
    cluster.configure("\n".join(f"{name} = {value}" for name, value in PLANS.items()))
    cluster.start()
    yield cluster
    cluster.remove()


@pytest.fixture(scope="module")
def application(server: Cluster) -> Iterator[Flask]:
    with app_on(server.url(database="planned")) as app:
        with app.app_context():
            create_database(app)
            upgrade()
            with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as few:
                few.execute(text(FILL), {"first": 1, "last": 3})
                few.execute(text("VACUUM ANALYZE stations, station_cells, station_changes"))
            for query in QUERIES.values():  # prepared, and planned for three stations
                query()
            with db.engine.begin() as connection:
                connection.execute(text(FILL), {"first": 4, "last": STATIONS})
                connection.execute(text(FILL_COUNTRIES))
            with db.engine.connect() as connection:
                analysis.renew(connection, STATIONS)
        yield app


READ_IN_VAIN = re.compile(r" on stations\b(?:(?!->).)*?Removed by Filter: (\d+)", re.DOTALL)
QUERIES = {
    "nearest": lambda: search.nearest(Filters(), 48, 2, 10),
    "nearest of a source": lambda: search.nearest(Filters(source="many"), 48, 2, 10),
    "nearest of a source without any": lambda: search.nearest(Filters(source="none"), 48, 2, 10),
    "box": lambda: search.page(Filters((2, 40, 9, 50)), 100),
    "box of many": lambda: search.page(Filters((-100, -80, 100, 80)), 100),
    "box of many, with high ids": lambda: search.page(Filters((100, -80, 170, 80)), 100),
    "last page of a box of many": lambda: search.page(Filters((-180, -90, 180, 90)), 100, 59_980),
    "box of a source": lambda: search.page(Filters((169, 40, 170, 50), "many"), 100),
    "large box of a source": lambda: search.page(Filters((100, -80, 170, 80), "many"), 100),
    "clusters of the world": lambda: search.clusters(Filters((-180, -85, 180, 85)), 2),
    "clusters of a city": lambda: search.clusters(Filters((-100, -80, -99, -79)), 11),
    "clusters of a source": lambda: search.clusters(Filters((-100, -80, -99, 80), "many"), 6),
    "clusters with a word": lambda: search.clusters(Filters((2, 40, 9, 50), q="30001"), 6),
    "clusters of a city with a word in all names": lambda: search.clusters(
        Filters((2, 40, 9, 50), q="station"), 6
    ),
    "nearest with a word": lambda: search.nearest(Filters(q="30001"), 48, 2, 10),
    "page": lambda: search.page(Filters(), 100, 30_000),
    "names": lambda: search.page_by_name(Filters(), 100, "Station 3"),
    "names of a source": lambda: search.page_by_name(Filters(source="many"), 100, "Station 3"),
    "names with a word": lambda: search.page_by_name(Filters(q="30001"), 100),
    "one": lambda: search.one(30_000),
    "source": lambda: search.page(Filters(source="many"), 100, 30_000),
    "source of a country": lambda: search.page(Filters(source="country 7"), 100),
    "word in all names": lambda: search.page(Filters(q="station"), 100),
    "word in no name": lambda: search.page(Filters(q="depot"), 100),
    "words of a source": lambda: search.page(Filters(source="many", q="station 59"), 100),
    "sources": search.sources,
    "property types": search.property_types,
}


def plans_of(query: Callable[[], object], application: Flask, server: Cluster) -> str:
    log = server.folder / "log"
    before = log.stat().st_size
    with application.app_context():
        assert query()
    return log.read_bytes()[before:].decode()


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_asks_the_indexes_and_is_not_compiled(
    application: Flask, server: Cluster, name: str
):
    plans = plans_of(QUERIES[name], application, server)
    assert re.search("Index (Only )?Scan using", plans)
    assert not re.search(r"Seq Scan on station(s|_cells)\b", plans)
    assert "JIT:" not in plans
    assert "Incremental Sort" not in plans  # with an index that has only the start of the order
    assert max(map(int, READ_IN_VAIN.findall(plans)), default=0) <= 1_000


def test_names_with_a_frequent_word_are_found_before_all_hits_are_read(
    application: Flask, server: Cluster
):
    query = partial(search.page_by_name, Filters(q="station"), 100, "Station 3")
    read = re.findall(
        r" on stations.*rows=(\d+) loops=(\d+)\)", plans_of(query, application, server)
    )
    assert 100 < sum(int(rows) * int(loops) for rows, loops in read) < 20_000
