"""What all APIs and pages share. It knows no resource, and you don't need to open it."""

from flask import Flask

from . import assets, error_pages, headers


def init_app(app: Flask) -> None:
    """Send the security headers, serve static files, and answer errors with pages."""
    headers.init_app(app)
    assets.init_app(app)
    error_pages.init_app(app)
