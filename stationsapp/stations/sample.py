"""The sample: the world's main railway stations, for an empty database in development."""

from pathlib import Path
from typing import Any

import click
from flask import Flask
from sqlalchemy import exists, select

from ..extensions import db
from ..models import Station
from .feeds import csv
from .importer import import_records

SAMPLE = Path(__file__).with_name("sample.csv")


def load_sample(app: Flask, **_: Any) -> None:
    """Load the sample when the configuration wants it and there are no stations."""
    if app.config["SAMPLE_STATIONS"] and not db.session.scalar(select(exists(select(Station.id)))):
        with SAMPLE.open("rb") as stream:
            report = import_records("sample", csv.read(stream))
        click.echo(f"Loaded {report.added} sample stations.")
