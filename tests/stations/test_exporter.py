import csv
import io
import json
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from sqlalchemy import text

from stationsapp.extensions import db
from stationsapp.stations.exporter import export
from stationsapp.stations.feeds import Record
from stationsapp.stations.feeds import csv as csv_feed
from stationsapp.stations.feeds.formats import FORMATS
from stationsapp.stations.importer import Report, import_records
from tests.stations.feeds.strategies import Contents, json_values, records_with


def load(records: list[Record], source: str = "s") -> None:
    """Import them; their lines give them their order."""
    lines = [record._replace(line=number) for number, record in enumerate(records, 1)]
    assert import_records(source, lines).added == len(records)


def exported(form: str, **chosen: Any) -> bytes:
    file = io.BytesIO()
    export(file, FORMATS[form], **chosen)
    return file.getvalue()


def read(form: str, content: bytes) -> list[Record]:
    return [record._replace(line=0) for record in FORMATS[form].read(io.BytesIO(content))]


@pytest.mark.parametrize("form", FORMATS)
@given(records=records_with(json_values, ("geojson", "rental_methods", "stop_url", "capacity")))
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_properties_come_out_as_they_went_in(app: Flask, form: str, records: list[Record]):
    with db.engine.begin() as connection:
        connection.execute(text("TRUNCATE stations"))
    load(records)
    again = read(form, exported(form))
    # 1e22 comes back as 10000000000000000000000
    assert [(r[:5], json.loads(json.dumps(r[5]), parse_int=float)) for r in again] == [
        (r[:5], json.loads(json.dumps(r[5]), parse_int=float)) for r in records
    ]


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_can_be_read_again(app: Flask, form: str):
    records = [
        Record(0, "001", 'Gare "A", B;\n', 48.5, 2e-05, {"city": "=1+1", "Name": "x"}),
        Record(0, "2", "B", -0.5, 180.0, {"wheelchair_boarding": "1"}),
    ]
    load(records)
    assert read(form, exported(form)) == records


def test_postgresql_writes_the_same_csv_as_we_do(app: Flask):
    values = [None, True, 1.5, "a\r", "a\nb", '"', "", "\\.", "ü,", [1], {"a": 1}, 10**20]
    records = [
        Record(0, str(i), "A", i, -i / 7, {"a": value, "code": i, " b ": "c"})
        for i, value in enumerate(values)
    ]
    load(records)
    ours = b"".join(csv_feed.write(records, Contents(records))).decode()
    theirs = exported("csv").decode()

    def cells(content: str) -> list[list[Any]]:
        return list(csv.reader(io.StringIO(content, newline="")))

    def plain(row: list[str]) -> list[str]:
        return [cell.replace(" ", "").removesuffix(".0") for cell in row]

    assert [plain(row) for row in cells(ours)] == [plain(row) for row in cells(theirs)]


def test_a_source_and_a_box_can_be_chosen(app: Flask):
    places = {"A": 0, "B": 170, "C": 180, "D": -180, "E": -170, "F": 10}
    import_records("s", [Record(0, c, c, 10, lng, {}) for c, lng in places.items()])
    import_records("t", [Record(0, "T", "T", 10, 5, {"only": "t"})])

    def codes(**chosen: Any) -> str:
        return "".join(
            sorted(record.code for record in read("geojson", exported("geojson", **chosen)))
        )

    assert codes() == "ABCDEFT"
    assert codes(source="t") == "T"
    assert codes(source="nobody") == ""
    assert codes(bbox=(0, 10, 10, 10)) == "AFT"
    assert codes(bbox=(165, 0, -165, 20)) == "BCDE"
    assert codes(bbox=(-180, 11, 180, 20)) == ""
    assert codes(source="s", bbox=(-1, 0, 20, 20)) == "AF"
    assert b"only" not in exported("csv", source="s")


@pytest.mark.parametrize("form", FORMATS)
def test_several_sources_come_out_and_go_in_as_they_were(app: Flask, form: str):
    feeds = {
        "s": [("A", None), ("B", "A"), ("s:C", "B"), ("D", "s:C"), ("E", "nobody")],
        "t": [("B", None), ("C", "B"), ("t", "C")],
    }
    for source, codes in feeds.items():
        parents = [{"parent_station": parent} if parent else {} for _, parent in codes]
        stations = zip(codes, parents, strict=True)
        load([Record(0, code, code, 1, 2, p | {"a": "x"}) for (code, _), p in stations], source)
    before = kept()
    content = exported(form)
    found = {record.code: record.properties for record in read(form, content)}
    assert found.keys() == {"A", "s:B", "s:s:C", "D", "E", "t:B", "C", "t"}
    assert {p.get("parent_station") for p in found.values()} - {None, "nobody"} <= found.keys()
    assert {p["stationsapp_source"] for p in found.values()} == {"s", "t"}
    report = again(form, content)
    assert (report.unchanged, report.added, report.vanished) == (8, 0, 0)
    with db.engine.begin() as connection:
        connection.execute(text("TRUNCATE stations"))
    report = again(form, content)
    assert (report.added, report.sources, kept()) == (8, ["s", "t"], before)


@pytest.mark.parametrize("form", FORMATS)
def test_the_longest_codes_and_odd_names_of_sources_go_in_as_they_were(app: Flask, form: str):
    for source in ("s", "\\N", "t" * 100):
        load([Record(0, code, "A", 1, 2, {}) for code in ("c" * 255, f"{source}:")], source)
    before = kept()
    content = exported(form)
    with db.engine.begin() as connection:
        connection.execute(text("TRUNCATE stations"))
    assert (again(form, content).added, kept()) == (6, before)


def again(form: str, content: bytes) -> Report:
    return import_records("", FORMATS[form].read(io.BytesIO(content)), divided=True)


def kept() -> set[tuple[str, str, str]]:
    with db.engine.connect() as connection:
        rows = connection.execute(text("SELECT source, code, properties::text FROM stations"))
        return {tuple(row) for row in rows}


def test_localised_names_make_it_gbfs_3(app: Flask):
    import_records("s", [Record(0, "A", "Hub", 1, 2, {"short_name": "H"})])
    assert json.loads(exported("gbfs"))["version"] == "2.3"
    names = [{"text": "Hub", "language": "en"}, {"text": "Knoten", "language": "de"}]
    import_records("s", [Record(0, "A", "Hub", 1, 2, {"name": names})])
    document = json.loads(exported("gbfs"))
    assert (document["version"], document["data"]["stations"][0]["name"]) == ("3.0", names)


def test_more_properties_than_a_result_has_columns(app: Flask):
    records = [Record(0, str(i), "A", 1, 2, {f"key {i}": "x"}) for i in range(2000)]
    load(records)
    assert read("csv", exported("csv")) == records


def test_names_and_types_of_late_rows_are_columns_too(app: Flask):
    import_records("s", [Record(i, str(i), "A", 1, 2, {"a": "x"}) for i in range(1500)])
    import_records("t", [Record(1, "late", "A", 1, 2, {"b": ["y"]})])
    assert read("csv", exported("csv"))[-1].properties == {"stationsapp_source": "t", "b": ["y"]}


@pytest.mark.parametrize("value", ["x", "null", " ", "[]", None, True, 1, [], {}, "", "\\N"])
def test_a_column_names_what_is_json_only_if_there_is_any(app: Flask, value: Any):
    records = [Record(0, "A", "A", 1, 2, {"a": "x", "b": value}), Record(0, "B", "B", 1, 2, {})]
    load(records)
    ours = b"".join(csv_feed.write(records, Contents(records)))
    assert exported("csv").splitlines()[0] == ours.splitlines()[0]
