"""What all APIs and pages share. It knows no resource, and nobody needs to change it.

A resource is a `web.blueprint.Blueprint` under /api. `api.register(app, bp)` serves it, documents
it in /openapi.json and at /docs, and answers its errors as problem documents.
"""

from flask import Flask

from . import assets, error_pages, headers


def init_app(app: Flask) -> None:
    """Send the security headers, serve static files, and answer errors with pages."""
    headers.init_app(app)
    assets.init_app(app)
    error_pages.init_app(app)
