"""OGC API Features, Part 4 (draft): editing, with a token, in the blueprint of `reading`."""

from typing import Any

from flask import Response, abort, request

from ...basic_auth import either
from ...models import Station
from ...web.answers import tag_of
from ...web.compression import CODINGS
from ...web.parser import Parser, StrictSchema
from ..api import steps
from ..api.features import FeatureBody, replacing
from .documents import CRS84, GEOJSON, link
from .reading import answer, asked, bp, feature, number

ITEMS = "/collections/stations/items"
ITEM = f"{ITEMS}/<feature_id>"

__all__ = ["bp"]
bp.before_request(steps.read_body)


class FeatureParser(Parser):
    """Loads a feature, or a merge patch of one."""

    BODY_TYPES = (GEOJSON, *Parser.BODY_TYPES)


@bp.post(ITEMS)
@either.login_required
def create() -> Response:
    """Create a station. If the same station already exists, return it: a retry is safe."""
    return steps.add(_sent(FeatureBody()), either.current_user(), _show)


@bp.put(ITEM)
@either.login_required
def replace(feature_id: str) -> Response:
    """Replace a station."""
    sent = _sent(FeatureBody())
    station = _locked(feature_id)
    return steps.save(station, replacing(station, sent), either.current_user(), _show)


@bp.patch(ITEM)
@either.login_required
def update(feature_id: str) -> Response:
    """Change a station with a JSON merge patch of its feature (RFC 7396)."""
    sent = _sent(FeatureBody(partial=True))
    station = _locked(feature_id)
    return steps.save(station, steps.patched(station, sent), either.current_user(), _show)


@bp.delete(ITEM)
@either.login_required
def delete(feature_id: str) -> Response:
    """Delete a station."""
    asked(StrictSchema())
    return steps.remove(_locked(feature_id))


def _sent(schema: FeatureBody) -> dict[str, Any]:
    asked(StrictSchema())
    if CRS84 not in request.headers.get("Content-Crs", CRS84):
        abort(400, f"expected coordinates in {CRS84}")
    values: dict[str, Any] = FeatureParser().parse(schema, location="json")
    return values


def _locked(feature_id: str) -> Station:
    return steps.locked(number(feature_id), _tags)


def _tags(station: Station) -> list[str]:
    body = feature(steps.row(station))
    return [tag_of(body, coding) for coding in ("", *CODINGS)]


def _show(station: Station, status: int) -> Response:
    response = answer(feature(steps.row(station)), GEOJSON, status)
    response.location = link("self", "item", GEOJSON, "", feature_id=station.id)["href"]
    return response
