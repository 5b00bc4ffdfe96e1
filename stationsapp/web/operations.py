"""What generators of clients need of the API's description."""

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
    """Sorts the responses by status, as clients return the type of the first one; sizes numbers."""

    def init_spec(self, spec: Any) -> None:
        """Name the sizes of numbers."""
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
    """Describe where the API is, and the groups of its operations."""
    app.extensions["api"].options = {
        "extra_plugins": [ForGenerators()],
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in tags],
    }


def operation(bp: Blueprint, name: str) -> Callable[[View], View]:
    """Document an operation's id, and its group, which is the blueprint's description."""
    return documented(bp.doc(operationId=name, tags=[bp.description]))
