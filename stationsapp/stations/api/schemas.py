"""The requests and responses of the API."""

import re
from typing import Any

from marshmallow import INCLUDE, Schema, ValidationError, fields
from marshmallow.validate import Length, OneOf, Range, Validator
from webargs.fields import DelimitedList

from ...web.fields import NO_NUL, NOT_BLANK, BodyFloat, QueryInteger
from ...web.parser import StrictSchema
from .. import geo
from ..columns import COLUMNS
from ..feeds import LENGTHS, geojson
from ..properties import storable
from .representations import MEDIA_TYPES

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
LAT, LNG = Range(-90, 90), Range(-180, 180)


class QueryFloat(fields.Float):
    """A number in a query string: stricter than Python's float(), which accepts 1_0."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        if not NUMBER.fullmatch(value):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class QueryDegrees(QueryFloat):
    """Degrees in a query string."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        return geo.rounded(super()._deserialize(value, attr, data, **kwargs))


class BodyDegrees(BodyFloat):
    """Degrees in JSON."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        return geo.rounded(super()._deserialize(value, attr, data, **kwargs))


class QueryList(DelimitedList):
    """Values separated by commas, or a parameter for each value, as some clients send them."""

    is_multiple = True

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = value if isinstance(value, str) else ",".join(value)
        return super()._deserialize(text, attr, data, **kwargs)  # type: ignore[no-untyped-call]


class HighBox(QueryList):
    """A box of four or six numbers. Of six, the third and the last are heights, and ignored."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        sides = super()._deserialize(value, attr, data, **kwargs)
        return sides[:2] + sides[3:5] if len(sides) == 6 else sides


def check_bbox(bbox: list[float]) -> None:
    """Check that this is a box. Raises ValidationError."""
    if len(bbox) != 4 or not geo.is_box(*bbox):
        raise ValidationError(
            "Expected west,south,east,north: longitudes in -180..180, latitudes in -90..90, "
            "south not above north."
        )


BBOX_SHOWN = {
    "description": "west,south,east,north in degrees; if west > east, it crosses the antimeridian",
    "example": [5.9, 45.8, 10.5, 47.8],
}


class FormatQuery(StrictSchema):
    """The format of the response."""

    format = fields.String(
        validate=OneOf(list(MEDIA_TYPES)), metadata={"description": "overrides the Accept header"}
    )


class FilterQuery(StrictSchema):
    """Filters by source and by name."""

    source = fields.String(
        validate=[Length(1, 100), NO_NUL],
        metadata={"description": "only stations of this source", "example": "sample"},
    )
    q = fields.String(
        validate=[Length(1, 200), NO_NUL],
        metadata={
            "description": "words of the name, or their beginnings; case and accents don't matter",
            "example": "zurich hb",
        },
    )


class ListQuery(FilterQuery):
    """Filters, and where the page starts."""

    bbox = QueryList(QueryDegrees(), validate=check_bbox, metadata=BBOX_SHOWN)
    # Generated clients send the defaults that are documented, with all=true as well; these aren't.
    cursor = QueryInteger(
        load_default=lambda: 0,
        validate=Range(0, 2**63 - 1),
        metadata={"description": "where the page starts: copy it from `next`"},
    )


class PageQuery(ListQuery, FormatQuery):
    """A page of the list."""

    limit = QueryInteger(
        load_default=lambda: 100,
        validate=Range(1, 1000),
        metadata={"description": "the size of a page; 100 by default"},
    )
    all = fields.String(
        load_default="false",
        validate=OneOf(["true", "false"]),
        metadata={
            "description": "return all stations in one response, without pages; programs that "
            "don't follow `next`, such as a GIS, otherwise see only the first page"
        },
    )


class NearestQuery(FilterQuery, FormatQuery):
    """A point, and how many of the nearest stations to return."""

    lat = QueryDegrees(required=True, validate=LAT, metadata={"example": 48.85})
    lng = QueryDegrees(required=True, validate=LNG, metadata={"example": 2.35})
    limit = QueryInteger(load_default=10, validate=Range(1, 1000))
    radius = QueryFloat(
        validate=Range(0, 21_000_000), metadata={"description": "the greatest distance in metres"}
    )


