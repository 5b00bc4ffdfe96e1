"""The API: its OpenAPI description, and the page that shows it.

A resource is a `web.blueprint.Blueprint` under /api. `register(app, bp)` serves it, documents it in
/openapi.json and at /docs, and answers its errors as problem documents.
"""

from functools import cached_property
from typing import Any

import flask_smorest
from flask import Flask, Response, current_app
from flask_smorest.spec import openapi_cli
from flask_swagger_ui import get_swaggerui_blueprint
from werkzeug.exceptions import HTTPException

from .blueprint import Blueprint
from .problems import ProblemSchema, problem


class Described(flask_smorest.Api):  # type: ignore[misc]
    """An API whose errors are problem documents."""

    ERROR_SCHEMA = ProblemSchema


class Api:
    """The resources of an application. `options` are those of `apispec.APISpec`."""

    def __init__(self, app: Flask) -> None:
        self.settings = app.config.get_namespace("API_", lowercase=False, trim_namespace=False)
        self.options: dict[str, Any] = {}
        self.blueprints: list[Blueprint] = []

    @cached_property
    def spec(self) -> Any:
        """The OpenAPI description. It is made on demand, because most processes never need it."""
        app = Flask(__name__)  # a separate one, because the other one's setup is finished
        app.config.update(self.settings, OPENAPI_VERSION="3.1.0")
        described = Described(app, spec_kwargs=self.options)
        described.spec.components.security_scheme("token", {"type": "http", "scheme": "bearer"})
        for blueprint in self.blueprints:
            described.register_blueprint(blueprint)
        return described.spec


def init_app(app: Flask) -> None:
    """Serve the OpenAPI description and its page, and return errors as problem documents."""
    api = Api(app)
    app.extensions["api"] = api
    app.add_url_rule("/openapi.json", view_func=openapi)
    # flask-smorest's commands look for the description here.
    app.extensions["flask-smorest"] = {"apis": {"": {"ext_obj": api}}}
    app.cli.add_command(openapi_cli)
    app.register_error_handler(HTTPException, problem)
    page = {"app_name": f"The API of {app.config['API_TITLE']}"}
    app.register_blueprint(get_swaggerui_blueprint("/docs", "/openapi.json", page))


def register(app: Flask, *blueprints: Blueprint) -> None:
    """Serve resources and document them. Call this after `init_app`."""
    for blueprint in blueprints:
        app.register_blueprint(blueprint)
    app.extensions["api"].blueprints.extend(blueprints)


def openapi() -> Response:
    """Send the OpenAPI description."""
    description = current_app.extensions["api"].spec.to_dict()
    body = current_app.json.dumps(description, indent=2, sort_keys=False)
    return Response(body, mimetype="application/json")
