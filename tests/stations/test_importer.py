import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from sqlalchemy import insert, select, text

from stationsapp.extensions import db
from stationsapp.models import Station
from stationsapp.stations import bulk
from stationsapp.stations.feeds import FeedError, Record, Rejected, Skipped
from stationsapp.stations.importer import Report, import_records
from stationsapp.stations.recount import recount
from tests.stations.feeds.strategies import json_values, records_with

ROOT = Path(__file__).parents[2]


def record(code: str = "A", line: int = 2, **changes: Any) -> Record:
    return Record(line, code, f"Name of {code}", 48.5, 2.25, {"city": "X"})._replace(**changes)


def many(count: int, **changes: Any) -> list[Record]:
    return [record(f"S{i}", i, lat=i % 90, **changes) for i in range(count)]


def stored() -> dict[str, tuple[Any, ...]]:
    statement = select(Station.code, Station.name, Station.lat, Station.lng, Station.properties)
    with db.engine.connect() as connection:
        return {row[0]: tuple(row[1:]) for row in connection.execute(statement)}


def exact(value: Any) -> Any:
    """Numbers as the decimals that were written: 1e16 and 10000000000000000 are the same."""
    return json.loads(json.dumps(value), parse_float=Decimal, parse_int=Decimal)


def counts(report: Report) -> dict[str, int]:
    """What the report says besides zeros."""
    return {k: v for k, v in vars(report).items() if isinstance(v, int) and v}


def test_an_import_says_who_changed_what_it_changes_alone(app: Flask, token: str):
    import_records("s", [record("A"), record("B")], changed_by=1)
    import_records("s", [record("A"), record("B", name="New"), record("C")])
    statement = select(Station.code, Station.changed_by_id)
    with db.engine.connect() as connection:
        assert dict(connection.execute(statement).all()) == {"A": 1, "B": None, "C": None}


def test_an_import_adds_then_leaves_alone_then_updates_what_differs(app: Flask):
    assert counts(import_records("s", [record("A"), record("B")])) == {"added": 2}
    with db.engine.connect() as connection:
        before = connection.scalar(text("SELECT array_agg(xmin::text || ctid) FROM stations"))
    assert counts(import_records("s", [record("A"), record("B")])) == {"unchanged": 2}
    with db.engine.connect() as connection:
        after = connection.scalar(text("SELECT array_agg(xmin::text || ctid) FROM stations"))
    assert before == after
    report = import_records("s", [record("A"), record("B", name="New", lat=49.5, properties={})])
    assert counts(report) == {"unchanged": 1, "updated": 1, "renamed": 1, "moved": 1}
    assert report.farthest is not None
    assert report.farthest[0] == "B"
    assert report.farthest[1] == pytest.approx(111_195, abs=1)
    assert stored()["B"] == ("New", 49.5, 2.25, {})


def test_less_than_a_kilometre_is_no_move(app: Flask):
    import_records("s", [record("A"), record("B")])
    report = import_records("s", [record("A", lat=48.5089), record("B", lat=48.5091)])
    assert (report.updated, report.moved, report.farthest and report.farthest[0]) == (2, 1, "B")


def test_sources_do_not_touch_each_other(app: Flask):
    import_records("s", [record("A")])
    report = import_records("t", [record("A", name="Other")], prune=True, force=True)
    assert counts(report) == {"added": 1}


def test_what_vanished_is_counted_and_deleted_only_when_asked(app: Flask):
    import_records("s", many(10))
    assert counts(import_records("s", many(8))) == {"unchanged": 8, "vanished": 2}
    assert len(stored()) == 10
    report = import_records("s", many(8), prune=True)
    assert counts(report) == {"unchanged": 8, "vanished": 2, "pruned": 2}
    assert len(stored()) == 8


def test_more_than_a_fifth_is_deleted_only_by_force(app: Flask):
    import_records("s", many(10))
    feed = [*many(7), record("new")]
    assert "more than a fifth" in import_records("s", feed, prune=True).refused
    assert len(stored()) == 10
    assert "new" not in stored()
    assert not import_records("s", feed, prune=True, force=True).refused
    assert len(stored()) == 8


@pytest.mark.parametrize(
    ("stations", "moved", "renamed", "refused"),
    [
        (12, 9, 9, False),  # so few that it may be right
        (12, 10, 0, True),
        (12, 0, 10, True),
        (30, 10, 10, False),  # a third
        (30, 11, 0, True),
        (30, 0, 11, True),
    ],
)
def test_more_than_a_third_is_moved_or_renamed_only_by_force(
    app: Flask, stations: int, moved: int, renamed: int, refused: bool
):
    import_records("s", many(stations + 30))
    feed = [
        record(f"S{i}", i, lat=i + (i < moved), name="New" if i < renamed else f"Name of S{i}")
        for i in range(stations)
    ]
    report = import_records("s", feed)
    assert (report.moved, report.renamed) == (moved, renamed)
    assert ("more than a third" in report.refused, report.forceable) == (refused, refused)
    report = import_records("s", feed, force=True)
    assert (report.refused, stored()["S0"][:2]) == ("", (feed[0].name, feed[0].lat))


