"""The endpoints under /api/stations that write, with a token: POST, PATCH, DELETE."""

from collections.abc import Iterator
from typing import Any

from flask import Response

from ...auth import auth
from ...database import Row
from ...web.answers import address
from ...web.blueprint import Blueprint
from ...web.operations import operation
from ...web.parser import refuse_parameters
from . import representations
from .representations import MEDIA_TYPES
from .schemas import StationBody, StationPatch, StationSchema
from .steps import Face, add, locked, patched, read_body, remove, save

bp = Blueprint("writing", __name__, url_prefix="/api/stations", description="Stations")
bp.before_request(refuse_parameters)
bp.before_request(read_body)


def _bodies(row: Row) -> Iterator[bytes]:
    return (representations.one(form, row.copy()) for form in MEDIA_TYPES)


def _address(station_id: int) -> str:
    return address("api.show", station_id=station_id)


FACE = Face(_bodies, MEDIA_TYPES["json"], _address)
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
    return add(body, auth.current_user(), FACE)


@bp.patch("/<int:station_id>")
@operation(bp, "changeStation")
@auth.login_required
@bp.arguments(StationPatch(partial=True))
@bp.alt_response(200, schema=StationSchema)
@bp.fails(401, 404, 409, 412, 413, 415, 422)
@bp.doc(security=SECURITY, parameters=[IF_MATCH])
def change(body: dict[str, Any], station_id: int) -> Response:
    """Change a station with a JSON merge patch (RFC 7396)."""
    station = locked(station_id, FACE)
    return save(station, patched(station, body), auth.current_user(), FACE)


@bp.delete("/<int:station_id>")
@operation(bp, "deleteStation")
@auth.login_required
@bp.alt_response(204)
@bp.fails(401, 404, 412)
@bp.doc(security=SECURITY, parameters=[IF_MATCH])
def delete(station_id: int) -> Response:
    """Delete a station."""
    return remove(locked(station_id, FACE))
