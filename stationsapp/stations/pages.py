"""The HTML pages."""

from flask import Blueprint, current_app, render_template, send_from_directory
from flask.typing import ResponseReturnValue
from xstatic.pkg import leaflet, leaflet_markercluster

bp = Blueprint(
    "stations",
    __name__,
    template_folder="templates",
    static_folder="static",
    static_url_path="/static/stations",
)

VENDORED = {"leaflet": leaflet.BASE_DIR, "markercluster": leaflet_markercluster.BASE_DIR}


@bp.get("/")
def map_page() -> ResponseReturnValue:
    """Show the map."""
    return render_template(
        "stations/map.html",
        tiles_url=current_app.config["MAP_TILES_URL"],
        attribution=current_app.config["MAP_ATTRIBUTION"],
    )


@bp.get("/static/vendor/<any(leaflet, markercluster):package>/<path:filename>")
def vendored(package: str, filename: str) -> ResponseReturnValue:
    """Serve the map's JavaScript from its PyPI packages: no CDN, it works offline."""
    return send_from_directory(VENDORED[package], filename, max_age=86400)
