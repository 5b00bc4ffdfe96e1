"""The HTML pages."""

from urllib.parse import urlsplit

from flask import Blueprint, current_app, render_template, send_from_directory
from flask.typing import ResponseReturnValue
from xstatic.pkg import leaflet

from ...web.headers import policy

bp = Blueprint(
    "stations",
    __name__,
    template_folder="templates",
    static_folder="static",
    static_url_path="/static/stations",
)


@bp.get("/")
def map_page() -> ResponseReturnValue:
    """Show the map."""
    tiles = current_app.config["MAP_TILES_URL"]
    page = render_template(
        "stations/map.html", tiles_url=tiles, attribution=current_app.config["MAP_ATTRIBUTION"]
    )
    place = urlsplit(tiles.replace("{s}", "*"))
    images = f"{place.scheme}://{place.netloc}" if place.netloc else ""
    return page, {"Content-Security-Policy": policy(images)}


@bp.get("/static/leaflet/<path:filename>")
def leaflet_file(filename: str) -> ResponseReturnValue:
    """Serve Leaflet from its PyPI package: no CDN, the map works offline."""
    return send_from_directory(leaflet.BASE_DIR, filename, max_age=86400)
