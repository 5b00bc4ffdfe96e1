"""A resource's blueprint: it reads requests strictly and says what it answers."""

from collections.abc import Callable, Mapping
from typing import Any

import flask_smorest
from marshmallow import Schema

from . import problems
from .parser import Parser

View = Callable[..., Any]


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    """A blueprint whose arguments are read by Parser."""

    ARGUMENTS_PARSER = Parser()

    def answers(
        self, schemas: Mapping[str, type[Schema] | dict[str, Any]]
    ) -> Callable[[View], View]:
        """Say what a read answers with, by media type; or that nothing has changed."""
        return _documented(
            self.alt_response(304, description="not changed since If-None-Match"),
            *(
                self.alt_response(200, schema=schema, content_type=media_type)
                for media_type, schema in schemas.items()
            ),
        )

    def fails(self, *statuses: int) -> Callable[[View], View]:
        """Say which errors an operation answers with, beside those of the whole API."""
        # By its name: flask-smorest copies what was said before with each answer, and a schema in
        # it with all its fields, which took 15 ms of every start.
        schema = problems.ProblemSchema.__name__
        return _documented(
            *(
                self.alt_response(status, schema=schema, content_type=problems.MEDIA_TYPE)
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
