"""The requests and responses of the API."""

from marshmallow import Schema, fields
from marshmallow.validate import Length, OneOf, Range

from ..models import BEST_RATING, EARLIEST, LATEST, STATUSES
from ..web.fields import NO_NUL, BodyFloat, QueryInteger
from ..web.parser import StrictSchema
from .queries import LARGEST_ID


class PageQuery(StrictSchema):
    """A page of the list."""

    limit = QueryInteger(load_default=100, validate=Range(1, 1000))
    after = QueryInteger(
        load_default=0,
        validate=Range(0, LARGEST_ID),
        metadata={"description": "where the page starts, as `next` says"},
    )


class WidgetBody(StrictSchema):
    """A widget to be made or changed."""

    name = fields.String(required=True, validate=[Length(1, 200), NO_NUL])
    status = fields.String(validate=OneOf(STATUSES))
    rating = BodyFloat(allow_none=True, validate=Range(0, BEST_RATING))
    starts_at = fields.AwareDateTime(allow_none=True, validate=Range(EARLIEST, LATEST))


class WidgetPatch(WidgetBody):
    """What is to be changed of a widget."""


class TokenSchema(Schema):
    """Who has changed something."""

    id = fields.Integer(required=True)
    name = fields.String(required=True)


class WidgetSchema(Schema):
    """A widget."""

    id = fields.Integer(required=True)
    name = fields.String(required=True)
    status = fields.String(required=True)
    rating = fields.Float(required=True, allow_none=True)
    starts_at = fields.DateTime(required=True, allow_none=True)
    changed_by = fields.Nested(TokenSchema, required=True, allow_none=True)
    created_at = fields.DateTime(required=True)
    updated_at = fields.DateTime(required=True)


class PageSchema(Schema):
    """A page of widgets, and the address of the next one: null on the last."""

    widgets = fields.List(fields.Nested(WidgetSchema), required=True)
    next = fields.String(required=True, allow_none=True)
