"""The stations: kept, searched, shown on a map."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Register the pages, the API and the commands, and offer the sample."""
    from ..prepare import database_prepared
    from . import api, cli, pages, sample

    app.register_blueprint(pages.bp)
    app.register_blueprint(cli.bp)
    api.init_app(app)
    database_prepared.connect(sample.load_sample)
