import contextlib
import csv
import gzip
import io
import json
import os
import pty
import resource
import subprocess
import sys
import zipfile
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import airportsdata
import pytest
from click.testing import Result
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from stationsapp.extensions import db
from stationsapp.models import Station
from tests.stations.conftest import BOMB, Answer, packed, reply

AIRPORTS = Path(airportsdata.__file__).with_name("airports.csv")
CSV = "code,name,lat,lng,city\n001,Gare,48.5,2.25,Paris\n002,Bad,91,2.25,Lyon\n"
GEOJSON = json.dumps(
    {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "id": "001",
                "geometry": {"type": "Point", "coordinates": [2.25, 48.5]},
                "properties": {"name": "Gare", "city": "Paris"},
            },
            {"type": "Feature", "id": "002", "geometry": None, "properties": {"name": "Bad"}},
        ],
    },
    indent=1,
)
GTFS = (
    "stop_id,stop_name,stop_lat,stop_lon,city,location_type\n"
    "001,Gare,48.5,2.25,Paris,\n002,Bad,,,Lyon,1\n003,Entrance,,,,2\n"
)
GBFS = json.dumps(
    {
        "last_updated": 1700000000,
        "ttl": 0,
        "data": {
            "stations": [
                {"station_id": "001", "name": "Gare", "lat": 48.5, "lon": 2.25, "city": "Paris"},
                {"station_id": "002", "name": "Bad", "lat": 48.5, "lon": 200},
            ]
        },
    }
)
LINES = "\n".join(json.dumps(feature) for feature in json.loads(GEOJSON)["features"])
FEEDS = {"csv": CSV, "geojson": GEOJSON, "geojsonl": LINES, "gtfs": GTFS, "gbfs": GBFS}


def run(app: Flask, *arguments: object, **options: object) -> Result:
    arguments = ("stations", *map(str, arguments))
    return app.test_cli_runner().invoke(args=arguments, **options)


def stations() -> dict[str, tuple[str, str, float, float, dict[str, object]]]:
    columns = Station.source, Station.code, Station.name, Station.lat, Station.lng
    with db.engine.connect() as connection:
        return {
            row[1]: tuple(row) for row in connection.execute(select(*columns, Station.properties))
        }


def feed(tmp_path: Path, content: str | bytes, name: str = "metro.dat") -> Path:
    file = tmp_path / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


@pytest.fixture(scope="module")
def count() -> str:
    """How many airports there are."""
    return f"{len(airportsdata.load()):,}"


def test_the_airports_are_imported_and_exported_with_no_options(
    app: Flask, tmp_path: Path, count: str
):
    result = run(app, "import", AIRPORTS)
    assert (result.exit_code, result.stdout.partition(" added")[0]) == (0, count)
    assert run(app, "import", AIRPORTS).stdout.count(f"{count} unchanged") == 1
    assert stations()["LFPG"][:3] == ("airports", "LFPG", "Charles de Gaulle International Airport")
    out = tmp_path / "out.csv"
    assert run(app, "export", out).exit_code == 0
    with AIRPORTS.open(newline="", encoding="utf-8") as before, out.open(newline="") as after:
        expected = {row["icao"]: row for row in csv.DictReader(before)}
        for row in csv.DictReader(after):
            original = expected.pop(row.pop("code"))
            assert float(row.pop("lat")) == pytest.approx(float(original.pop("lat")), abs=0)
            assert float(row.pop("lng")) == pytest.approx(float(original.pop("lon")), abs=0)
            del original["icao"]
            assert row == original
    assert not expected


@pytest.mark.parametrize("form", FEEDS)
def test_the_format_is_told_by_the_content(app: Flask, tmp_path: Path, form: str):
    result = run(app, "import", feed(tmp_path, FEEDS[form]))
    assert result.exit_code == 0
    assert "1 added" in result.stdout
    assert "1 rejected" in result.stdout
    assert stations() == {"001": ("metro", "001", "Gare", 48.5, 2.25, {"city": "Paris"})}
    skipped = "1 skipped" if form == "gtfs" else "0 skipped"
    assert skipped in result.stdout


