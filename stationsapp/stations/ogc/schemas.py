"""The query strings."""

from typing import Any

from marshmallow import fields
from marshmallow.validate import OneOf, Range

from ...web.fields import QueryInteger
from ...web.intervals import QueryInterval
from ...web.parser import StrictSchema
from ..api.schemas import BBOX_SHOWN, ListQuery, QueryDegrees, QueryList, check_bbox

LIMIT = 1_000  # stations on a page; who asks for more gets these


class Bbox(QueryList):
    """A box: four sides, or six numbers, of which two are heights, which stations don't have."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        sides = super()._deserialize(value, attr, data, **kwargs)
        return sides[:2] + sides[3:5] if len(sides) == 6 else sides


class FormatQuery(StrictSchema):
    """The format."""

    f = fields.String(
        validate=OneOf(["json", "html"]), metadata={"description": "overrides the Accept header"}
    )


class ItemsQuery(ListQuery, FormatQuery):
    """Filters, and a page of what they leave."""

    bbox = Bbox(
        QueryDegrees(),
        validate=check_bbox,
        metadata=BBOX_SHOWN | {"oneOf": [{"minItems": n, "maxItems": n} for n in (4, 6)]},
    )
    limit = QueryInteger(
        load_default=100,
        validate=Range(1),
        metadata={"maximum": LIMIT, "description": f"more than {LIMIT:,} is {LIMIT:,}"},
    )
    updated = QueryInterval(
        data_key="datetime",
        metadata={
            "type": "string",
            "description": "of the last change: a time, or an interval, which may be open",
            "example": "2026-01-01T00:00:00Z/..",
        },
    )
