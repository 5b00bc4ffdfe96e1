"""OGC API Features, Part 4 (draft): editing, with a token, in the blueprint of `reading`."""

from collections.abc import Iterator
from typing import Any

from flask import Response, abort, request, url_for

from ...basic_auth import either
from ...database import Row
from ...web.parser import StrictSchema
from ..api import steps
from ..api.features import PARSER, FeatureBody, replacing
from .documents import CRS84, GEOJSON
from .reading import asked, bp, feature, number

ITEMS = "/collections/stations/items"
ITEM = f"{ITEMS}/<feature_id>"

__all__ = ["bp"]
bp.before_request(steps.read_body)


def _bodies(row: Row) -> Iterator[bytes]:
    yield feature(row)


def _address(station_id: int) -> str:
    return url_for("ogc.item", feature_id=station_id, _external=True)


FACE = steps.Face(_bodies, GEOJSON, _address)
FEATURE, PATCH, NOTHING = FeatureBody(), FeatureBody(partial=True), StrictSchema()


@bp.post(ITEMS)
@either.login_required
def create() -> Response:
    """Create a station. If the same station already exists, return it: a retry is safe."""
    return steps.add(_sent(FEATURE), either.current_user(), FACE)


@bp.put(ITEM)
@either.login_required
def replace(feature_id: str) -> Response:
    """Replace a station."""
    sent = _sent(FEATURE)
    station = steps.locked(number(feature_id), FACE)
    return steps.save(station, replacing(station, sent), either.current_user(), FACE)


@bp.patch(ITEM)
@either.login_required
def update(feature_id: str) -> Response:
    """Change a station with a JSON merge patch of its feature (RFC 7396)."""
    sent = _sent(PATCH)
    station = steps.locked(number(feature_id), FACE)
    return steps.save(station, steps.patched(station, sent), either.current_user(), FACE)


@bp.delete(ITEM)
@either.login_required
def delete(feature_id: str) -> Response:
    """Delete a station."""
    asked(NOTHING)
    return steps.remove(steps.locked(number(feature_id), FACE))


def _sent(schema: FeatureBody) -> dict[str, Any]:
    asked(NOTHING)
    if CRS84 not in request.headers.get("Content-Crs", CRS84):
        abort(400, f"expected coordinates in {CRS84}")
    values: dict[str, Any] = PARSER.parse(schema, location="json")
    return values
