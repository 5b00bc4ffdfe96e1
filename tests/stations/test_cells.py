"""Clusters from cells are those of a scan of the table, whatever happens to it."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from random import Random

import psycopg2
import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from stationsapp.database import read
from stationsapp.extensions import db
from stationsapp.stations import geo, search
from stationsapp.stations.feeds import Record
from stationsapp.stations.importer import import_records
from stationsapp.stations.recount import recount
from stationsapp.stations.search import Filters, statements
from stationsapp.stations.search.filters import sides

# What is many in the database's functions, made few; and a shard of the data version for each.
SMALL = {
    r":= 1000\b": ":= 6",
    r"\* 256\b": "* 3",
    r"count >= 128\b": "count >= 3",
    r"pg_backend_pid\(\) % 32": "pg_backend_pid()",
}
FUNCTIONS = """
SELECT pg_get_functiondef(oid) FROM pg_proc
WHERE pronamespace = 'public'::regnamespace AND prosrc ~ 'station_(cells|versions)'
"""


@pytest.fixture(scope="module")
def application(application: Flask) -> Iterator[Flask]:
    """The application on a database where what happens in large tables happens in small ones."""
    with application.app_context(), db.engine.begin() as connection:
        functions = list(connection.exec_driver_sql(FUNCTIONS).scalars())
        changed = functions
        for old, new in SMALL.items():
            assert any(re.search(old, function) for function in functions)
            changed = [re.sub(old, new, function) for function in changed]
        define(connection, changed)
    yield application
    with application.app_context(), db.engine.begin() as connection:
        define(connection, functions)


def define(connection: Connection, functions: list[str]) -> None:
    for function in functions:
        connection.connection.cursor().execute(function)


PARIS = (2.35, 48.85)
VIEWS = [
    ((-180.0, -90.0, 180.0, 90.0), 0),
    ((-180.0, -90.0, 180.0, 90.0), 3),
    ((170.0, -60.0, -170.0, 60.0), 4),
    ((-5.0, 40.0, 10.0, 52.0), 6),
    ((1.9, 48.4, 2.7, 49.1), 11),
    ((2.3495, 48.845, 2.36, 48.8505), 16),
    ((0.0, 0.0, 0.0, 0.0), 20),
]
COLUMNS = ["x", "y", "count", "mean_lat", "mean_lng", *geo.SIDES, "id"]


def assert_exact(connection: Connection) -> None:
    """Compare clusters with a scan, in this transaction. The means are rounded to a millimetre.

    And the ranges of ids must contain those of all stations in the box.
    """
    for bbox, zoom in VIEWS:
        boxes = geo.parts(bbox)
        condition, parameters = Filters(bbox).condition()
        found = rows(connection, search.cells.of_boxes(len(boxes)), bbox, zoom, sides(boxes))
        scanned = rows(
            connection,
            statements.cells(f"SELECT * FROM stations WHERE {condition}"),
            bbox,
            zoom,
            parameters,
        )
        missed = connection.exec_driver_sql(
            f"""SELECT count(*) FROM stations WHERE {condition} AND NOT EXISTS (
                SELECT FROM ({search.cells.id_ranges(len(boxes))}) AS ranges
                WHERE id BETWEEN first AND last)""",
            parameters | sides(boxes) | {"after": 0},
        )
        assert missed.scalar_one() == 0
        assert len(found) == len(scanned)
        for one, other in zip(found, scanned, strict=True):
            assert one == pytest.approx(other, abs=2e-8)


def rows(
    connection: Connection, cells: str, bbox: geo.Box, zoom: int, parameters: dict[str, float]
) -> list[tuple[float, ...]]:
    query = f"SELECT {', '.join(COLUMNS)} FROM ({statements.clusters(cells)}) AS found"
    parameters |= search._grid(bbox, zoom)
    found = connection.exec_driver_sql(f"{query} ORDER BY y, x", parameters)
    return [tuple(value or 0 for value in row) for row in found]


NEAR = [0.0, 1e-7, 3e-4, -3e-4, 0.01, 0.3, -0.3, 3.0]
lngs = st.sampled_from([-180.0, 180.0, 0.0, -0.0, 179.99]) | st.sampled_from(NEAR).map(
    lambda degrees: PARIS[0] + degrees
)
lats = st.sampled_from([-90.0, 90.0, 0.0, -1e-20]) | st.sampled_from(NEAR).map(
    lambda degrees: PARIS[1] + degrees
)
places = st.tuples(lats, lngs)
codes = st.integers(1, 12)
INSERT = """
INSERT INTO stations (source, code, name, lat, lng)
SELECT 's', code, 'n', lat, lng FROM unnest(%s::text[], %s::float8[], %s::float8[])
    AS new (code, lat, lng)
