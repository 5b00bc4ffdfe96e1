"""What the API takes and gives."""

from typing import Any

from marshmallow import RAISE, Schema, fields
from marshmallow.validate import Range

from . import geo


class Query(Schema):
    """A query string: a parameter that isn't known is an error."""

    class Meta:
        """Marshmallow's own settings."""

        unknown = RAISE


class Degrees(fields.Float):
    """Degrees; see geo.rounded for what is done to the tiniest."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        return geo.rounded(super()._deserialize(value, attr, data, **kwargs))


class PageQuery(Query):
    """Which page of the list."""

    limit = fields.Integer(load_default=100, validate=Range(1, 1000))
    cursor = fields.Integer(
        load_default=0,
        validate=Range(0, 2**63 - 1),
        metadata={"description": "where the page starts; `next` holds it, don't make your own"},
    )


class NearestQuery(Query):
    """A point, and how many stations around it."""

    lat = Degrees(required=True, validate=Range(-90, 90))
    lng = Degrees(required=True, validate=Range(-180, 180))
    limit = fields.Integer(load_default=10, validate=Range(1, 1000))


class StationSchema(Schema):
    """A station."""

    id = fields.Integer()
    created_at = fields.DateTime()
    updated_at = fields.DateTime()
    source = fields.String()
    code = fields.String()
    name = fields.String()
    lat = fields.Float()
    lng = fields.Float()
    properties = fields.Dict()


class PageSchema(Schema):
    """A page of stations and the address of the next one, null on the last."""

    stations = fields.List(fields.Nested(StationSchema))
    next = fields.URL(allow_none=True)


class NeighbourSchema(StationSchema):
    """A station and its distance."""

    distance = fields.Float(metadata={"description": "metres, along the great circle"})


class NeighboursSchema(Schema):
    """Stations, the nearest first."""

    stations = fields.List(fields.Nested(NeighbourSchema))
