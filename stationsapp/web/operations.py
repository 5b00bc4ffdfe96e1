"""What generators of clients need of the API's description."""

from collections.abc import Callable
from typing import Any

from apispec import BasePlugin
from flask import Flask
from marshmallow import fields
from werkzeug.routing import IntegerConverter

from .blueprint import Blueprint, View, documented


class SuccessFirst(BasePlugin):
    """Sorts the responses of operations by status: clients return the type of the first one."""

    def operation_helper(
        self, path: str | None = None, operations: dict[str, Any] | None = None, **_: Any
    ) -> None:
        """Sort the responses of the operations."""
        for operation in (operations or {}).values():
            by_status = sorted(operation["responses"].items(), key=lambda item: str(item[0]))
            operation["responses"] = dict(by_status)


# Without the formats, ids have 32 bits in Java.
ID = {"type": "integer", "format": "int64", "minimum": 0}


def _sized(_: Any, field: Any, **__: Any) -> dict[str, str]:
    if isinstance(field, fields.Integer):
        return {"format": "int64"}
    return {"format": "double"} if isinstance(field, fields.Float) else {}


def init_app(app: Flask, *tags: str) -> None:
    """Describe where the API is, and the groups of its operations. Call this before `register`."""
    api = app.extensions["api"]
    api.ma_plugin.converter.add_attribute_function(_sized)
    api.register_converter(IntegerConverter, lambda _: ID)
    spec = api.spec
    spec.plugins.append(SuccessFirst())
    spec.options |= {"servers": [{"url": "/"}], "tags": [{"name": tag} for tag in tags]}


def operation(bp: Blueprint, name: str) -> Callable[[View], View]:
    """Document an operation's id, and its group, which is the blueprint's description."""
    return documented(bp.doc(operationId=name, tags=[bp.description]))
