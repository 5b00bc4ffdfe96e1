"""The API, under /api/stations: see /docs for its contract."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import wraps
from math import inf
from typing import Any
from zlib import crc32

from flask import Flask, Response, abort, request, url_for
from flask_swagger_ui import get_swaggerui_blueprint

from .. import problems
from . import representations, search, writing
from .contract import Api, Blueprint, View
from .representations import TYPES
from .schemas import (
    ClustersQuery,
    ClustersSchema,
    FeatureSchema,
    FeaturesSchema,
    FormatQuery,
    NearestQuery,
    NeighboursSchema,
    PageQuery,
    PageSchema,
    StationSchema,
)
from .search import Filters

bp = Blueprint("api", __name__, url_prefix="/api/stations", description="Stations")


def init_app(app: Flask) -> None:
    """Register the API, its errors, and its documentation."""
    api = Api(app)
    api.spec.components.security_scheme("token", {"type": "http", "scheme": "bearer"})
    api.register_blueprint(bp)
    api.register_blueprint(writing.bp)
    problems.init_app(app)
    app.register_blueprint(get_swaggerui_blueprint("/docs", "/openapi.json"))


SHARED = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, Link",
    "Cache-Control": "no-cache",
    "Vary": "Accept",
}
PREFLIGHT = {
    "Access-Control-Allow-Headers": "Accept, If-None-Match",
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
}


@bp.after_request
def share(response: Response) -> Response:
    """Let the pages of other origins read (Fetch standard, CORS), and caches ask again."""
    response.headers.extend(SHARED)
    if request.method == "OPTIONS":
        response.headers.extend(PREFLIGHT)
    return response


def conditional(view: View) -> View:
    """Answer 304 if the client has what this data version gives: one round trip, and no query.

    That is never stale. An answer's version was seen by the statement that found its stations; if
    the version now is the same, so are the writes that it counts, and so are the stations. Nor is
    it ever an answer to a bad request: only a good one has been given this tag.
    """

    @wraps(view)
    def answer(**arguments: Any) -> Any:
        known = request.if_none_match
        if not known:
            return view(**arguments)
        tag = _tag(search.version())
        if tag not in known.as_set(include_weak=True):
            return view(**arguments).make_conditional(request)
        response = Response(status=304)
        response.set_etag(tag)
        return response

    return answer


@bp.get("")
@conditional
@bp.arguments(PageQuery(), location="query")
@bp.answers(PageSchema, FeaturesSchema)
@bp.fails(406, 422)
def index(query: dict[str, Any]) -> Response:
    """List stations in the order of their ids, a page at a time."""
    form = representations.wanted(query.get("format"))
    filters = _filters(query)
    if query["all"] == "true":
        return _everything(form, filters)
    # One more than asked for tells whether there is a next page, without counting.
    version, stations = search.page(filters, query["limit"] + 1, query["cursor"])
    address = None
    if len(stations) > query["limit"]:
        stations.pop()
        arguments = {**request.args, "cursor": stations[-1]["id"]}
        address = url_for("api.index", _external=True, **arguments)
    body = representations.many(form, stations, search.FIELDS, next=address)
    response = _answer(body, form, _tag(version))
    if address:
        response.headers["Link"] = f'<{address}>; rel="next"'
    return response


@bp.get("/nearest")
@conditional
@bp.arguments(NearestQuery(), location="query")
@bp.answers(NeighboursSchema, FeaturesSchema)
@bp.fails(406, 422)
def nearest(query: dict[str, Any]) -> Response:
    """List the stations nearest to a point by great-circle distance, the nearest first."""
    form = representations.wanted(query.get("format"))
    version, stations = search.nearest(
        _filters(query),
        query["lat"],
        query["lng"],
        query["limit"],
        query.get("radius", inf),
    )
    body = representations.many(form, stations, search.NEIGHBOUR_FIELDS)
    return _answer(body, form, _tag(version))


@bp.get("/clusters")
@conditional
@bp.arguments(ClustersQuery(), location="query")
@bp.alt_response(304, description="not changed since If-None-Match")
@bp.alt_response(200, schema=ClustersSchema)
@bp.fails(422)
def clusters(query: dict[str, Any]) -> Response:
    """Gather the stations of a box for a map of this zoom, in at most 500 clusters."""
    version, cells = search.clusters(query["bbox"], query["zoom"])
    body = representations.dumps({"clusters": [representations.cluster(cell) for cell in cells]})
    return _answer(body, "json", _tag(version))


@bp.get("/<int:station_id>")
@bp.arguments(FormatQuery(), location="query")
@bp.answers(StationSchema, FeatureSchema)
@bp.fails(404, 406, 422)
def show(query: dict[str, Any], station_id: int) -> Response:
    """Show one station."""
    form = representations.wanted(query.get("format"))
    station = search.one(station_id)
    if station is None:
        abort(404, f"there is no station {station_id}")
    body = representations.one(form, station)
    response = _answer(body, form, representations.tag(body))
    if request.if_none_match:
        response.make_conditional(request)
    return response


def _filters(query: dict[str, Any]) -> Filters:
    return Filters(*map(query.get, Filters._fields))


def _tag(version: int) -> str:
    """Return the tag of the answer to this very request, at this data version."""
    asked = request.path, request.query_string, request.headers.get("Accept")
    return f"{version}-{crc32(repr(asked).encode()):08x}"


def _answer(body: bytes | Iterator[Any], form: str, tag: str) -> Response:
    response = Response(body, content_type=TYPES[form])
    response.set_etag(tag)
    return response


def _everything(form: str, filters: Filters) -> Response:
    held = ExitStack()
    version, stations = held.enter_context(search.everything(filters))
    response = _answer(representations.stream(form, stations), form, _tag(version))
    # The connection is given back when all is sent, or when nobody takes it any more.
    response.call_on_close(held.close)
    return response
