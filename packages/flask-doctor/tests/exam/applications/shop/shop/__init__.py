import os

from dotenv import load_dotenv
from flask import Flask

from .extensions import db, doctor, migrate

load_dotenv()


def create_app(test_config=None):
    app = Flask(__name__, instance_relative_config=True)
    app.config.from_mapping(
        SECRET_KEY="dev",
        SQLALCHEMY_DATABASE_URI=os.environ["DATABASE_URL"],
        SQLALCHEMY_ENGINE_OPTIONS={"pool_pre_ping": True},
    )
    if test_config is not None:
        app.config.from_mapping(test_config)
    db.init_app(app)
    migrate.init_app(app, db)
    doctor.init_app(app)

    from . import cart, catalog

    app.register_blueprint(catalog.bp)
    app.register_blueprint(cart.bp)
    return app
