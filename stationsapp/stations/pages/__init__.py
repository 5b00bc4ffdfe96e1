"""The HTML pages: their URLs and views."""

from pathlib import Path

import js_lib_leaflet
from flask import Blueprint, Response

from .. import geo, search
from ..search import Filters
from . import editing, importing, listing, station, words
from .base_map import render_with_map

bp = Blueprint("stations", __name__, template_folder="templates")

# Leaflet comes from its PyPI package: no CDN, so the map works offline.
LEAFLET = Path(js_lib_leaflet.__file__).with_name("static") / "js_lib_leaflet"
FOLDERS = [Path(__file__).with_name("static"), LEAFLET]

bp.add_app_template_filter(words.degrees)
bp.add_app_template_filter(words.distance)
bp.add_app_template_filter(words.moment)
bp.add_app_template_test(words.is_web_address, "web_address")


@bp.get("/")
def map_page() -> Response:
    """Show the map, which fits the view to the data."""
    cells = search.clusters(Filters(), 0).rows
    bounds = [[cell[side] for side in geo.SIDES] for cell in cells]
    return render_with_map("stations/map.html", sources=search.sources(), bounds=bounds)


bp.add_url_rule("/stations", "index", listing.index)
bp.add_url_rule("/stations/<int:station_id>", "show", station.show)
bp.add_url_rule("/stations/new", "new", editing.new)
bp.add_url_rule("/stations/new", "add", editing.add, methods=["POST"])
bp.add_url_rule("/stations/<int:station_id>/edit", "edit", editing.edit)
bp.add_url_rule("/stations/<int:station_id>/edit", "change", editing.change, methods=["POST"])
bp.add_url_rule("/stations/<int:station_id>/delete", "delete", editing.ask_to_delete)
bp.add_url_rule("/stations/<int:station_id>/delete", "deleted", editing.delete, methods=["POST"])
bp.add_url_rule("/stations/import", "send_file", importing.send, methods=["GET", "POST"])
bp.add_url_rule(
    "/stations/import/<int:upload_id>", "check_file", importing.check, methods=["GET", "POST"]
)
bp.add_url_rule("/stations/import/<int:upload_id>/rejected.csv", "rejected", importing.rejected)
