"""The endpoints under /api/stations that write, with a token: POST, PATCH, DELETE."""

from typing import Any, NoReturn

from flask import Response, abort, request
from sqlalchemy.exc import IntegrityError

from ...auth import auth
from ...database import Row
from ...extensions import db
from ...models import Station
from ...web.answers import address, answer, tag_of
from ...web.blueprint import Blueprint
from ...web.compression import CODINGS, accepted
from ...web.forms import reading_body
from ...web.operations import operation
from ...web.parser import refuse_parameters
from .. import saving, search
from ..properties import merged
from . import representations
from .representations import MEDIA_TYPES
from .schemas import StationBody, StationPatch, StationSchema

bp = Blueprint("writing", __name__, url_prefix="/api/stations", description="Stations")
bp.before_request(refuse_parameters)


@bp.before_request
def read_body() -> None:
    """Read the whole body, however slowly it comes, before a connection is taken."""
    with reading_body():
        request.get_data()


SECURITY: list[dict[str, list[str]]] = [{"token": []}]
IF_MATCH = {
    "in": "header",
    "name": "If-Match",
    "schema": {"type": "string"},
    "description": "the station's ETag; if the station has changed since then, the status is 412",
}


@bp.post("")
@operation(bp, "createStation")
@auth.login_required
@bp.arguments(StationBody())
@bp.alt_response(201, schema=StationSchema)
@bp.alt_response(200, schema=StationSchema, description="the same station already exists")
@bp.fails(401, 409, 413, 415, 422)
@bp.doc(security=SECURITY)
def create(body: dict[str, Any]) -> Response:
    """Create a station. If the same station already exists, return it: a retry is safe."""
    station = Station(**body, changed_by=auth.current_user())
    db.session.add(station)
    try:
        return _saved(station, 201)
    except IntegrityError as error:
        rival = _rival(error, body["source"], body["code"])
        if any(getattr(rival, name) != value for name, value in body.items()):
            _conflict(rival)
        return _shown(rival, 200)


@bp.patch("/<int:station_id>")
@operation(bp, "changeStation")
@auth.login_required
@bp.arguments(StationPatch(partial=True))
@bp.alt_response(200, schema=StationSchema)
@bp.fails(401, 404, 409, 412, 413, 415, 422)
@bp.doc(security=SECURITY, parameters=[IF_MATCH])
def change(body: dict[str, Any], station_id: int) -> Response:
    """Change a station with a JSON merge patch (RFC 7396)."""
    station = _locked(station_id)
    if "properties" in body:
        body["properties"] = merged(station.properties, body["properties"])
    source, code = key = body.get("source", station.source), body.get("code", station.code)
    if key != (station.source, station.code):
        saving.keep_imports_out(station.source, source)
    saving.change(station, body, auth.current_user())
    try:
        return _saved(station, 200)
    except IntegrityError as error:
        _conflict(_rival(error, source, code))


@bp.delete("/<int:station_id>")
@operation(bp, "deleteStation")
@auth.login_required
@bp.alt_response(204)
@bp.fails(401, 404, 412)
@bp.doc(security=SECURITY, parameters=[IF_MATCH])
def delete(station_id: int) -> Response:
    """Delete a station."""
    db.session.delete(_locked(station_id))
    db.session.commit()
    return Response(status=204)


def _locked(station_id: int) -> Station:
    """Lock and return the station. A request that waited for another writer sees its result."""
    station = saving.locked(station_id)
    if station is None:
        abort(404, f"there is no station {station_id}")
    if request.if_match:
        row = _row(station)
        bodies = [representations.one(form, row.copy()) for form in MEDIA_TYPES]
        tags = (tag_of(body, coding) for body in bodies for coding in ("", *CODINGS))
        if not any(map(request.if_match.contains, tags)):
            abort(412, "the station has changed since the ETag of If-Match: read it again")
    return station


def _saved(station: Station, status: int) -> Response:
    """Commit the station. The response is made before that, so that nothing can fail after it."""
    db.session.flush()
    response = _shown(station, status)
    db.session.commit()
    return response


def _rival(error: IntegrityError, source: str, code: str) -> Station:
    """Return the station that already has this source and code."""
    rival = saving.rival(error, source, code)
    if rival is None:
        abort(
            409,
            f"source {source} had a station with the code {code} until a moment ago: send it again",
        )
    return rival


def _conflict(rival: Station) -> NoReturn:
    station = f"source {rival.source} has a station with the code {rival.code}"
    abort(409, f"{station} already: {_address(rival)}")


def _address(station: Station) -> str:
    return address("api.show", station_id=station.id)


def _row(station: Station) -> Row:
    """Return the station as a read would, but from the database that was written to."""
    rows = db.session.connection().exec_driver_sql(search.ONE, {"id": station.id})
    return dict(rows.mappings().one())


def _shown(station: Station, status: int) -> Response:
    body = representations.one("json", _row(station))
    response = answer(body, MEDIA_TYPES["json"], tag_of(body, accepted()), status)
    response.location = _address(station)
    return response
