"""What generators of clients need of the API's description."""

from collections.abc import Callable
from typing import Any

from apispec import BasePlugin
from flask import Flask

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


def init_app(app: Flask, *tags: str) -> None:
    """Describe where the API is, and the groups of its operations."""
    app.extensions["api"].options = {
        "extra_plugins": [SuccessFirst()],
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in tags],
    }


def operation(bp: Blueprint, name: str) -> Callable[[View], View]:
    """Document an operation's id, and its group, which is the blueprint's description."""
    return documented(bp.doc(operationId=name, tags=[bp.description]))
