"""A new column touches the model, a migration and the list of columns, and appears in all reads."""

import csv
import io
import json
from pathlib import Path

from copied import ProjectCopy
from sqlalchemy import inspect

from stationsapp.models import Station
from stationsapp.stations.columns import COLUMN_NAMES

LISTS = [
    "/api/stations?limit=2",
    "/api/stations?all=true",
    "/api/stations?bbox=0,0,2,3",
    "/api/stations?q=here&source=s",
    "/api/stations/nearest?lat=1&lng=2&limit=1",
]
# Run in the copy: it migrates, makes two stations, and asks for all addresses that it is told.
ASK = """
import json
import sys
from flask_migrate import migrate, upgrade
from sqlalchemy import text
from stationsapp import create_app
from stationsapp.extensions import db
app = create_app()
with app.app_context():
    migrate(message="add elevation")
    upgrade()
    with db.engine.begin() as connection:
        connection.execute(text(sys.argv[1]))
    client = app.test_client()
    print(json.dumps({address: client.get(address).text for address in sys.argv[2:]}))
"""
INSERT = """INSERT INTO stations (source, code, name, lat, lng, elevation)
VALUES ('s', '1', 'Here', 1, 2, 408.5), ('s', '2', 'There', -80, 2, NULL)"""


def test_the_list_has_the_columns_of_the_model_in_their_order():
    columns = [column.key for column in inspect(Station).columns]
    assert columns == [*COLUMN_NAMES, "changed_by_id"]  # the names of tokens aren't published


def answers_of_a_copy(own_url: str, tmp_path: Path) -> dict[str, str]:
    """Ask a copy of the project with one more column."""
    project = ProjectCopy(tmp_path, own_url)
    line = "    properties: Mapped"
    project.replace("stationsapp/models.py", line, f"    elevation: Mapped[float | None]\n{line}")
    line = '    Column("lng", float),\n'
    added = '    Column("elevation", float, nullable=True),\n'
    project.replace("stationsapp/stations/columns.py", line, line + added)
    (project.folder / "ask.py").write_text(ASK)
    others = ["/api/stations/1", "/api/stations/clusters?bbox=0,0,3,3&zoom=5", "/openapi.json"]
    addresses = [
        *others,
        *(f"{address}&format={form}" for address in LISTS for form in ("json", "geojson", "csv")),
        *(f"/api/stations/1?format={form}" for form in ("geojson", "csv")),
    ]
    return json.loads(project.run("ask", INSERT, *addresses).stdout.splitlines()[-1])


def test_a_new_column_appears_in_all_reads_and_in_the_contract(own_url: str, tmp_path: Path):
    answers = answers_of_a_copy(own_url, tmp_path)
    [station] = json.loads(answers[f"{LISTS[2]}&format=json"])["stations"]
    assert list(station) == [*COLUMN_NAMES[:6], "elevation", *COLUMN_NAMES[6:]]
    assert station["elevation"] == 408.5
    properties = {k: v for k, v in station.items() if k not in ("lat", "lng", "properties")}

    [cluster] = json.loads(answers["/api/stations/clusters?bbox=0,0,3,3&zoom=5"])["clusters"]
    assert json.loads(answers["/api/stations/1"]) == cluster["station"] == station
    assert json.loads(answers["/api/stations/1?format=geojson"])["properties"] == properties
    for address in LISTS:
        shown = json.loads(answers[f"{address}&format=json"])["stations"]
        distance = {"distance": shown[0]["distance"]} if "nearest" in address else {}
        assert shown[0] == station | distance
        features = json.loads(answers[f"{address}&format=geojson"])["features"]
        assert features[0]["properties"] == properties | distance
    for address in [*(f"{address}&format=csv" for address in LISTS), "/api/stations/1?format=csv"]:
        row = next(csv.DictReader(io.StringIO(answers[address])))
        assert list(row)[: len(station)] == list(station)
        assert row["elevation"] == "408.5"
    without = json.loads(answers[f"{LISTS[1]}&format=json"])["stations"][1]
    assert without["elevation"] is None
    rows = list(csv.DictReader(io.StringIO(answers[f"{LISTS[1]}&format=csv"])))
    assert rows[1]["elevation"] == ""

    schemas = json.loads(answers["/openapi.json"])["components"]["schemas"]
    for name in ("Station", "Neighbour", "FeatureProperties"):
        assert "elevation" in schemas[name]["required"]
        assert schemas[name]["properties"]["elevation"] == {
            "type": ["number", "null"],
            "format": "double",
        }
