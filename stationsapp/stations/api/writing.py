"""The endpoints under /api/stations that write, with a token: POST, PATCH, DELETE."""

from typing import Any

from flask import Response

from ...auth import auth
from ...models import Station
from ...web.answers import address, answer, tag_of
from ...web.blueprint import Blueprint
from ...web.compression import CODINGS, accepted
from ...web.operations import operation
from ...web.parser import refuse_parameters
from . import representations
from .representations import MEDIA_TYPES
from .schemas import StationBody, StationPatch, StationSchema
from .steps import add, locked, patched, read_body, remove, row, save

bp = Blueprint("writing", __name__, url_prefix="/api/stations", description="Stations")
bp.before_request(refuse_parameters)
bp.before_request(read_body)

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
    return add(body, auth.current_user(), _shown)


@bp.patch("/<int:station_id>")
@operation(bp, "changeStation")
@auth.login_required
@bp.arguments(StationPatch(partial=True))
@bp.alt_response(200, schema=StationSchema)
@bp.fails(401, 404, 409, 412, 413, 415, 422)
@bp.doc(security=SECURITY, parameters=[IF_MATCH])
def change(body: dict[str, Any], station_id: int) -> Response:
    """Change a station with a JSON merge patch (RFC 7396)."""
    station = locked(station_id, _tags)
    return save(station, patched(station, body), auth.current_user(), _shown)


@bp.delete("/<int:station_id>")
@operation(bp, "deleteStation")
@auth.login_required
@bp.alt_response(204)
@bp.fails(401, 404, 412)
@bp.doc(security=SECURITY, parameters=[IF_MATCH])
def delete(station_id: int) -> Response:
    """Delete a station."""
    return remove(locked(station_id, _tags))


def _address(station: Station) -> str:
    return address("api.show", station_id=station.id)


def _shown(station: Station, status: int) -> Response:
    body = representations.one("json", row(station))
    response = answer(body, MEDIA_TYPES["json"], tag_of(body, accepted()), status)
    response.location = _address(station)
    return response


def _tags(station: Station) -> list[str]:
    shown = row(station)
    bodies = [representations.one(form, shown.copy()) for form in MEDIA_TYPES]
    return [tag_of(body, coding) for body in bodies for coding in ("", *CODINGS)]
