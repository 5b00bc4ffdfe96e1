"""The endpoints under /api/stations that read; /docs documents them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from math import inf
from pathlib import Path
from threading import Semaphore
from typing import Any

from flask import Response, abort, request
from marshmallow import Schema
from werkzeug.exceptions import ServiceUnavailable

from ...web import answers
from ...web.blueprint import Blueprint
from ...web.operations import operation
from .. import search
from ..columns import COLUMN_NAMES
from ..search import Filters
from . import representations, schemas
from .representations import MEDIA_TYPES

bp = Blueprint("api", __name__, url_prefix="/api/stations", description="Stations")
bp.after_request(answers.share)

# Another release may represent the same data differently, so every tag has a digest of the code.
SHAPE = answers.digest(Path(__file__).parents[2])

# Complete lists at once. Each needs a thread and a snapshot for as long as its client reads.
STREAMS_AT_ONCE = 4
STREAMS = Semaphore(STREAMS_AT_ONCE)


def _in_each_format(schema: type[Schema], features: type[Schema]) -> dict[str, Any]:
    shown = {"csv": {"type": "string"}, "geojson": features, "json": schema}
    return {MEDIA_TYPES[form]: shown[form] for form in shown}


def tag(version: int) -> str:
    """Return the ETag of a response that shows this version of the data."""
    return answers.tag(version, SHAPE)


def current_tag() -> str:
    """Return the ETag that the response to this request would have now."""
    return tag(search.version())


@bp.get("")
@operation(bp, "listStations")
@answers.conditional(current_tag)
@bp.arguments(schemas.PageQuery(), location="query")
@bp.answers(_in_each_format(schemas.PageSchema, schemas.FeaturesSchema))
@bp.fails(406, 422)
def index(query: dict[str, Any]) -> Response:
    """List stations, sorted by id, one page at a time."""
    form = answers.wanted(query.get("format"), MEDIA_TYPES)
    filters = Filters.of(query)
    if query["all"] == "true":
        if paged := [name for name in ("limit", "cursor") if name in request.args]:
            abort(422, f"not valid: {', '.join(paged)}; all=true returns all stations at once")
        return _everything(form, filters)
    version, rows, has_next = search.page(filters, query["limit"], query["cursor"])
    address = None
    if has_next:
        arguments = request.args.to_dict(flat=False) | {"cursor": rows[-1]["id"]}
        address = answers.address("api.index", **arguments)
    body = representations.many(form, rows, COLUMN_NAMES, next=address)
    response = answers.answer(body, MEDIA_TYPES[form], tag(version))
    if address:
        response.headers["Link"] = f'<{address}>; rel="next"'
    return response


@bp.get("/nearest")
@operation(bp, "listNearestStations")
@answers.conditional(current_tag)
@bp.arguments(schemas.NearestQuery(), location="query")
@bp.answers(_in_each_format(schemas.NeighboursSchema, schemas.FeaturesSchema))
@bp.fails(406, 422)
def nearest(query: dict[str, Any]) -> Response:
    """List the stations nearest to a point by great-circle distance, the nearest first."""
    form = answers.wanted(query.get("format"), MEDIA_TYPES)
    place = query["lat"], query["lng"], query["limit"], query.get("radius", inf)
    version, rows = search.nearest(Filters.of(query), *place)
    body = representations.many(form, rows, [*COLUMN_NAMES, "distance"])
    return answers.answer(body, MEDIA_TYPES[form], tag(version))


@bp.get("/clusters")
@operation(bp, "listClusters")
@answers.conditional(current_tag)
@bp.arguments(schemas.ClustersQuery(), location="query")
@bp.answers({MEDIA_TYPES["json"]: schemas.ClustersSchema})
@bp.fails(422)
def clusters(query: dict[str, Any]) -> Response:
    """Group the stations in a box into at most 500 clusters, for a map at this zoom level."""
    version, rows = search.clusters(Filters.of(query), query["zoom"])
    body = representations.clusters(rows)
    return answers.answer(body, MEDIA_TYPES["json"], tag(version))


@bp.get("/<int:station_id>")
@operation(bp, "getStation")
@bp.arguments(schemas.FormatQuery(), location="query")
@bp.answers(_in_each_format(schemas.StationSchema, schemas.FeatureSchema))
@bp.fails(404, 406, 422)
def show(query: dict[str, Any], station_id: int) -> Response:
    """Get a station."""
    form = answers.wanted(query.get("format"), MEDIA_TYPES)
    row = search.one(station_id)
    if row is None:
        abort(404, f"there is no station {station_id}")
    return answers.document(representations.one(form, row), MEDIA_TYPES[form])


def _everything(form: str, filters: Filters) -> Response:
    with ExitStack() as held:
        held.enter_context(_place())
        version, rows = held.enter_context(search.everything(filters))
        chunks = answers.chunks(representations.stream(form, rows))
        response = answers.answer(chunks, MEDIA_TYPES[form], tag(version))
        # The connection is returned when everything is sent, or when the client disconnects.
        response.call_on_close(held.pop_all().close)
    return response


@contextmanager
def _place() -> Iterator[None]:
    if not STREAMS.acquire(blocking=False):
        raise ServiceUnavailable(
            f"{STREAMS_AT_ONCE} complete lists are already being sent", retry_after=5
        )
    try:
        yield
    finally:
        STREAMS.release()
