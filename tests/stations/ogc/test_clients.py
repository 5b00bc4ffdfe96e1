"""Real clients read all airports: GDAL's programs, pyogrio with a GDAL of its own, and OWSLib."""

import csv
import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import airportsdata
import pytest
from documented import BLOCK, COMMAND, expected
from flask import Flask
from postgres import ROOT

from stationsapp.extensions import db
from stationsapp.models import Station
from stationsapp.stations.feeds import csv as feed
from stationsapp.stations.importer import import_records

pytestmark = pytest.mark.skipif(
    not find_spec("pyogrio"), reason="the extra 'clients' isn't installed"
)

AIRPORTS = Path(airportsdata.__file__).with_name("airports.csv")
WEST, SOUTH, EAST, NORTH = SWISS = (5.96, 45.82, 10.49, 47.81)
# Code, longitude, latitude. The last one is from a source with a column that no airport has.
ROWS = [(code, row["lon"], row["lat"]) for code, row in airportsdata.load().items()]
EXPECTED = [*ROWS, ("late", 0.0, 0.0)]
INSIDE = [code for code, lng, lat in ROWS if WEST <= lng <= EAST and SOUTH <= lat <= NORTH]


needs_gdal = pytest.mark.skipif(not shutil.which("ogr2ogr"), reason="no GDAL is installed")


def run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def read_with_gdal(url: str, folder: Path) -> None:
    source = f"OAPIF:{url}/ogc"
    about = run("ogrinfo", "-ro", "-so", source, "stations")
    assert f"Feature Count: {len(EXPECTED)}\n" in about
    assert "height: Real" in about
    command = ["ogr2ogr", "-f", "CSV", "-oo", "PAGE_SIZE=1000", "-lco", "GEOMETRY=AS_XY"]
    run(*command, folder / "all.csv", source, "stations")
    with (folder / "all.csv").open(encoding="utf-8") as stream:
        rows = [(row["code"], float(row["X"]), float(row["Y"])) for row in csv.DictReader(stream)]
    assert rows == EXPECTED
    inside = run("ogrinfo", "-ro", "-so", source, "stations", "-spat", *map(str, SWISS))
    assert f"Feature Count: {len(INSIDE)}\n" in inside
    one = run("ogrinfo", "-ro", "-geom=NO", source, "stations", "-fid", "2")
    assert f"code (String) = {EXPECTED[1][0]}" in one
    some = run("ogrinfo", "-ro", "-so", source, "stations", "-where", "source = 'none'")
    assert "Feature Count: 0" in some


# In a process of its own, because pyogrio lets no other thread run, such as that of the server.
PYOGRIO = """
import json, sys
import pyogrio
source, *bbox = sys.argv[1:]
about = pyogrio.read_info(source, layer="stations")
found, _, _, columns = pyogrio.raw.read(source, layer="stations", bbox=tuple(map(float, bbox)))
read = {name: column.tolist() for name, column in zip(found["fields"], columns, strict=True)}
types = [*map(str, about["dtypes"])]
print(json.dumps([int(about["features"]), about["crs"], read["code"], types]))
"""


def read_with_pyogrio(url: str, folder: Path) -> None:
    printed = run(sys.executable, "-c", PYOGRIO, f"OAPIF:{url}/ogc", *map(str, SWISS))
    count, crs, codes, types = json.loads(printed)
    assert (count, crs, codes) == (len(EXPECTED), "EPSG:4326", INSIDE)
    assert "float64" in types  # the height


def one_of(features: Any, **filters: Any) -> dict:
    """Return the only station that matches."""
    (found,) = features.collection_items("stations", **filters)["features"]
    return found


def read_with_owslib(url: str, folder: Path) -> None:
    from owslib.ogcapi.features import Features  # with the extra

    features = Features(f"{url}/ogc")
    assert features.feature_collections() == ["stations"]
    page = features.collection_items("stations", limit=1000, bbox=[-180, -90, 180, 90])
    assert [one["properties"]["code"] for one in page["features"]] == [
        code for code, *_ in EXPECTED[:1000]
    ]
    one = features.collection_item("stations", "7")
    assert one["properties"] == page["features"][6]["properties"]
    last = one_of(features, limit=1, source="late")["properties"]["updated_at"]
    since = last.replace("+00:00", "Z/..")
    for filters in ({}, {"q": "late"}, {"source": "late"}):
        world = {"bbox": [-180, -90, 180, 90], "datetime_": since}
        assert one_of(features, **world, **filters)["properties"]["code"] == "late"
    assert "height" in features.collection_schema("stations")["properties"]
    assert "source" in features.collection_queryables("stations")["properties"]


@needs_gdal
@pytest.mark.usefixtures("sample_stations")
def test_the_commands_of_the_document_print_what_it_shows(live_url: str, token: str, folder: Path):
    flask = f"flask() {{ echo {token}; }}"  # tokens create
    for _, content, _ in BLOCK.findall((ROOT / "docs/clients.md").read_text()):
        for command, output in COMMAND.findall(content):
            here = command.replace("\n> ", "\n").replace("http://127.0.0.1:5000", live_url)
            printed = subprocess.run(
                ["bash", "-c", f"{flask}\n{here}"],
                **{"cwd": folder, "env": os.environ | {"TOKEN": token}},
                capture_output=True,
                text=True,
            )
            lines = (printed.stdout + printed.stderr).splitlines()
            assert expected(output).fullmatch("".join(f"{line}\n" for line in lines)), printed


@needs_gdal
def test_every_client_reads_every_airport(app: Flask, live_url: str, tmp_path: Path):
    with AIRPORTS.open("rb") as stream:
        import_records("airports", feed.read(stream))
    late = Station(
        source="late", code="late", name="Late", lat=0, lng=0, properties={"height": 1.5}
    )
    db.session.add(late)
    db.session.commit()
    for read in (read_with_gdal, read_with_pyogrio, read_with_owslib):
        read(live_url, tmp_path)
