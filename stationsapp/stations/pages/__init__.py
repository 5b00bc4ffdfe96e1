"""The HTML pages: their addresses, and which function shows each."""

from pathlib import Path

import js_lib_leaflet
from flask import Blueprint, Response

from . import importing
from .base_map import render_with_map

bp = Blueprint("stations", __name__, template_folder="templates")

# Leaflet comes from its PyPI package: no CDN, so the map works offline.
LEAFLET = Path(js_lib_leaflet.__file__).with_name("static") / "js_lib_leaflet"
FOLDERS = [Path(__file__).with_name("static"), LEAFLET]


@bp.get("/")
def map_page() -> Response:
    """Show the map."""
    return render_with_map("stations/map.html")


FORM = ["GET", "POST"]
bp.add_url_rule("/stations/import", "send_file", importing.send, methods=FORM)
bp.add_url_rule("/stations/import/<int:upload_id>", "check_file", importing.check, methods=FORM)
bp.add_url_rule("/stations/import/<int:upload_id>/rejected.csv", "rejected", importing.rejected)
