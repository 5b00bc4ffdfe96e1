"""Imports that build the indexes after the rows leave everything as it was, whatever happens."""

import pytest
from flask import Flask
from sqlalchemy import text

from stationsapp import limits
from stationsapp.extensions import db
from stationsapp.stations import bulk
from stationsapp.stations.feeds import Rejected
from stationsapp.stations.importer import import_records
from stationsapp.stations.recount import recount
from tests.stations.test_importer import in_threads, many, record, stored

CATALOG = """
SELECT indexdef FROM pg_indexes WHERE tablename = 'stations'
UNION ALL
SELECT conname || pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = 'stations'::regclass AND contype <> 'n'
UNION ALL
SELECT format('%s %s', tgname, tgenabled) FROM pg_trigger WHERE tgrelid = 'stations'::regclass
UNION ALL
SELECT objoid::regclass || description FROM pg_description WHERE classoid = 'pg_class'::regclass
UNION ALL
SELECT attrelid::regclass || attname FROM pg_attribute WHERE attstattarget >= 0
"""


@pytest.fixture(autouse=True)
def many_is_less(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bulk, "MANY", 10)


def scalars(query: str) -> list[object]:
    with db.engine.connect() as connection:
        return sorted(connection.scalars(text(query)))


def built(index: str = "ix_stations_name") -> object:
    """Return what is different after an index was built."""
    return scalars(f"SELECT oid FROM pg_class WHERE relname = '{index}'")


def test_an_empty_table_is_filled_and_then_indexed_as_before(app: Flask):
    before, index, codes = scalars(CATALOG), built(), built("uq_stations_source_code")
    assert import_records("s", [*many(20), record("S0", 30)]).added == 20
    assert built() != index
    assert built("uq_stations_source_code") != codes
    assert scalars(CATALOG) == before
    assert len(stored()) == 20
    assert recount()[1] == 0  # no cell was wrong


@pytest.mark.parametrize(
    ("stations", "added", "fast", "is_built"),
    [
        (0, 9, True, False),
        (0, 10, False, True),
        (1, 10, False, False),
        (14, 15, True, True),
        (15, 15, True, False),
    ],
)
def test_the_indexes_are_built_if_that_is_faster(
    app: Flask, stations: int, added: int, fast: bool, is_built: bool
):
    for i in range(stations):  # few at a time
        import_records(f"t{i}", many(1))
    index = built()
    for dry_run in (True, False):
        assert built() == index
        report = import_records("s", many(added), fast=fast, dry_run=dry_run)
        assert report.added == added
    assert (built() != index) == is_built
    assert scalars("SELECT count(*) FROM stations") == [stations + added]
    assert recount()[1] == 0


def test_what_is_there_is_updated_and_pruned_as_well(app: Flask):
    import_records("s", many(5))
    index = built()
    feed = [*many(4, name="New"), *(record(f"T{i}", 10 + i) for i in range(20))]
    report = import_records("s", feed, prune=True, fast=True)
    assert (report.added, report.renamed, report.pruned) == (20, 4, 1)
    assert built() != index
    assert len(stored()) == 24
    assert recount()[1] == 0


def test_a_table_in_use_is_not_locked(app: Flask, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "MIGRATION_SESSION", {"lock_timeout": "10ms"})
    index = built()
    with db.engine.begin() as reader:
        reader.execute(text("SELECT FROM stations"))
        assert import_records("s", many(20)).added == 20
    assert built() == index


def test_sources_that_are_the_first_at_the_same_time_are_all_loaded(app: Flask):
    reports = in_threads(app, ("s", many(1_000)), ("t", many(1_000)), ("u", many(1_000)))
    assert [report.added for report in reports] == [1_000] * 3
    assert recount()[1] == 0


def test_an_error_leaves_the_indexes_and_triggers(app: Flask):
    before = scalars(CATALOG)
    with (
        pytest.raises(ZeroDivisionError),
        db.engine.begin() as connection,
        bulk.indexes_afterwards(connection),
    ):
        raise ZeroDivisionError
    assert scalars(CATALOG) == before


@pytest.mark.parametrize(("count", "by_place"), [(9, False), (10, True)])
def test_few_stations_are_written_in_the_order_of_the_feed_and_many_by_place(
    app: Flask, count: int, by_place: bool
):
    feed = [record(f"S{i}", i, lat=-i) for i in range(count)]
    for source in ("s", "t"):  # into an empty and into a filled table
        import_records(source, [Rejected(1, "lat", "x", "is none"), *feed])
    with db.engine.connect() as connection:
        lats = list(connection.scalars(text("SELECT lat FROM stations ORDER BY id")))
    in_feed = [station.lat for station in feed]
    assert lats == (sorted(in_feed) if by_place else in_feed) * 2


# What somebody may have added to the table, and how it is removed.
OWN = {
    "index": (
        "CREATE INDEX own ON stations (name) WHERE name LIKE 'X%' OR name LIKE '%%'",
        "DROP INDEX own",
    ),
    "index with an odd name": (
        'CREATE INDEX "own ""%s%" ON stations (name)',
        'DROP INDEX "own ""%s%"',
    ),
    "constraint with an odd name": (
        'ALTER TABLE stations ADD CONSTRAINT "own %(unique)s" UNIQUE (name, lat)',
        'ALTER TABLE stations DROP CONSTRAINT "own %(unique)s"',
    ),
    "comment": (
        "COMMENT ON INDEX ix_stations_name IS 'for the list'",
        "COMMENT ON INDEX ix_stations_name IS NULL",
    ),
    "target of statistics": (
        "CREATE INDEX own ON stations (lower(name)); ALTER INDEX own ALTER 1 SET STATISTICS 500",
        "DROP INDEX own",
    ),
    "function that needs a constraint": (
        """
        CREATE FUNCTION own() RETURNS void BEGIN ATOMIC
            INSERT INTO stations (source, code, name, lat, lng) VALUES ('s', 'c', 'n', 1, 2)
            ON CONFLICT ON CONSTRAINT uq_stations_source_code DO NOTHING;
        END
        """,
        "DROP FUNCTION own",
    ),
    "deferred trigger": (
        """
        CREATE FUNCTION own() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER own AFTER INSERT ON stations DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION own()
        """,
        "DROP FUNCTION own CASCADE",
    ),
    "trigger that is always enabled": (
        "ALTER TABLE stations ENABLE ALWAYS TRIGGER a_count_insert",
        "ALTER TABLE stations ENABLE TRIGGER a_count_insert",
    ),
}


@pytest.mark.parametrize(("add", "remove"), OWN.values(), ids=OWN)
def test_what_somebody_has_added_to_the_table_stays(app: Flask, add: str, remove: str):
    execute(add)
    try:
        before = scalars(CATALOG)
        assert import_records("s", many(20)).added == 20
        assert scalars(CATALOG) == before
    finally:
        execute(remove)


def execute(statements: str) -> None:
    with db.engine.begin() as connection:
        connection.connection.cursor().execute(statements)


def test_a_table_that_refers_to_the_codes_keeps_their_index(app: Flask):
    codes = built("uq_stations_source_code")
    with db.engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE notes (source text, code text, "
            "FOREIGN KEY (source, code) REFERENCES stations (source, code))"
        )
    try:
        assert import_records("s", many(20)).added == 20
        assert built("uq_stations_source_code") == codes
    finally:
        with db.engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE notes")