@pytest.mark.parametrize("form", FEEDS)
def test_an_export_and_an_import_change_nothing(app: Flask, tmp_path: Path, form: str):
    run(app, "import", feed(tmp_path, FEEDS[form], "s.dat"))
    before = stations()
    for ending in ("", ".gz"):
        out = tmp_path / f"out{ending}"
        assert run(app, "export", out, "--format", form).exit_code == 0
        assert run(app, "import", out, "--source", "s").stdout.count("1 unchanged") == 1
    assert stations() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "out.gz", "s.dat"]


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("a.csv", b"code,name,lat,lng"),
        ("a.geojson", b'{"type":"FeatureCollection"'),
        ("a.ndjson", b'{"type":"Feature"'),
        ("stops.txt", b"stop_id,stop_name,stop_lat,stop_lon"),
        ("station_information.json", b'{"last_updated"'),
    ],
)
def test_the_ending_tells_the_format_of_an_export(
    app: Flask, tmp_path: Path, name: str, start: bytes
):
    run(app, "import", feed(tmp_path, CSV))
    run(app, "export", tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(start)
    run(app, "export", tmp_path / f"{name}.gz")
    assert gzip.decompress((tmp_path / f"{name}.gz").read_bytes()).startswith(start)


@pytest.mark.parametrize("name", ["all.csv", "all.geojson.gz", "stops.txt", "all.zip"])
def test_an_export_of_several_sources_is_imported_as_they_were(
    app: Flask, tmp_path: Path, name: str
):
    for source in ("lyon", "paris"):
        run(app, "import", feed(tmp_path, CSV.replace("Gare", source), source))
    run(app, "export", tmp_path / name)
    result = run(app, "import", tmp_path / name)
    assert result.stdout.splitlines()[0] == "Sources: lyon, paris"
    assert "2 unchanged" in result.stdout
    assert run(app, "import", tmp_path / name, "--source", "s").exit_code == 2
    with db.engine.connect() as connection:
        names = connection.execute(select(Station.source, Station.code, Station.name)).all()
    assert sorted(names) == [("lyon", "001", "lyon"), ("paris", "001", "paris")]


def test_a_gtfs_feed_goes_out_and_in_as_zip(app: Flask, tmp_path: Path):
    run(app, "import", feed(tmp_path, GTFS, "s.txt"))
    run(app, "export", tmp_path / "s.zip")
    assert zipfile.ZipFile(tmp_path / "s.zip").namelist() == ["stops.txt"]
    assert "1 unchanged" in run(app, "import", tmp_path / "s.zip").stdout


def test_standard_input_and_output(app: Flask):
    result = run(app, "import", "-", "--source", "s", input=CSV)
    assert "1 added" in result.stdout
    result = run(app, "export", "-")
    assert result.stdout == "code,name,lat,lng,city\r\n001,Gare,48.5,2.25,Paris\n".replace("\r", "")
    assert "1 station exported" in result.stderr


def test_every_rejected_row_is_explained(app: Flask, tmp_path: Path):
    rejects = tmp_path / "rejects.csv"
    rows = "".join(f"{i},A,=1+1,\x1b[31m\n" for i in range(20))
    file = feed(tmp_path, CSV + rows)
    result = run(app, "import", file, "--rejects", rejects)
    first, *_, last = result.stderr.splitlines()
    assert (
        first
        == f"{file}, line 3, column lat: '91' is not a coordinate: expected degrees from -90 to 90"
    )
    assert last == "... and 11 more: use --rejects FILE.csv to list them all"
    assert "\x1b" not in result.output
    assert len(list(csv.reader(rejects.read_text().splitlines()))) == 22
    assert run(app, "import", file, "--strict").exit_code == 1


def test_rejected_rows_that_can_not_be_written_stop_the_import(app: Flask, tmp_path: Path):
    result = run(app, "import", feed(tmp_path, CSV), "--rejects", "/dev/full")
    assert result.exit_code == 1
    assert result.stderr == "Error: /dev/full: No space left on device\n"
    assert not stations()


NAMES = {
    "mbta/stops.txt": (GTFS, "mbta"),
    "mbta/gtfs/stops (2).txt": (GTFS, "mbta"),
    "lyon/export-2024.csv": (CSV, "lyon"),
    "city/gtfs.zip": (
        packed(**{"f/stops.txt": GTFS.encode(), "f/agency.txt": b"agency_name\nCity  Rail\n"}),
        "city-rail",
    ),
    "two.1/gtfs.zip": (
        packed(
            **{
                "stops.txt": GTFS.encode(),
                "agency.txt": b"agency_name\nA\nB\n",
                "feed_info.txt": b"feed_publisher_name\nVerbund\n",
            }
        ),
        "verbund",
    ),
    "bay/station_information.json": (GBFS, "bay_wheels"),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_many_feeds_have_is_refused_with_a_better_one(
    app: Flask, tmp_path: Path, name: str
):
    content, better = NAMES[name]
    (tmp_path / name).parent.mkdir(parents=True)
    file = feed(tmp_path, content, name)
    about = json.dumps({"data": {"system_id": "bay_wheels"}})
    file.with_name("system_information.json").write_text(about)
    result = run(app, "import", file)
    assert (result.exit_code, stations()) == (2, {})
    assert f"many feeds have this name. Choose another one: --source {better}\n" in result.stderr


def test_the_address_of_a_feed_gives_it_a_name(app: Flask, serve: Callable[[Answer], str]):
    def answer(request: BaseHTTPRequestHandler) -> None:
        body = {"/gbfs/system_information.json": '{"data": {"system_id": "bay"}}'}
        reply(200, body.get(request.path, GBFS).encode())(request)

    address = serve(answer).partition("/feed")[0]
    for path, name in (("/gbfs/station_information.json", "bay"), ("/gbfs.json", "127.0.0.1")):
        assert f"--source {name}\n" in run(app, "import", address + path).stderr


def test_a_feed_of_other_stations_is_refused_unless_forced(app: Flask, tmp_path: Path):
    header = "code,name,lat,lng\n"
    run(app, "import", feed(tmp_path, header + "".join(f"{i},A,1,{i}\n" for i in range(20))))
    other = feed(tmp_path, header + "".join(f"{i},B,50,{i}\n" for i in range(20)))
    result = run(app, "import", other)
    assert result.exit_code == 1
    assert "move 20 and rename 20 of the 20 stations already in metro" in result.stderr
    assert "use --force if this is right; nothing was changed" in result.stderr
    assert "20 updated" in run(app, "import", other, "--force").stdout


def test_a_dry_run_changes_nothing(app: Flask, tmp_path: Path):
    result = run(app, "import", feed(tmp_path, CSV), "--dry-run")
    assert "1 added" in result.stdout
    assert "nothing was changed" in result.stdout
    assert not stations()


@pytest.mark.parametrize(
    ("prune", "code", "left"), [([], 0, 3), (["--prune"], 1, 3), (["--prune", "--force"], 0, 1)]
)
def test_prune_stands_before_the_file_or_after(
    app: Flask, tmp_path: Path, prune: list[str], code: int, left: int
):
    run(app, "import", feed(tmp_path, CSV + "3,C,1,2,\n4,D,1,3,\n", "s"))
    file = feed(tmp_path, "code,name,lat,lng,city\n001,Gare,48.5,2.25,Paris\n", "s")
    result = run(app, "import", *prune, file)
    assert (result.exit_code, len(stations())) == (code, left)
    assert run(app, "import", file, *prune).exit_code == code


def test_options_of_the_formats(app: Flask, tmp_path: Path):
    run(
        app,
        "import",
        feed(tmp_path, "1,2,A,48.5,2.5\n"),
        "--columns",
        "a,b,name,lat,lng",
        "--key",
        "a,b",
    )
    assert stations()["1-2"][5] == {"a": "1", "b": "2"}
    gtfs = GTFS.replace("Entrance,,,,2", "Entrance,1,2,,2")
    assert "2 added" in run(app, "import", feed(tmp_path, gtfs, "g"), "--all-locations").stdout
    named = "--name", "n", "--lat", "nord", "--lng", "ost"
    unknown = feed(tmp_path, "code,n,nord,ost\n9,A,1,2\n")
    assert "1 added" in run(app, "import", unknown, *named).stdout
    result = run(app, "import", feed(tmp_path, gtfs), "--key", "x")
    assert result.exit_code == 2
    assert "--key can't be used with gtfs" in result.stderr


@pytest.mark.parametrize("form", FEEDS)
def test_a_feed_in_another_encoding_is_read_if_it_is_named(app: Flask, tmp_path: Path, form: str):
    file = feed(tmp_path, FEEDS[form].replace("Gare", "Gare de l’Évêché").encode("cp1252"))
    assert "--encoding" in run(app, "import", file).stderr
    assert "1 added" in run(app, "import", file, "--encoding", "cp1252").stdout
    assert stations()["001"][2] == "Gare de l’Évêché"
    assert run(app, "import", file, "--encoding", "nonsense").exit_code == 2


def test_a_gbfs_system_is_discovered_by_its_address(
    app: Flask, tmp_path: Path, serve: Callable[[Answer], str]
):
    feeds = {"data": {"feeds": [{"name": "station_information", "url": "/stations"}]}}

    def answer(request: BaseHTTPRequestHandler) -> None:
        content = GBFS if request.path == "/stations" else json.dumps(feeds)
        reply(200, content.encode())(request)

    assert "1 added" in run(app, "import", serve(answer), "--source", "s").stdout
    result = run(app, "import", feed(tmp_path, json.dumps(feeds)))
    assert "import /stations" in result.stderr
    evil = {"data": {"feeds": [{"name": "station_information", "url": "file:///etc/passwd"}]}}
    result = run(app, "import", serve(reply(200, json.dumps(evil).encode())), "--source", "s")
    assert (result.exit_code, "expected http" in result.stderr) == (1, True)


NOTHING = {
    "empty": b"",
    "header only": b"code,name,lat,lng\n",
    "binary": bytes(range(256)) * 100,
    "truncated gzip": gzip.compress(CSV.encode())[:-10],
    "gzip bomb": gzip.compress(BOMB),
    "long line": b"x" * (3 << 20),
    "deep": b'{"type": "FeatureCollection", "features": ' + b"[" * 1_000_000,
    "truncated": GEOJSON.encode()[:-5],
    "html": b"<!doctype html>\n<title>404</title>\n",
    "png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "formulas": b'code,name,lat,lng\n"=cmd|x","=1+1","=1","@2"\n',
    "escapes": b"\x1b[2J\x1b]0;x\x07,a\n\r\n1,2\n",
    "no coordinates": b"code,name\n1,A\n",
}


@pytest.mark.parametrize("content", NOTHING.values(), ids=NOTHING.keys())
def test_what_is_no_feed_gets_a_clear_line(app: Flask, tmp_path: Path, content: bytes):
    result = run(app, "import", feed(tmp_path, content))
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert result.stderr.splitlines()[-1].startswith("Error: ")
    assert all(line.isprintable() for line in result.stderr.splitlines())
    assert not stations()


def test_wrong_usage_is_status_2_and_a_missing_file_1(app: Flask, tmp_path: Path):
    assert run(app, "import", tmp_path / "missing.csv").exit_code == 1
    assert run(app, "import", tmp_path, "--source", "s").exit_code == 1
    assert run(app, "import", "-").exit_code == 2
    assert run(app, "import", "x.csv", "--source", "").exit_code == 2
    assert run(app, "import", "x.csv", "--source", "x" * 101).exit_code == 2
    assert run(app, "export", tmp_path / "a.xyz").exit_code == 2
    assert run(app, "export", "-", "--source", "\udcff").exit_code == 2
    assert run(app, "import", "http://127.0.0.1:1/").exit_code == 1
    assert run(app, "export", tmp_path / "no" / "a.csv").exit_code == 1
    for box in ("1,2,3", "a,b,c,d", "0,10,1,9", "0,0,181,1", "nan,0,1,1"):
        assert run(app, "export", "-", "--bbox", box).exit_code == 2


def test_a_box_may_begin_with_a_minus(app: Flask, tmp_path: Path):
    run(app, "import", feed(tmp_path, CSV))
    assert "1 station " in run(app, "export", "-", "--bbox", "-10,40,10,50").stderr


def mutated(content: bytes) -> st.SearchStrategy[bytes]:
    """The content, cut, doubled or strewn with bytes that mean something."""
    pieces = st.sampled_from([b'"', b",", b"\n", b"\r", b"\0", b"\xff", b"{", b"]", b"1e999", b""])
    change = st.tuples(
        st.integers(0, len(content)), st.integers(0, 8), pieces | st.binary(max_size=4)
    )

    def apply(changes: list[tuple[int, int, bytes]]) -> bytes:
        result = content
        for at, length, piece in changes:
            result = result[:at] + piece + result[at + length :]
        return result

    return st.lists(change, min_size=1, max_size=5).map(apply)


ZIP = io.BytesIO()
with zipfile.ZipFile(ZIP, "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("stops.txt", GTFS)
PACKED = {"gzip": gzip.compress(CSV.encode()), "zip": ZIP.getvalue()}
SEEDS = {**{name: content.encode() for name, content in FEEDS.items()}, **PACKED}


@pytest.mark.parametrize("seed", SEEDS)
@given(data=st.data())
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_bytes_make_a_traceback(app: Flask, tmp_path: Path, seed: str, data: st.DataObject):
    content = data.draw(mutated(SEEDS[seed]) | st.binary(max_size=200))
    forms = [[], ["--format", seed]] if seed in FEEDS else [[]]
    result = run(
        app, "import", feed(tmp_path, content), "--dry-run", *data.draw(st.sampled_from(forms))
    )
    if result.exit_code == 0:
        assert "dry run" in result.stdout
    else:
        assert (result.exit_code, type(result.exception)) == (1, SystemExit)
        assert result.stderr.splitlines()[-1].startswith("Error: ")


# In every format more than 100,000 bytes, compressed too.
MUCH = """
INSERT INTO stations (source, code, name, lat, lng)
SELECT 's', n, sha256(n::text::bytea)::text, 1, 2 FROM generate_series(1, 4000) AS n
"""


def test_nothing_is_left_of_an_export_that_failed(app: Flask, tmp_path: Path):
    with db.engine.begin() as connection:
        connection.exec_driver_sql(MUCH)
    out = feed(tmp_path, "before", "out")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for form in FEEDS:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # bytes: like a full disk
        try:
            result = run(app, "export", out, "--format", form)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        said = f"Error: {out}: File too large\n"
        assert (form, result.exit_code, result.stderr) == (form, 1, said)
        assert (form, [*tmp_path.iterdir()], out.read_text()) == (form, [out], "before")


@pytest.mark.parametrize(
    "condition",
    ["disk_full", "insufficient_privilege", "read_only_sql_transaction", "undefined_table"],
)
@pytest.mark.parametrize(
    ("command", "statement"),
    [(("import", "-", "--source", "s"), "importer.KEEP"), (("recount",), "recount.RECOUNT")],
)
def test_an_error_of_the_database_is_one_line(
    app: Flask,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    statement: str,
    condition: str,
):
    error = f"DO $$ BEGIN RAISE {condition} USING MESSAGE = 'no', HINT = 'Look.'; END $$"
    monkeypatch.setattr(f"stationsapp.stations.{statement}", error)
    result = run(app, *command, input=CSV)
    assert (result.exit_code, result.stderr) == (1, "Error: no\n")
    assert stations() == {}


def test_progress_is_plain_lines_where_there_is_no_terminal(
    app: Flask, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("stationsapp.stations.cli.QUIET", 0)
    lines = run(app, "import", AIRPORTS, "--dry-run").stderr.splitlines()
    assert [line.partition(",000 rows, ")[0] for line in lines[:2]] == ["5", "10"]
    assert lines[0].endswith(" a second")


def test_progress_is_a_bar_on_a_terminal(app: Flask, database_url: str, count: str):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "flask", "stations", "import", AIRPORTS]
    with subprocess.Popen(
        command,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"DATABASE_URL": database_url, "COLUMNS": "100"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # Linux says so at the end
            while piece := os.read(ours, 4096):
                shown += piece
        os.close(ours)
    assert process.returncode == 0
    assert b"Reading  [####" in shown
    assert b"100%" in shown
    assert b"20,000 rows, " in shown
    assert f"{count} added".encode() in shown


def test_the_rejected_rows_do_not_overwrite_the_feed(app: Flask, tmp_path: Path):
    file = feed(tmp_path, CSV, "metro.csv")
    result = run(app, "import", file, "--rejects", file)
    assert result.exit_code == 2
    assert "is the feed itself" in result.stderr
    assert file.read_text() == CSV


def test_a_malformed_address_is_one_line(app: Flask):
    result = run(app, "import", "http://[::1")
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)


def test_a_symbolic_link_is_written_through(app: Flask, tmp_path: Path):
    run(app, "import", feed(tmp_path, CSV, "metro.csv"))
    target = feed(tmp_path, "old", "target.csv")
    link = tmp_path / "link.csv"
    link.symlink_to(target)
    assert run(app, "export", link).exit_code == 0
    assert link.is_symlink()
    assert "001,Gare" in target.read_text()
