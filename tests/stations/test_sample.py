import csv

from flask import Flask
from sqlalchemy import select

from stationsapp.extensions import db
from stationsapp.models import Station
from stationsapp.stations import geo
from stationsapp.stations.sample import SAMPLE, load_sample


def test_the_sample_covers_the_world():
    with SAMPLE.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["code", "name", "lat", "lng", "city", "country"]
    assert len(rows) >= 150
    assert len({row["code"] for row in rows}) == len(rows)
    assert len({row["country"] for row in rows}) >= 40
    # A country on each of the six inhabited continents.
    assert {"FR", "JP", "EG", "US", "BR", "AU"} <= {row["country"] for row in rows}


def test_the_sample_fills_an_empty_table_only(app: Flask):
    app.config["SAMPLE_STATIONS"] = True
    db.session.add(Station(source="local", code="1", name="Mine", lat=0, lng=0))
    db.session.commit()
    load_sample(app)
    assert len(db.session.scalars(select(Station)).all()) == 1
    db.session.delete(db.session.scalars(select(Station)).one())
    db.session.commit()
    load_sample(app)
    assert len(db.session.scalars(select(Station)).all()) >= 150
    app.config["SAMPLE_STATIONS"] = False
    gare_du_nord = db.session.scalars(select(Station).filter_by(name="Gare du Nord")).one()
    assert geo.distance(gare_du_nord.lat, gare_du_nord.lng, 48.8809, 2.3553) < 300
