from pathlib import Path

import pytest
from copied import ProjectCopy

from stationsapp.stations.feeds import Format
from stationsapp.stations.feeds.formats import FORMATS, by_name, by_start

FEATURES = b'{"type": "FeatureCollection", "features": [{"type": "Feature"}]}'


@pytest.mark.parametrize(
    ("start", "form"),
    [
        (b"code,name,lat,lng\n", "csv"),
        (b"", "csv"),
        (b"\x89PNG", "csv"),
        (FEATURES, "geojson"),
        (FEATURES.replace(b"{", b"{\n"), "geojson"),
        (b'\xef\xbb\xbf {"a": 1}', "geojson"),
        (b'{"type": "Feature", "ttl": 1,\n"stations": 2}', "geojson"),
        (b'{"type": "Feature", "ttl": 1}\n{"type": "Feature"}\n', "geojsonl"),
        (b'\x1e{"type":"Feature"}\n', "geojsonl"),
        (b"stop_lat,stop_lon,stop_id,stop_name\n", "gtfs"),
        (b'\xef\xbb\xbf"Stop ID","stop_lat","stop_lon"\r\n', "gtfs"),
        (b"# made by hand\n\nstop_id,stop_name,stop_lat,stop_lon\nA,Alpha,1,2\n", "gtfs"),
        (b"stop_id,stop_lat,stop_lon\rA,1,2\r", "gtfs"),
        (b'{"ttl": 0, "data": {"stations": []}}', "gbfs"),
        (b'{"data": {"en": {"feeds": []}}}', "gbfs"),
    ],
)
def test_a_format_is_told_by_its_first_bytes(start: bytes, form: str):
    assert by_start(start).name == form


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.csv", "csv"),
        ("folder/A.CSV.GZ", "csv"),
        ("a.json", "geojson"),
        ("a.jsonl", "geojsonl"),
        ("stops.txt", "gtfs"),
        ("a/stops.txt.gz", "gtfs"),
        ("feed.zip", "gtfs"),
        ("station_information.json", "gbfs"),
    ],
)
def test_a_format_is_told_by_the_name_of_a_file(name: str, form: str):
    found = by_name(name)
    assert found
    assert found.name == form


@pytest.mark.parametrize("name", ["a.xyz", "nonstops.txt", "csv", "-"])
def test_other_names_tell_nothing(name: str):
    assert by_name(name) is None


@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
def test_a_format_knows_its_own_files(form: Format):
    assert all(by_name(f"stations{ending}") is form for ending in form.endings)


LOC = '''"""A point a line: code@latitude,longitude."""

from . import Format, checked

COLUMNS = ("code", "code", "lat", "lng")


def read(stream, upper=False):
    for line, text in enumerate(stream.read().decode().split(), 1):
        code, _, place = text.partition("@")
        yield checked(line, (code, code, *place.split(",")), {}, COLUMNS)


def write(records, contents):
    return (f"{record.code}@{record.lat},{record.lng}\\n".encode() for record in records)


LOC = Format("loc", "text/plain", (".loc",), lambda start: "@" in start, read, write)
'''


def test_a_new_format_is_a_module_and_its_name_in_the_registry(own_url: str, tmp_path: Path):
    project = ProjectCopy(tmp_path, own_url)
    (project.folder / "stationsapp/stations/feeds/loc.py").write_text(LOC)
    registry = "stationsapp/stations/feeds/formats.py"
    project.replace(
        registry, "from .gtfs import GTFS\n", "from .gtfs import GTFS\nfrom .loc import LOC\n"
    )
    project.replace(registry, "GTFS, GBFS)", "GTFS, GBFS, LOC)")
    feed = project.folder / "metro.loc"
    feed.write_text("A@1.5,2.5\nB@91,0\n")
    result = project.run("flask", "stations", "import", str(feed))
    assert "1 added" in result.stdout
    assert "line 2, column lat: '91' is not a coordinate" in result.stderr
    feed.unlink()
    project.run("flask", "stations", "export", str(feed))
    assert feed.read_text() == "A@1.5,2.5\n"
    assert (
        project.run("flask", "stations", "export", "-", "--format", "loc").stdout == "A@1.5,2.5\n"
    )
