"""Cross-origin resource sharing: scripts on any page can use the API.

They can't act for a user who is signed in, because the API accepts only tokens, and because
browsers send no cookies to `*`.
"""

from collections.abc import Mapping

from flask import Flask

from . import headers

PATHS = ("/api/", "/ogc/", "/openapi.json/")
ALL = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, Link, Location, Retry-After, X-Request-ID",
}
PREFLIGHT = ALL | {
    # `*` doesn't include Authorization, and older browsers don't know it.
    "Access-Control-Allow-Headers": "Accept, Authorization, Cache-Control, Content-Type, "
    "If-Match, If-None-Match, X-Request-ID, X-Requested-With, *",
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
    "Access-Control-Max-Age": "7200",
}


def init_app(app: Flask) -> None:
    """Allow other origins to read all responses of the API, including errors."""

    def share(environ: headers.Environ) -> Mapping[str, str]:
        if not f"{environ['PATH_INFO']}/".startswith(PATHS):
            return {}
        return PREFLIGHT if environ["REQUEST_METHOD"] == "OPTIONS" else ALL

    headers.add(app, share)
