"""The stations: kept, searched, shown on a map."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Register the pages, the API and the commands, and offer the sample."""
    from .. import web
    from ..prepare import database_prepared
    from ..web import assets
    from . import cli, pages, sample
    from .api import reading, writing

    app.register_blueprint(pages.bp)
    assets.add(app, *pages.FOLDERS)
    app.register_blueprint(cli.bp)
    web.register(app, reading.bp, writing.bp)
    database_prepared.connect(sample.load_sample)
    if app.config["METRICS"]:
        from .. import metrics
        from .metrics import measure

        metrics.add(app, measure)
