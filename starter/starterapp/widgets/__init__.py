"""The widgets: their API, their pages and their command."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Register the parts."""
    from ..web.api import register
    from . import api, cli, pages

    register(app, api.bp)
    app.register_blueprint(pages.bp)
    app.add_url_rule("/", endpoint="home", view_func=pages.index)
    app.register_blueprint(cli.bp)