class ClustersQuery(FilterQuery):
    """The part of the world that a map shows."""

    bbox = QueryList(QueryDegrees(), required=True, validate=check_bbox, metadata=BBOX_SHOWN)
    zoom = QueryInteger(required=True, validate=Range(0, 20), metadata={"example": 5})


def _fits(field: str) -> list[Validator]:
    return [Length(1, LENGTHS[field]), NOT_BLANK]


class StationBody(StrictSchema):
    """A new station."""

    source = fields.String(load_default="local", validate=_fits("source"))
    code = fields.String(required=True, validate=_fits("code"), metadata={"example": "8503000"})
    name = fields.String(required=True, validate=_fits("name"), metadata={"example": "Zürich HB"})
    lat = BodyDegrees(required=True, validate=LAT, metadata={"example": 47.3779})
    lng = BodyDegrees(required=True, validate=LNG, metadata={"example": 8.5403})
    properties = fields.Dict(
        keys=fields.String(),
        load_default=dict,
        validate=storable,
        metadata={"example": {"country": "CH"}},
    )


class StationPatch(StationBody):
    """The fields of a station that change."""

    # Without the default, which generated clients would send with every change.
    source = fields.String(validate=_fits("source"))


FIELD_TYPES = Schema.TYPE_MAPPING | {dict: fields.Dict}
SHOWN = {
    column.name: FIELD_TYPES[column.type](required=True, allow_none=column.nullable)
    for column in COLUMNS
}

StationSchema = Schema.from_dict(SHOWN, name="StationSchema")
NeighbourSchema = StationSchema.from_dict(
    {"distance": fields.Float(required=True, metadata={"description": "in metres"})},
    name="NeighbourSchema",
)
Columns = Schema.from_dict({name: SHOWN[name] for name in SHOWN if name in geojson.COLUMNS})


class FeaturePropertiesSchema(Columns):  # type: ignore[misc,valid-type]
    """A station's columns and its properties, side by side.

    A property that has the name of a column, or `distance`, is called `properties.<name>`.
    """

    class Meta:
        """Marshmallow's options."""

        unknown = INCLUDE

    distance = fields.Float(metadata={"description": "in metres; only in /nearest"})


class PageSchema(Schema):
    """A page of stations, and the URL of the next page: null on the last one."""

    stations = fields.List(fields.Nested(StationSchema), required=True)
    next = fields.String(required=True, allow_none=True)


class NeighboursSchema(Schema):
    """Stations, the nearest first."""

    stations = fields.List(fields.Nested(NeighbourSchema), required=True)


class ClusterSchema(Schema):
    """Stations close to each other: their number, mean position and extent."""

    count = fields.Integer(required=True)
    lat = fields.Float(required=True)
    lng = fields.Float(required=True)
    bounds = fields.List(
        fields.Float(), metadata={"description": "west, south, east, north; only if count > 1"}
    )
    station = fields.Nested(StationSchema, metadata={"description": "only if count is 1"})


class ClustersSchema(Schema):
    """The clusters on a map."""

    clusters = fields.List(fields.Nested(ClusterSchema), required=True)


class GeometrySchema(Schema):
    """A position: longitude, latitude, and the altitude if the feed has it."""

    type = fields.String(validate=OneOf(["Point"]), required=True)
    coordinates = fields.List(fields.Float(), required=True, validate=Length(min=2))


class FeatureSchema(Schema):
    """A station as a GeoJSON Feature (RFC 7946)."""

    type = fields.String(validate=OneOf(["Feature"]), required=True)
    id = fields.Integer(required=True)
    geometry = fields.Nested(GeometrySchema, required=True)
    properties = fields.Nested(FeaturePropertiesSchema, required=True)


class FeaturesSchema(Schema):
    """Stations as a GeoJSON FeatureCollection (RFC 7946)."""

    type = fields.String(validate=OneOf(["FeatureCollection"]), required=True)
    features = fields.List(fields.Nested(FeatureSchema), required=True)
    links = fields.List(fields.Dict())
