import pytest
from flask import Flask

from stationsapp.stations import sample
from stationsapp.stations.feeds import csv
from stationsapp.stations.importer import import_records


@pytest.fixture
def sample_stations(app: Flask) -> None:
    """The table filled with the sample."""
    with sample.SAMPLE.open("rb") as stream:
        import_records("sample", csv.read(stream))
