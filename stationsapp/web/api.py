"""The API: its OpenAPI description, and the page that shows it.

A resource is a `web.blueprint.Blueprint` under /api. `register(app, bp)` serves it, documents it in
/openapi.json and at /docs, and answers its errors as problem documents.
"""

import flask_smorest
from flask import Flask
from flask_swagger_ui import get_swaggerui_blueprint

from .blueprint import Blueprint
from .problems import ProblemSchema, problem


class Api(flask_smorest.Api):  # type: ignore[misc]
    """An API whose errors are problem documents."""

    ERROR_SCHEMA = ProblemSchema
    handle_http_exception = staticmethod(problem)


def init_app(app: Flask) -> None:
    """Serve the OpenAPI description and its page, and return errors as problem documents."""
    app.config["OPENAPI_VERSION"] = "3.1.0"
    app.config["OPENAPI_URL_PREFIX"] = "/"
    api = Api(app)
    api.spec.components.security_scheme("token", {"type": "http", "scheme": "bearer"})
    app.extensions["api"] = api
    page = {"app_name": f"The API of {app.config['API_TITLE']}"}
    app.register_blueprint(get_swaggerui_blueprint("/docs", "/openapi.json", page))


def register(app: Flask, *blueprints: Blueprint) -> None:
    """Serve resources and document them. Call this after `init_app`."""
    for blueprint in blueprints:
        app.extensions["api"].register_blueprint(blueprint)
