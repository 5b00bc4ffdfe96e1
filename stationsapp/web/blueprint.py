"""The blueprint of a resource, which parses requests strictly and documents responses."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import flask_smorest
from marshmallow import Schema

from . import problems
from .parser import Parser

View = Callable[..., Any]


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    """A blueprint that parses arguments with Parser."""

    ARGUMENTS_PARSER = Parser()

    def arguments(self, schema: Schema, *, location: str = "json") -> Callable[[View], View]:
        """Load the request's body or query string for the view, and document it."""
        document = documented(super().arguments(schema, location=location))

        def decorate(view: View) -> View:
            @wraps(view)
            def with_arguments(**arguments: Any) -> Any:
                return view(self.ARGUMENTS_PARSER.parse(schema, location=location), **arguments)

            return document(with_arguments)

        return decorate

    def answers(
        self, schemas: Mapping[str, type[Schema] | dict[str, Any]]
    ) -> Callable[[View], View]:
        """Document the responses to a read: one for each media type, and 304."""
        return documented(
            self.alt_response(304, description="not changed since If-None-Match"),
            *(
                self.alt_response(200, schema=schema, content_type=media_type)
                for media_type, schema in schemas.items()
            ),
        )

    def fails(self, *statuses: int) -> Callable[[View], View]:
        """Document the errors of an operation, in addition to those of the whole API."""
        # The name and not the class, because flask-smorest copies the documentation with all its
        # schemas for each response, which took 15 ms of every start.
        schema = problems.ProblemSchema.__name__
        return documented(
            *(
                self.alt_response(status, schema=schema, content_type=problems.MEDIA_TYPE)
                for status in (*statuses, 500, 503)
            )
        )


def documented(*decorators: Callable[[View], View]) -> Callable[[View], View]:
    """Keep only the documentation of the decorators, not the calls they would add to a request."""

    def decorate(view: View) -> View:
        wrapped: Any = view
        for decorator in decorators:
            wrapped = decorator(wrapped)
        view._apidoc = wrapped._apidoc  # type: ignore[attr-defined]
        return view

    return decorate
