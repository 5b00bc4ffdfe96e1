"""Strict field types: they accept only what PostgreSQL can store exactly as it was meant."""

import re
from typing import Any

from marshmallow import fields
from marshmallow.validate import Regexp

WHOLE = re.compile(r"\d{1,19}", re.ASCII)
NO_NUL = Regexp(r"^[^\x00]*$", error="must not contain a NUL character")
NOT_BLANK = Regexp(
    r"^[^\x00]*[^\x00\s][^\x00]*$", error="must not be blank, or contain a NUL character"
)


class QueryInteger(fields.Integer):
    """A whole number in a query string."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not WHOLE.fullmatch(value):
            raise self.make_error("invalid", input=value)
        return int(value)


class BodyFloat(fields.Float):
    """A number in JSON, but not a string of digits or true."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)