@pytest.mark.parametrize("prune", [{}, {"prune": True}, {"prune": True, "force": True}])
@pytest.mark.parametrize("items", [[], [Skipped(1)], [Rejected(2, "lat", "x", "is none", "S1")]])
def test_an_empty_feed_never_empties_a_source(app: Flask, prune: dict[str, bool], items: list[Any]):
    import_records("s", many(3))
    assert "no valid station" in import_records("s", items, **prune).refused
    assert len(stored()) == 3


def test_a_rejected_row_is_in_the_feed_all_the_same(app: Flask):
    import_records("s", [*many(9), record("A\\\n")])
    bad = Rejected(2, "lat", "x", "is none", "A\\\n")
    report = import_records("s", [*many(9), bad], prune=True)
    assert counts(report) == {"unchanged": 9, "rejected": 1}
    assert len(stored()) == 10


def test_of_a_code_that_comes_twice_the_first_counts(app: Flask):
    report = import_records("s", [record("A", 2), record("B", 3), record("A", 4, name="Second")])
    assert counts(report) == {"added": 2, "rejected": 1}
    assert report.examples[0][:3] == (4, "code", "A")
    assert stored()["A"][0] == "Name of A"


def test_strict_refuses_a_feed_with_a_rejected_row(app: Flask):
    report = import_records("s", [record("A", 2), record("A", 3)], strict=True)
    assert "--strict" in report.refused
    assert not stored()


def test_a_dry_run_says_all_and_changes_nothing(app: Flask):
    import_records("s", many(10))
    feed = [*many(8, lng=9.5), record("new")]
    report = import_records("s", feed, prune=True, dry_run=True)
    assert counts(report) == {"added": 1, "updated": 8, "moved": 8, "vanished": 2, "pruned": 2}
    assert stored()["S0"][2] == 2.25
    assert len(stored()) == 10


def test_all_rejected_rows_are_written_only_the_first_are_kept(app: Flask):
    rejects = StringIO(newline="")
    bad = [Rejected(i, "lat", "=1+1", "is none") for i in range(2, 100)]
    report = import_records("s", [record(), *bad], rejects=rejects)
    assert (report.rejected, len(report.examples)) == (98, 10)
    assert rejects.getvalue().splitlines()[:2] == ["line,column,value,reason", "2,lat,=1+1,is none"]
    assert len(rejects.getvalue().splitlines()) == 99


@pytest.mark.parametrize(
    "properties",
    [{"a": "\0"}, {"\0": "a"}, {"a": ["\ud800"]}, {"\udfff": 1}, {"a": ["\\\\\0"]}],
)
def test_what_postgresql_can_not_keep_is_rejected(app: Flask, properties: dict[str, Any]):
    report = import_records("s", [record("A"), record("B", 3, properties=properties)])
    assert counts(report) == {"added": 1, "rejected": 1}
    assert report.examples[0].column == "properties"


def test_a_property_that_an_export_could_not_tell_from_its_own_is_rejected(app: Flask):
    report = import_records("s", [record("A"), record("B", 3, properties={"stationsapp_json": 1})])
    assert counts(report) == {"added": 1, "rejected": 1}
    assert report.examples[0].column == "stationsapp_json"


def test_deep_properties_are_rejected(app: Flask):
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    report = import_records("s", [record("A"), record("B", 3, properties={"a": deep})])
    assert counts(report) == {"added": 1, "rejected": 1}


def test_what_only_looks_like_nul_is_kept(app: Flask):
    import_records("s", [record("A", properties={"a": "\\u0000", "b": "\\\\"})])
    assert stored()["A"][3] == {"a": "\\u0000", "b": "\\\\"}


@given(records_with(json_values))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_table_keeps_what_the_feed_says(app: Flask, records: list[Record]):
    with db.engine.begin() as connection:
        connection.execute(text("TRUNCATE stations"))
    assert import_records("s", records).added == len(records)
    assert exact(stored()) == exact({r.code: tuple(r[2:]) for r in records})
    assert import_records("s", records).unchanged == len(records)


def test_suspects_are_reported_and_loaded(app: Flask):
    france = [record(f"F{i}", i, lat=44 + i / 20, lng=1 + i / 30) for i in range(100)]
    odd = [
        record("null", 200, lat=0.0, lng=0.0),
        record("turned", 201, lat=2.35, lng=48.86),
        record("guiana", 202, lat=4.9, lng=-52.3),
        record("twin 1", 203, name="Twin"),
        record("twin 2", 204, name="Twin"),
    ]
    report = import_records("s", [*france, *odd])
    assert report.suspicions == [
        ("at exactly 0,0", 1, ["null"]),
        ("whose latitude and longitude seem to be swapped", 1, ["turned"]),
        ("with the same name and place under several codes", 1, ["twin 1"]),
    ]
    assert report.added == 105


