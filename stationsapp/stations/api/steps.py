"""The steps of a request that writes. All APIs share them; a `Face` is how one shows a station."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, NoReturn

from flask import Response, abort, request
from sqlalchemy.exc import IntegrityError

from ...database import Row
from ...extensions import db
from ...models import ApiToken, Station
from ...web.answers import address, document, tags_of
from ...web.forms import reading_body
from .. import saving, search
from ..properties import merged

Values = dict[str, Any]


class Face(NamedTuple):
    """How an API shows a station. The first of the bodies is the response to a write."""

    bodies: Callable[[Row], Iterator[bytes]]
    media_type: str
    address: Callable[[int], str]


def read_body() -> None:
    """Read the whole body, however slowly it comes, before a connection is taken."""
    with reading_body():
        request.get_data()


def locked(station_id: int, face: Face) -> Station:
    """Lock and return the station. A request that waited for another writer sees its result.

    Aborts with 404, or with 412 if none of the station's tags is in If-Match.
    """
    station = saving.locked(station_id)
    if station is None:
        # Even with If-Match: RFC 9110, 13.2.1.
        abort(404, f"there is no station {station_id}")
    if "If-Match" in request.headers:  # without a tag, it is never true
        tags = (tag for body in face.bodies(_row(station)) for tag in tags_of(body))
        if not any(map(request.if_match.contains, tags)):
            abort(412, "the station has changed since the ETag of If-Match: read it again")
    return station


def add(values: Values, token: ApiToken, face: Face) -> Response:
    """Add a station. If the same one already exists, show it."""
    station = Station(**values, changed_by=token)
    db.session.add(station)
    try:
        return _saved(station, 201, face)
    except IntegrityError as error:
        rival = _rival(error, values["source"], values["code"])
        if any(getattr(rival, name) != value for name, value in values.items()):
            _conflict(rival)
        return _shown(rival, 200, face)


def patched(station: Station, patch: Values) -> Values:
    """Return the values that a merge patch gives to the station (RFC 7396)."""
    if "properties" not in patch:
        return patch
    return patch | {"properties": merged(station.properties, patch["properties"])}


def save(station: Station, values: Values, token: ApiToken, face: Face) -> Response:
    """Change the values of a station."""
    source, code = values.get("source", station.source), values.get("code", station.code)
    if (source, code) != (station.source, station.code):
        saving.keep_imports_out(station.source, source)
    saving.change(station, values, token)
    try:
        return _saved(station, 200, face)
    except IntegrityError as error:
        _conflict(_rival(error, source, code))


def remove(station: Station) -> Response:
    """Delete a station."""
    db.session.delete(station)
    db.session.commit()
    return Response(status=204)


def _row(station: Station) -> Row:
    """Return the station as a read would, but from the database that was written to."""
    rows = db.session.connection().exec_driver_sql(search.ONE, {"id": station.id})
    return dict(rows.mappings().one())


def _saved(station: Station, status: int, face: Face) -> Response:
    """Commit the station. The response is made before that, so that nothing can fail after it."""
    db.session.flush()
    response = _shown(station, status, face)
    db.session.commit()
    return response


def _shown(station: Station, status: int, face: Face) -> Response:
    response = document(next(face.bodies(_row(station))), face.media_type, status)
    response.location = face.address(station.id)
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
    abort(409, f"{station} already: {address('api.show', station_id=rival.id)}")
