"""The endpoints that the application is compared with, served by the same workers.

`/hand/empty` shows the cost of an empty response. The rest of `/hand` returns the same as the API,
written by hand only for speed. `/article` is the way of most tutorials.
"""

import os
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import psycopg2
from flask import Flask, Response, jsonify, request
from psycopg2.extensions import connection as Connection  # noqa: N812
from sqlalchemy import func, select
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from stationsapp import create_app, database
from stationsapp.extensions import db
from stationsapp.models import Station
from stationsapp.stations import geo, search
from stationsapp.stations.columns import SELECT_LIST
from stationsapp.stations.search import statements

ONE = f"SELECT {SELECT_LIST} FROM stations WHERE id = %s"
PAGE = f"SELECT {SELECT_LIST} FROM stations WHERE id > %s ORDER BY id LIMIT 100"
# With OFFSET, PostgreSQL doesn't look for the stations of a box in the order of their ids, which
# would take it seconds among ten million.
BOX = f"""SELECT {SELECT_LIST} FROM (
        SELECT * FROM stations WHERE point(lng, lat) <@ box(point(%s, %s), point(%s, %s)) OFFSET 0
    ) AS stations ORDER BY id LIMIT 100"""
NEAREST = statements.NEAREST_AT_ONCE + " ORDER BY distance, id"

Parameters = Mapping[str, Any] | Sequence[Any] | None

hand = Flask("hand")
hand.secret_key = os.environ["SECRET_KEY"]  # Flask opens a session for each request then
hand.url_map.strict_slashes = False
local = threading.local()


def fetch(statement: str, parameters: Parameters = None) -> list[dict[str, Any]]:
    """Run a query on the thread's own connection."""
    if not hasattr(local, "connection"):
        connection: Connection = psycopg2.connect(os.environ["DATABASE_URL"])
        connection.autocommit = True
        local.connection = connection
    with local.connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def stations(statement: str, parameters: Parameters) -> list[dict[str, Any]]:
    """Run a query for stations, without parsing their properties."""
    rows = fetch(statement, parameters)
    for row in rows:
        row["properties"] = orjson.Fragment(row["properties"])
    return rows


def answer(value: object) -> Response:
    """Return a response in JSON."""
    return Response(
        orjson.dumps(value, option=orjson.OPT_NAIVE_UTC), content_type="application/json"
    )


@hand.get("/empty")
def empty() -> dict[str, object]:
    """Return `{}`."""
    return {}


@hand.get("/unchanged")
def unchanged() -> Response:
    """Query the data version, and return 304."""
    fetch(search.VERSION)
    return Response(status=304)


@hand.get("/<int:station_id>")
def one(station_id: int) -> Response:
    """Show a station."""
    return answer(stations(ONE, [station_id])[0])


@hand.get("/")
def page() -> Response:
    """List a page or a box."""
    if bbox := request.args.get("bbox"):
        return answer({"stations": stations(BOX, [float(side) for side in bbox.split(",")])})
    return answer({"stations": stations(PAGE, [int(request.args["cursor"])])})


@hand.get("/nearest")
def nearest() -> Response:
    """List the nearest."""
    lat, lng = float(request.args["lat"]), float(request.args["lng"])
    parameters = {"lat": lat, "lng": lng, "limit": 10, "radius": float("inf")}
    return answer({"stations": stations(NEAREST, parameters)})


article = Flask("article")
article.url_map.strict_slashes = False
article.config.update(
    DATABASE_URL=os.environ["DATABASE_URL"], DATABASE_READ_URL=None, EMBEDDED_POSTGRES=None
)
database.configure(article)
db.init_app(article)


@article.get("/")
def article_page() -> Response:
    """List a page."""
    after = int(request.args["cursor"])
    query = select(Station).where(Station.id > after).order_by(Station.id).limit(100)
    return jsonify([station.json() for station in db.session.scalars(query)])


@article.get("/nearest")
def article_nearest() -> Response:
    """List the nearest, by the haversine formula over the whole table."""
    lat, lng = float(request.args["lat"]), float(request.args["lng"])
    h = func.pow(func.sin(func.radians(Station.lat - lat) / 2), 2) + func.cos(
        func.radians(lat)
    ) * func.cos(func.radians(Station.lat)) * func.pow(
        func.sin(func.radians(Station.lng - lng) / 2), 2
    )
    distance = 2 * geo.EARTH_RADIUS * func.asin(func.least(1, func.sqrt(h)))
    query = select(Station).order_by(distance).limit(10)
    return jsonify([station.json() for station in db.session.scalars(query)])


app = create_app("production")
app.wsgi_app = DispatcherMiddleware(  # type: ignore[method-assign]
    app.wsgi_app, {"/hand": hand, "/article": article}
)
