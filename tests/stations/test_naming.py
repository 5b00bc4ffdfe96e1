import pytest

from stationsapp.stations import naming


@pytest.mark.parametrize(
    ("location", "name"),
    [
        ("data/airports.csv.gz", "airports"),
        ("https://example.com/gare%20x/velib.geojson?a=b#c", "velib"),
        ("https://example.com/", ""),
        ("line\nbreak.csv", ""),
        ("x" * 200, "x" * 100),
        *(
            (f"mbta/{name}", "")
            for name in (
                "stops.txt",
                "Stops (1).txt",
                "stops_2024-11-30.txt",
                "station_information.json",
                "gbfs.json",
                "gtfs.zip",
                "stations.csv",
                "data-export.geojson",
                "2024.csv",
                "-",
            )
        ),
    ],
)
def test_a_file_names_its_source_unless_many_have_the_name(location: str, name: str):
    assert naming.named(location) == name
