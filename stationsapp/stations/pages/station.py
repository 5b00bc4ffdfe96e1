"""The page of a station."""

from typing import Any

from flask import Response, abort
from sqlalchemy import select

from ...database import Row
from ...extensions import db
from ...models import Import, Station
from ...web.answers import address
from .. import search
from ..search import Filters
from .base_map import render_with_map

NEIGHBOURS = 5  # shown


def show(station_id: int, template: str = "stations/station.html", **values: Any) -> Response:
    """Show a station.

    ORM objects are read from the primary, so you always see what you have just saved.
    """
    station = found(station_id)
    last_import = db.session.scalar(select(Import).filter_by(source=station.source))
    return render_with_map(
        template,
        **values,
        station=station,
        last_import=last_import,
        neighbours=_neighbours(station),
        place=_place(station),
    )


def found(station_id: int) -> Station:
    """Return the station of this id; abort with 404 if there is none."""
    known = station_id <= search.LARGEST_ID
    station: Station | None = db.session.get(Station, station_id) if known else None
    if station is None:
        abort(404, f"there is no station {station_id}")
    return station


def _neighbours(station: Station) -> list[Row]:
    nearest = search.nearest(Filters(), station.lat, station.lng, NEIGHBOURS + 1).rows
    return [row for row in nearest if row["id"] != station.id][:NEIGHBOURS]


def _place(station: Station) -> dict[str, Any]:
    """Describe the station to search engines (https://schema.org/Place)."""
    return {
        "@context": "https://schema.org",
        "@type": "Place",
        "name": station.name,
        "url": address("stations.show", station_id=station.id),
        "geo": {
            "@type": "GeoCoordinates",
            "latitude": station.lat,
            "longitude": station.lng,
        },
    }
