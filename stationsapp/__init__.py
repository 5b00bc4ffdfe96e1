# The parts meet only here, and never in a circle (Flask-Doctor's docs/errors.md#circular-import).

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask


def create_app(config: str | type | None = None) -> "Flask":
    """Make the application: the only place where its parts meet.

    `config` is the name of a class in `config.py` (`development`, `testing`, `production`) or a
    class; without it APP_CONFIG decides. Raises SettingsError.
    """
    # Imported here, so that one broken part doesn't keep the others' commands from loading, and so
    # that the embedded server's keeper starts without Flask.
    from flask import Flask

    from . import database, gate, health, replica, settings, sign_in, stations, tokens, web
    from .extensions import db, doctor
    from .web import api, request_log

    app = Flask(__name__, static_folder=None)  # web.assets serves the static files
    settings.load(app, config)
    gate.init_app(app)
    doctor.init_app(app)
    database.configure(app)
    db.init_app(app)
    database.init_app(app)
    replica.init_app(app)
    if "flask_migrate" in sys.modules:  # `flask` has loaded it, but a server doesn't need it
        from .prepare import migrate

        migrate.init_app(app, db)
    app.register_blueprint(tokens.bp)
    health.init_app(app)
    web.init_app(app)
    api.init_app(app)
    sign_in.init_app(app)
    request_log.init_app(app)
    if app.config["METRICS"]:
        from . import metrics

        metrics.init_app(app)
    stations.init_app(app)
    return app