ON CONFLICT (source, code) DO UPDATE SET lat = excluded.lat, lng = excluded.lng
"""
# What may happen to the table: a statement and its parameters.
steps = st.one_of(
    st.lists(st.tuples(codes, places), min_size=1, max_size=12, unique_by=lambda new: new[0]).map(
        lambda new: (
            INSERT,
            ([str(code) for code, _ in new], [at[0] for _, at in new], [at[1] for _, at in new]),
        )
    ),
    st.lists(codes, max_size=12).map(
        lambda gone: ("DELETE FROM stations WHERE code = ANY (%s)", ([str(code) for code in gone],))
    ),
    st.tuples(codes, places).map(
        lambda moved: (
            "UPDATE stations SET lat = %s, lng = %s WHERE code::integer >= %s",
            (*moved[1], moved[0]),
        )
    ),
    st.tuples(codes, places).map(
        lambda moved: (
            "WITH gone AS (DELETE FROM stations WHERE code::integer < %s) "
            "UPDATE stations SET lat = %s, lng = %s WHERE code::integer >= %s",
            (moved[0], *moved[1], moved[0]),
        )
    ),
    st.sampled_from(
        [
            ("UPDATE stations SET id = id + 1000, name = 'renamed'", ()),
            ("UPDATE stations SET lat = -lat WHERE code < '5'", ()),
            ("WITH gone AS (DELETE FROM stations WHERE code < '3') " + INSERT % (
                "ARRAY['7', '8', '9', '90', '91', '92']", "ARRAY[1, 2, 3, 4, 4, 4]",
                "ARRAY[2.1, 2.2, 2.3, 2.3, 2.3, 2.3]"), ()),
            ("TRUNCATE stations", ()),
            ("SAVEPOINT a", ()),
            ("ROLLBACK TO a", ()),
            ("COMMIT; BEGIN", ()),
            ("ROLLBACK; BEGIN", ()),
            ("COMMIT; BEGIN ISOLATION LEVEL SERIALIZABLE", ()),
        ]
    ),
)  # fmt: skip


@given(st.lists(steps, max_size=12))
@settings(max_examples=25)
def test_clusters_are_those_of_a_scan_after_any_changes(app: Flask, steps):
    with closing(db.engine.raw_connection()) as connection:
        cursor = connection.cursor()
        cursor.execute("TRUNCATE stations RESTART IDENTITY; COMMIT; BEGIN; SAVEPOINT a")
        for statement, parameters in steps:
            try:
                cursor.execute(statement, parameters)
            except psycopg2.errors.InvalidSavepointSpecification:
                cursor.execute("ROLLBACK; BEGIN")
        cursor.execute("COMMIT")
    with db.engine.begin() as connection:
        assert_exact(connection)
    assert recount()[1] == 0
    with db.engine.begin() as connection:
        assert_exact(connection)


def station(number: int, **changes: object) -> Record:
    place = {"lat": PARIS[1] + number % 7 / 1e4, "lng": PARIS[0] + number % 5 / 1e4}
    return Record(2, str(number), "n", **place, properties={})._replace(**changes)


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ"])
def test_a_long_transaction_holds_up_nobody_and_counts_when_it_ends(
    app: Flask, writer: FlaskClient, isolation: str
):
    import_records("s", [station(number) for number in range(40)])
    with db.engine.begin() as connection:
        query = "SELECT id FROM stations WHERE code = '2'"
        address = f"/api/stations/{connection.exec_driver_sql(query).scalar_one()}"

    def move() -> None:
        for lat in range(10):  # of the same cells
            answer = writer.patch(address, json={"lat": lat, "lng": 2.35})
            assert answer.status_code == 200

    with db.engine.connect().execution_options(isolation_level=isolation) as long:
        assert_exact(long)
        move()
        long.exec_driver_sql("UPDATE stations SET lat = lat + 1e-5, lng = -lng WHERE code <> '2'")
        move()
        assert_exact(long)
        with db.engine.begin() as connection:
            assert_exact(connection)
        long.commit()
    with db.engine.begin() as connection:
        assert_exact(connection)
    assert recount()[1] == 0


def write(app: Flask, seed: int) -> None:
    """Insert, move and delete stations, some of them again, and roll some of that back."""
    random = Random(seed)
    with app.app_context():
        for _ in range(8):
            some = random.sample(range(60), random.choice([1, 2, 12]))
            records = [station(n, lat=48 + random.random() / 1e3) for n in some]
            import_records(f"s{seed % 2}", records, prune=True, force=True)
            with db.engine.connect() as connection:
                connection.exec_driver_sql(
                    "UPDATE stations SET lng = lng + 0.0001 WHERE code = %s", (str(some[0]),)
                )
                if random.random() < 0.7:
                    connection.commit()


def test_clusters_are_those_of_a_scan_at_each_moment_among_writers(app: Flask):
    moments = db.engine.connect().execution_options(isolation_level="REPEATABLE READ")
    with ThreadPoolExecutor() as pool, moments as connection:
        writers = [pool.submit(write, app, seed) for seed in range(4)]
        recounts = 0
        while not all(writer.done() for writer in writers):
            assert_exact(connection)
            connection.rollback()
            recounts += 1
            assert recount()[1] == 0
        assert [writer.result() for writer in writers] == [None] * 4
    assert recount()[1] == 0


def test_readers_never_have_many_changes_to_add(app: Flask):
    """One in 3 changes adds all to the cells here (see SMALL), so a statement of 4 always does."""
    with db.engine.begin() as connection:
        for number in range(40):
            connection.exec_driver_sql(
                "INSERT INTO stations (source, code, name, lat, lng) "
                "SELECT 's', code, 'n', 0, 0 FROM generate_series(%s, %s) AS code",
                (4 * number, 4 * number + 3),
            )
            count = connection.exec_driver_sql("SELECT count(*) FROM station_changes")
            assert count.scalar_one() == 0


def test_nothing_is_counted_of_an_import_that_is_killed(app: Flask, database_url: str):
    import_records("s", [station(number) for number in range(9)])
    with closing(psycopg2.connect(database_url)) as killed:
        killed.cursor().execute("UPDATE stations SET lat = 0")  # many: it adds them itself
        with db.engine.begin() as connection:
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(%s)", (killed.info.backend_pid,)
            )
            assert_exact(connection)
    assert recount()[1] == 0


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ"])
@pytest.mark.parametrize("count", [1, 9])  # which is noted, or added to the cells
def test_truncating_removes_what_others_have_added_since_the_snapshot(
    app: Flask, isolation: str, count: int
):
    with db.engine.connect().execution_options(isolation_level=isolation) as connection:
        assert_exact(connection)
        import_records("s", [station(number) for number in range(count)])
        connection.exec_driver_sql("TRUNCATE stations")
        connection.commit()
        assert_exact(connection)
    assert recount() == (0, 0)


WAITING = """
SELECT EXISTS (
    SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
)
"""


def test_a_recount_waits_for_whoever_empties_the_table(app: Flask):
    def counted() -> tuple[int, int]:
        with app.app_context():
            return recount()

    import_records("s", [station(number) for number in range(9)])
    with ThreadPoolExecutor() as pool, db.engine.connect() as other:
        other.exec_driver_sql("TRUNCATE stations")
        counting = pool.submit(counted)
        while not (counting.done() or read(WAITING)[0]["exists"]):
            pass
        other.commit()
        assert counting.result() == (0, 0)


def test_a_cell_that_an_import_prunes_and_moves_empty_has_no_row_left(app: Flask):
    import_records("s", [station(number, lat=0) for number in range(40)])
    moved = [station(number, lat=50) for number in range(20)]
    import_records("s", moved, prune=True, force=True)
    with db.engine.begin() as connection:
        empty = connection.exec_driver_sql("SELECT count(*) FROM station_cells WHERE count = 0")
        assert empty.scalar_one() == 0
    assert recount()[1] == 0


@pytest.mark.parametrize(("gone", "left"), [((52.5, 2.0), (51.9, 2.0)), ((45.5, 2.0), (80.0, 9.0))])
def test_a_statement_that_is_counted_in_part_is_exact(
    app: Flask, gone: tuple[float, float], left: tuple[float, float]
):
    """It moves many, which are added to the cells, and deletes one, which is noted."""
    places = [gone, left, *[gone] * 8]
    import_records(
        "s", [station(number, lat=lat, lng=lng) for number, (lat, lng) in enumerate(places)]
    )
    with db.engine.begin() as connection:
        connection.exec_driver_sql("SELECT setseed(0.1)")
        connection.exec_driver_sql(
            "WITH gone AS (DELETE FROM stations WHERE code = '0') "
            "UPDATE stations SET lat = -10 WHERE code::integer > 1"
        )
        noted = connection.exec_driver_sql("SELECT count(*) FROM station_changes")
        assert noted.scalar_one() == 1
        assert_exact(connection)
    assert recount()[1] == 0


def test_a_recount_tells_how_many_cells_were_wrong_and_makes_them_right(app: Flask):
    import_records("s", [station(number) for number in range(40)])
    right = recount_output(app)
    assert re.fullmatch(r"\d+ cells recounted, 0 of them wrong\n", right)
    with db.engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")  # no triggers
        connection.exec_driver_sql("DELETE FROM stations WHERE code = '3'")
    assert re.fullmatch(r"\d+ cells recounted, [1-9]\d* of them wrong\n", recount_output(app))
    assert recount_output(app) == right
    with db.engine.begin() as connection:
        assert_exact(connection)


def recount_output(app: Flask) -> str:
    return app.test_cli_runner().invoke(args=["stations", "recount"]).output
