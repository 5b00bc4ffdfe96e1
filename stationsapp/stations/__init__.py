"""The stations: storing, searching and showing them."""

from blinker import signal
from flask import Flask


def init_app(app: Flask) -> None:
    """Register the pages, the API, the commands and the sample."""
    from flask_swagger_ui import get_swaggerui_blueprint

    from ..web import api, assets, cors, operations
    from . import cli, pages, sample
    from .api import reading, writing
    from .ogc import writing as ogc

    app.register_blueprint(pages.bp)
    app.add_url_rule("/", endpoint="home", view_func=pages.map_page)
    assets.add(app, *pages.FOLDERS)
    app.register_blueprint(cli.bp)
    operations.init_app(app, reading.bp.description)
    api.register(app, reading.bp, writing.bp)
    app.register_blueprint(ogc.bp)
    about = {"app_name": "OGC API Features"}
    docs = get_swaggerui_blueprint("/ogc/docs", "/ogc/api?f=json", about, blueprint_name="ogc_docs")
    app.register_blueprint(docs)
    cors.init_app(app)
    signal("database-prepared").connect(sample.load_sample)
    if app.config["METRICS"]:
        from .. import metrics
        from .metrics import measure

        metrics.add(app, measure)