def test_a_feed_of_all_the_world_has_no_swapped_stations(app: Flask):
    world = [record(f"W{i}", i, lat=i % 170 - 85, lng=i * 7 % 360 - 180) for i in range(2000)]
    assert import_records("s", world).suspicions == []


def test_an_error_in_the_feed_leaves_the_table_as_it_was(app: Flask):
    def broken() -> Any:
        yield from many(6000)
        raise FeedError("line 6001: damaged")

    with pytest.raises(FeedError):
        import_records("s", broken())
    assert not stored()


def test_progress_counts_the_rows(app: Flask):
    seen: list[int] = []
    import_records("s", many(12_000), progress=seen.append)
    assert seen == [5_000, 10_000, 12_000]


def analysed() -> float:
    """Return how many stations there were when they were analysed last, or -1."""
    with db.engine.connect() as connection:
        return connection.scalar(text("SELECT reltuples FROM pg_class WHERE relname = 'stations'"))


def test_what_an_import_changes_is_analysed_if_it_is_much(app: Flask):
    import_records("s", many(2_000))
    assert analysed() == 2_000
    import_records("t", many(1_000))
    assert analysed() == 2_000


def test_an_import_does_not_wait_to_analyse(app: Flask):
    with db.engine.begin() as other:
        other.execute(text("LOCK TABLE stations IN SHARE UPDATE EXCLUSIVE MODE"))
        assert import_records("s", many(2_000)).added == 2_000
        assert analysed() == -1


def in_threads(app: Flask, *imports: tuple[str, list[Record]]) -> list[Report]:
    reports: list[Report] = []

    def load(source: str, records: list[Record]) -> None:
        with app.app_context():
            reports.append(import_records(source, records, force=True))

    threads = [threading.Thread(target=load, args=arguments) for arguments in imports]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return reports


def test_two_imports_of_a_source_queue(app: Flask):
    feeds = [("s", many(3000, name=name)) for name in "abcd"]
    reports = in_threads(app, *feeds)
    assert [report.added for report in reports] == [3000, 0, 0, 0]
    assert [report.renamed for report in reports] == [0, 3000, 3000, 3000]
    assert len({station[0] for station in stored().values()}) == 1


def test_imports_of_a_source_in_opposite_order_do_not_deadlock(app: Flask):
    import_records("s", many(3000))
    feeds = [("s", many(3000, name=f"Round {i}")[:: (-1) ** i]) for i in range(6)]
    assert [report.updated for report in in_threads(app, *feeds)] == [3000] * 6


def test_what_somebody_adds_during_an_import_is_updated(
    app: Flask, monkeypatch: pytest.MonkeyPatch
):
    def add(*_: Any, **__: Any) -> bool:  # after the comparison, before the rows are written
        with db.engine.begin() as other:
            other.execute(insert(Station).values(source="s", code="S1", name="X", lat=1, lng=2))
        return False

    monkeypatch.setattr(bulk, "lock", add)
    import_records("s", many(3, name="Feed"))
    assert [station[0] for station in stored().values()] == ["Feed"] * 3
    assert recount()[1] == 0


def test_sources_are_imported_side_by_side(app: Flask):
    for names in ("ab", "cd"):
        reports = in_threads(
            app, *((s, many(3000, name=n)) for s, n in zip("st", names, strict=True))
        )
        assert [report.added + report.renamed for report in reports] == [3000, 3000]


def test_an_import_does_not_wait_for_another_source(app: Flask):
    with db.engine.connect() as other:
        lock = text("SELECT pg_advisory_xact_lock(7220001, hashtext(:source))")
        other.execute(lock, {"source": "s"})
        assert import_records("t", [record()]).added == 1
        waiting = threading.Thread(target=in_threads, args=(app, ("s", [record()])))
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
    waiting.join()
    assert len(stored()) == 1  # both have the code A


def test_a_killed_import_ends_and_leaves_nothing_behind(app: Flask, database_url: str):
    import_records("feed", many(10))
    before = stored()
    environment = os.environ | {"DATABASE_URL": database_url}
    command = [sys.executable, "-m", "flask", "stations", "import", "-", "--source", "feed"]
    command.append("--force")
    with (
        db.engine.begin() as other,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE) as process,
        closing(psycopg2.connect(database_url)) as watcher,
    ):
        other.execute(text("SELECT FROM stations WHERE code = 'S9' FOR UPDATE"))
        assert process.stdin
        process.stdin.write(
            b"code,name,lat,lng\n" + b"".join(b"S%d,x,1,2\n" % i for i in range(10))
        )
        process.stdin.close()
        watcher.autocommit = True
        cursor = watcher.cursor()
        while not waits(cursor):  # having changed nine stations
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        while waits(cursor):  # no longer, though the lock is still there
            time.sleep(0.01)
    assert stored() == before
    assert import_records("feed", many(10)).unchanged == 10


def waits(cursor: Any) -> bool:
    cursor.execute(
        "SELECT FROM pg_stat_activity WHERE datname = current_database() "
        "AND query LIKE '%%INTO stations%%' AND wait_event_type = 'Lock'"
    )
    return bool(cursor.rowcount)
