"""The description of /ogc in OpenAPI 3.0, made when somebody asks for it."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import current_app, url_for
from marshmallow import fields

from ...web import problems
from ...web.blueprint import View
from ..api.schemas import FeatureSchema, FeaturesSchema
from .documents import GEOJSON, HTML, OPENAPI, RESOURCES, Json
from .schemas import ItemsQuery

ITEMS, ITEM = "/collections/stations/items", "/collections/stations/items/{featureId}"


class ItemSchema(FeatureSchema):
    """A station as a GeoJSON Feature, with links."""

    links = fields.List(fields.Dict())


class ItemsSchema(FeaturesSchema):
    """A page of stations."""

    timeStamp = fields.DateTime(required=True)  # noqa: N815
    numberReturned = fields.Integer(required=True)  # noqa: N815
    numberMatched = fields.Integer()  # noqa: N815


def describe() -> Json:
    """Describe the API, at the address at which it was asked."""
    return _description() | {"servers": [{"url": url_for("ogc.landing", _external=True)}]}


@cache
def _description() -> Json:
    config = current_app.config
    plugin = MarshmallowPlugin()
    spec = APISpec(config["API_TITLE"], config["API_VERSION"], "3.0.3", plugins=[plugin])
    for schema in (problems.ProblemSchema, ItemSchema, ItemsSchema):
        spec.components.schema(schema.__name__.removesuffix("Schema"), schema=schema)
    problem = {problems.MEDIA_TYPE: {"schema": _ref("schemas/Problem")}}
    spec.components.response("Problem", {"description": "what is wrong", "content": problem})
    spec.components.parameter("featureId", "path", {"schema": {"type": "integer"}})
    converter: Any = plugin.converter  # made by `spec`
    query = {
        one["name"]: one for one in converter.schema2parameters(ItemsQuery(), location="query")
    }
    for name, parameter in query.items():
        spec.components.parameter(name, "query", parameter | {"style": "form", "explode": False})
    paths = {
        path or "/": {"get": _read(describe, media_type, {"type": "object"}, "f")}
        for path, describe, media_type in RESOURCES
    }
    views = current_app.view_functions
    paths["/api"] = {"get": _read(views["ogc.definition"], OPENAPI, {"type": "object"}, "f")}
    paths[ITEMS] = {"get": _read(views["ogc.items"], GEOJSON, _ref("schemas/Items"), *query)}
    one = GEOJSON, _ref("schemas/Item"), "featureId", "f"
    paths[ITEM] = {"get": _read(views["ogc.item"], *one, fails=[404])}
    return spec.to_dict() | {"paths": paths}


def _read(
    view: View, media_type: str, schema: Json, *parameters: str, fails: Sequence[int] = ()
) -> Json:
    content = {media_type: {"schema": schema}, HTML: {"schema": {"type": "string"}}}
    responses = {
        "200": {"description": "in the format that you ask for", "content": content},
        "304": {"description": "not changed since If-None-Match"},
    }
    return _operation(view, responses, parameters, [400, 406, *fails])


def _operation(
    view: View, responses: Json, parameters: Sequence[str], fails: Sequence[int], **more: Any
) -> Json:
    problems = {str(status): _ref("responses/Problem") for status in (*fails, 500, 503)}
    return {
        "operationId": view.__name__,
        "summary": view.__doc__,
        "parameters": [_ref(f"parameters/{name}") for name in parameters],
        "responses": responses | problems,
        **more,
    }


def _ref(place: str) -> dict[str, str]:
    return {"$ref": f"#/components/{place}"}
