"""The JSON API, under /api/stations."""

from typing import Any

import orjson
from flask import Flask, Response, abort, request, url_for
from flask_smorest import Api, Blueprint

from .. import problems
from . import search
from .schemas import NearestQuery, NeighboursSchema, PageQuery, PageSchema, StationSchema

bp = Blueprint("api", __name__, url_prefix="/api/stations", description="Stations")


def init_app(app: Flask) -> None:
    """Register the API and its errors."""
    api = Api(app)
    api.register_blueprint(bp)
    problems.init_app(app)


@bp.get("")
@bp.arguments(PageQuery, location="query", unknown=None)
@bp.alt_response(200, schema=PageSchema)
def index(query: dict[str, Any]) -> Response:
    """List stations in the order of their ids."""
    # One more than asked for tells whether there is a next page, without counting.
    stations = search.page(query["limit"] + 1, query["cursor"])
    address = None
    if len(stations) > query["limit"]:
        stations.pop()
        arguments = {**request.args, "cursor": stations[-1]["id"]}
        address = url_for("api.index", _external=True, **arguments)
    response = _json({"stations": stations, "next": address})
    if address:
        response.headers["Link"] = f'<{address}>; rel="next"'
    return response


@bp.get("/<int:station_id>")
@bp.alt_response(200, schema=StationSchema)
def show(station_id: int) -> Response:
    """Show one station."""
    station = search.one(station_id)
    if station is None:
        abort(404, f"there is no station {station_id}")
    return _json(station)


@bp.get("/nearest")
@bp.arguments(NearestQuery, location="query", unknown=None)
@bp.alt_response(200, schema=NeighboursSchema)
def nearest(query: dict[str, Any]) -> Response:
    """List the stations nearest to a point by great-circle distance, the nearest first."""
    return _json({"stations": search.nearest(**query)})


def _json(value: Any) -> Response:
    return Response(orjson.dumps(value), content_type="application/json")
