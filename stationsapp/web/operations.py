"""What client generators need in the description of the API."""

from collections.abc import Callable
from typing import Any

from apispec import BasePlugin
from flask import Flask
from marshmallow import fields
from werkzeug.routing import IntegerConverter

from .blueprint import Blueprint, View, documented

# Without the formats, ids have 32 bits in Java.
ID = {"type": "integer", "format": "int64", "minimum": 0}


def _sized(_: Any, field: Any, **__: Any) -> dict[str, str]:
    if isinstance(field, fields.Integer):
        return {"format": "int64"}
    return {"format": "double"} if isinstance(field, fields.Float) else {}


class ForGenerators(BasePlugin):
    """Sorts the responses by status, and adds the sizes of numbers.

    A generated client returns the type of the first response.
    """

    def init_spec(self, spec: Any) -> None:
        """Add the sizes of numbers."""
        flask_plugin, marshmallow_plugin = spec.plugins[:2]  # flask-smorest's own
        flask_plugin.register_converter(IntegerConverter, lambda _: ID)
        marshmallow_plugin.converter.add_attribute_function(_sized)

    def operation_helper(
        self, path: str | None = None, operations: dict[str, Any] | None = None, **_: Any
    ) -> None:
        """Sort the responses of the operations."""
        for operation in (operations or {}).values():
            by_status = sorted(operation["responses"].items(), key=lambda item: str(item[0]))
            operation["responses"] = dict(by_status)


def init_app(app: Flask, *tags: str) -> None:
    """Describe the server, and the tags of the operations."""
    app.extensions["api"].options = {
        "extra_plugins": [ForGenerators()],
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in tags],
    }


def operation(bp: Blueprint, name: str) -> Callable[[View], View]:
    """Document the id of an operation, and its tag, which is the blueprint's description."""
    return documented(bp.doc(operationId=name, tags=[bp.description]))
