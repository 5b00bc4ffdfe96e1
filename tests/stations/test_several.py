"""A feed of several sources, as an export of them is."""

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from stationsapp.extensions import db
from stationsapp.stations.feeds import FeedError, Record, Rejected, csv
from stationsapp.stations.importer import Report, import_records


def record(source: Any, code: str, line: int = 2, **changes: Any) -> Record:
    properties = {"stationsapp_source": source, "a": 1}
    return Record(line, code, f"Name of {code}", 48.5, 2.25, properties)._replace(**changes)


def load(*items: Record | Rejected, **options: Any) -> Report:
    return import_records("", items, divided=True, **options)


def stored() -> list[str]:
    with db.engine.connect() as connection:
        query = "SELECT source || '/' || code FROM stations ORDER BY source, code"
        return list(connection.execute(text(query)).scalars())


def many(source: str, count: int, **changes: Any) -> list[Record]:
    return [record(source, f"S{i}", i, lat=i, **changes) for i in range(count)]


def test_each_source_is_an_import_of_its_own_and_all_are_one(app: Flask):
    report = load(record("s", "A"), record("t", "A", 3), record("t", "A", 4), record("t", "B", 5))
    assert (report.added, report.rejected, report.examples[0].line) == (3, 1, 4)
    assert stored() == ["s/A", "t/A", "t/B"]
    with db.engine.connect() as connection:
        rows = connection.execute(text("SELECT source, (rows ->> 'added')::int FROM imports"))
        assert dict(rows.all()) == {"s": 1, "t": 2}
        properties = connection.scalar(text("SELECT properties FROM stations LIMIT 1"))
    assert properties == {"a": 1}


def test_the_ids_follow_the_feed_and_not_the_sources(app: Flask):
    load(*[record("ts"[i % 2], f"S{i}", i, lat=i) for i in range(20)])
    with db.engine.connect() as connection:
        lats = list(connection.scalars(text("SELECT lat FROM stations ORDER BY id")))
    assert lats == list(range(20))


def test_what_a_rejected_row_names_is_kept_in_every_source(app: Flask):
    import_records("s", [*many("", 6), record("", "A")])
    import_records("t", [*many("", 6), record("", "A"), record("", "B")])
    bad = [Rejected(9, "lat", "x", "is none", code) for code in ("A", "t:B")]
    report = load(*many("s", 6), *many("t", 6), *bad, prune=True)
    assert (report.vanished, report.rejected) == (0, 2)
    report = load(*many("s", 6), *many("t", 6), prune=True, force=True)
    assert (report.vanished, report.pruned, len(stored())) == (3, 3, 12)


def test_a_code_that_is_only_its_source_is_rejected(app: Flask):
    items = csv.read(BytesIO(b"code,name,lat,lng,stationsapp_source\ns:,A,1,2,s\ns:B,B,1,2,s\n"))
    report = load(*items)
    assert (report.added, report.rejected, stored()) == (1, 1, ["s/B"])


def test_one_source_that_is_refused_refuses_all(app: Flask):
    load(*many("s", 20), *many("t", 20))
    report = load(*many("s", 20), *many("t", 20, name="New"), record("u", "A"))
    assert "rename 20 of the 20 stations already in t" in report.refused
    assert "u/A" not in stored()
    report = load(record("s", "A"), record("s", "A", 3), strict=True)
    assert "--strict" in report.refused
    assert load(*many("t", 20, name="New"), record("u", "A"), force=True).renamed == 20


@pytest.mark.parametrize("source", [None, "", " ", "x" * 101])
def test_a_station_without_a_source_is_refused(app: Flask, source: Any):
    with pytest.raises(FeedError, match="line 3, column stationsapp_source"):
        load(record("s", "A"), record(source, "B", 3))
    assert not stored()


def test_the_geojson_of_the_api_is_read_with_its_sources(client: FlaskClient, tmp_path: Path):
    codes = {"s": ["A", "s:B", "t:A"], "t": ["A", "s:A"]}
    for source, own in codes.items():
        properties = {"id": 1, "source": "x", "n": 1.5}
        import_records(
            source, [Record(i, code, code, i, 2, properties) for i, code in enumerate(own)]
        )
    feed = tmp_path / "stations.geojson"
    feed.write_bytes(client.get("/api/stations?all=true&format=geojson").data)
    result = client.application.test_cli_runner().invoke(args=["stations", "import", str(feed)])
    assert "0 added, 0 updated, 0 moved, 0 renamed, 5 unchanged" in result.output
