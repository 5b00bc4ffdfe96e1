"""Pages with a map: its tiles, and the policy that lets browsers load them."""

from typing import Any
from urllib.parse import urlsplit

from flask import Response, current_app, make_response, render_template

from ...web.headers import policy


def render_with_map(template: str, **values: Any) -> Response:
    """Render a page that gets `tiles_url` and `attribution`, and whose policy allows the tiles."""
    tiles = current_app.config["MAP_TILES_URL"]
    attribution = current_app.config["MAP_ATTRIBUTION"]
    page = render_template(template, tiles_url=tiles, attribution=attribution, **values)
    place = urlsplit(tiles.replace("{s}", "*"))
    response = make_response(page)
    response.headers["Content-Security-Policy"] = policy(
        f"{place.scheme}://{place.netloc}" if place.netloc else ""
    )
    return response
