# The parts meet only here, and never in a circle (Flask-Doctor's docs/errors.md#circular-import).

import sys

from flask import Flask


def create_app(config: str | type | None = None) -> Flask:
    """Make the application: the only place where its parts meet.

    `config` is the name of a class in `config.py` (`development`, `testing`, `production`) or a
    class; without it APP_CONFIG decides. Raises SettingsError.
    """
    # Imported here, so that one broken part doesn't keep the others' commands from loading.
    from . import health, postgres, settings, sign_in, tokens, web, widgets
    from .extensions import db, doctor
    from .web import api

    app = Flask(__name__, static_folder=None)  # web.assets serves the static files
    settings.load(app, config)
    doctor.init_app(app)
    postgres.configure(app)
    db.init_app(app)
    if "flask_migrate" in sys.modules:  # `flask` has loaded it, but a server doesn't need it
        from .prepare import migrate

        migrate.init_app(app, db)
    app.register_blueprint(health.bp)
    web.init_app(app)
    api.init_app(app)
    app.register_blueprint(tokens.bp)
    sign_in.init_app(app)
    widgets.init_app(app)
    return app
