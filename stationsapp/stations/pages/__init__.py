"""The HTML pages."""

from pathlib import Path
from urllib.parse import urlsplit

import js_lib_leaflet
from flask import Blueprint, current_app, render_template
from flask.typing import ResponseReturnValue

from ...web.headers import policy
from .. import search

bp = Blueprint("stations", __name__, template_folder="templates")

# Leaflet comes from its PyPI package: no CDN, so the map works offline.
LEAFLET = Path(js_lib_leaflet.__file__).with_name("static") / "js_lib_leaflet"
FOLDERS = [Path(__file__).with_name("static"), LEAFLET]


@bp.get("/")
def map_page() -> ResponseReturnValue:
    """Show the map."""
    tiles = current_app.config["MAP_TILES_URL"]
    page = render_template(
        "stations/map.html",
        sources=search.sources(),
        tiles_url=tiles,
        attribution=current_app.config["MAP_ATTRIBUTION"],
    )
    place = urlsplit(tiles.replace("{s}", "*"))
    images = f"{place.scheme}://{place.netloc}" if place.netloc else ""
    return page, {"Content-Security-Policy": policy(images)}
