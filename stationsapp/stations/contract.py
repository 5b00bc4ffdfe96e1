"""What every operation of the API shares: how it reads a request, and what it says of itself."""

from collections.abc import Callable
from math import inf
from typing import Any

import flask_smorest
import orjson
from flask import Request, abort
from marshmallow import Schema, ValidationError
from webargs.flaskparser import FlaskParser

from .representations import TYPES
from .schemas import ProblemSchema

BODY_TYPES = ("application/json", "application/merge-patch+json")

DEEPEST = 100  # levels of lists and objects in a body

View = Callable[..., Any]


class Parser(FlaskParser):
    """Reads requests strictly: nothing is ignored, and no body is a server's error."""

    DEFAULT_UNKNOWN_BY_LOCATION: dict[str, str | None] = {}  # noqa: RUF012

    def load_querystring(self, req: Request, schema: Schema) -> Any:
        """Refuse a parameter that is given more than once."""
        repeated = [name for name, values in req.args.lists() if len(values) > 1]
        if repeated:
            raise ValidationError({name: ["Given more than once."] for name in repeated})
        return super().load_querystring(req, schema)

    def load_json(self, req: Request, schema: Schema) -> Any:
        """Read a body of JSON (RFC 8259), where NaN, Infinity and 1e400 are no numbers."""
        if req.mimetype not in BODY_TYPES:
            abort(415, f"expected a body of {' or '.join(BODY_TYPES)}")
        data = req.get_data()
        # A body that comes in chunks says no length, and some servers then cut it off silently.
        if req.content_length is None and len(data) >= (req.max_content_length or inf):
            abort(413)
        try:
            value = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise ValidationError({"body": [f"Not JSON: {error}."]}) from error
        if _is_deeper(value, DEEPEST):
            raise ValidationError({"body": [f"Nested more than {DEEPEST} deep."]})
        return value


def _is_deeper(value: Any, levels: int) -> bool:
    """Tell whether lists and objects lie in one another deeper than so many levels."""
    level = [value]
    for _ in range(levels + 1):
        level = [
            item
            for outer in level
            if isinstance(outer, list | dict)
            for item in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return bool(level)


class Api(flask_smorest.Api):  # type: ignore[misc]
    """An API whose errors are problem documents."""

    ERROR_SCHEMA = ProblemSchema


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    """A blueprint whose arguments are read by Parser."""

    ARGUMENTS_PARSER = Parser()

    def answers(self, schema: type[Schema], features: type[Schema]) -> Callable[[View], View]:
        """Say that a read answers in each of the formats, or that nothing has changed."""
        shown = {"csv": {"type": "string"}, "geojson": features, "json": schema}
        return _documented(
            self.alt_response(304, description="not changed since If-None-Match"),
            *(
                self.alt_response(200, schema=shown[form], content_type=TYPES[form])
                for form in shown
            ),
        )

    def fails(self, *statuses: int) -> Callable[[View], View]:
        """Say which errors an operation answers with, beside those of the whole API."""
        # By its name: flask-smorest copies what was said before with each answer, and a schema in
        # it with all its fields, which took 15 ms of every start.
        return _documented(
            *(
                self.alt_response(
                    status, schema=ProblemSchema.__name__, content_type="application/problem+json"
                )
                for status in (*statuses, 500, 503)
            )
        )


def _documented(*decorators: Callable[[View], View]) -> Callable[[View], View]:
    """Take what decorators say of a view without the calls that each would add to a request."""

    def decorate(view: View) -> View:
        wrapped: Any = view
        for decorator in decorators:
            wrapped = decorator(wrapped)
        view._apidoc = wrapped._apidoc  # type: ignore[attr-defined]
        return view

    return decorate
