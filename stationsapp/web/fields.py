"""Types of fields: what a client may send, and PostgreSQL can keep, without a guess."""

import re
from collections.abc import Iterator
from typing import Any

from marshmallow import ValidationError, fields
from marshmallow.validate import Regexp

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
WHOLE = re.compile(r"\d{1,19}", re.ASCII)
NO_NUL = Regexp(r"^[^\x00]*$", error="must not hold a NUL character")


class QueryFloat(fields.Float):
    """A number in a query string: stricter than Python's float(), which takes 1_0 and ١."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        if not NUMBER.fullmatch(value):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class QueryInteger(fields.Integer):
    """A whole number in a query string."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not WHOLE.fullmatch(value):
            raise self.make_error("invalid", input=value)
        return int(value)


class BodyFloat(fields.Float):
    """A number in JSON: a string of digits is none, nor is true."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


def no_nul_within(value: Any) -> None:
    """Refuse a JSON value that jsonb can't hold, for a NUL character in a text or a key of it."""
    if any("\0" in text for text in _texts(value)):
        raise ValidationError(NO_NUL.error)


def _texts(value: Any) -> Iterator[str]:
    """Yield every string in a JSON value, the keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts(item)
