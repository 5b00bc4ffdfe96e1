from datetime import datetime

import pytest
from flask import Flask
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError

from stationsapp.extensions import db
from stationsapp.models import Station

GOOD = {"source": "local", "code": "001", "name": "Zürich HB", "lat": 47.378, "lng": 8.54}


def test_a_station_shows_itself(app: Flask):
    station = Station(**GOOD, properties={"country": "CH"})
    db.session.add(station)
    db.session.commit()
    db.session.execute(text("SET LOCAL TimeZone = 'Asia/Tokyo'"))
    shown = station.json()
    assert repr(station) == "<Station 1>"
    assert list(shown) == [
        "id",
        "source",
        "code",
        "name",
        "lat",
        "lng",
        "properties",
        "created_at",
        "updated_at",
        "changed_by_id",
    ]
    assert shown | GOOD | {"properties": {"country": "CH"}} == shown
    assert shown["created_at"].endswith("+00:00")
    assert datetime.fromisoformat(shown["created_at"]) == station.created_at


def test_updated_at_follows_an_update(app: Flask):
    db.session.add(Station(**GOOD))
    db.session.commit()
    station = db.session.scalars(select(Station)).one()
    before = station.updated_at
    station.name = "Zürich Hauptbahnhof"
    db.session.commit()
    assert station.updated_at > before


@pytest.mark.parametrize(
    "bad",
    [
        {"lat": 90.1}, {"lat": float("nan")}, {"lng": -180.1}, {"name": ""}, {"name": "x" * 501},
        {"code": ""}, {"source": "x" * 101}, {"properties": [1]}, {"lat": None},
    ],
)  # fmt: skip
def test_the_database_refuses_what_is_no_station(app: Flask, bad: dict):
    with pytest.raises(IntegrityError), db.engine.begin() as connection:
        connection.execute(insert(Station), [GOOD | bad])


def test_a_code_is_taken_once_in_a_source(app: Flask):
    with db.engine.begin() as connection:
        connection.execute(insert(Station), [GOOD, GOOD | {"source": "other"}])
    with pytest.raises(IntegrityError), db.engine.begin() as connection:
        connection.execute(insert(Station), [GOOD])
