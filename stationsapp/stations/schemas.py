"""What the API takes and gives."""

import re
from collections.abc import Iterator
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validates
from marshmallow.validate import Length, OneOf, Range, Regexp
from webargs.fields import DelimitedList

from . import geo
from .representations import TYPES

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
WHOLE = re.compile(r"\d{1,19}", re.ASCII)
NO_NUL = Regexp(r"^[^\x00]*$", error="must not hold a NUL character")
LAT, LNG = Range(-90, 90), Range(-180, 180)


class QueryFloat(fields.Float):
    """A number in a query string: stricter than Python's float(), which takes 1_0 and ١."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        if not NUMBER.fullmatch(value):
            raise self.make_error("invalid", input=value)
        return geo.rounded(super()._deserialize(value, attr, data, **kwargs))


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
        return geo.rounded(super()._deserialize(value, attr, data, **kwargs))


class Query(Schema):
    """A query string: a parameter that isn't known is an error."""

    class Meta:
        """Marshmallow's own settings."""

        unknown = RAISE


def _check_bbox(bbox: list[float]) -> None:
    if len(bbox) != 4 or not geo.is_box(*bbox):
        raise ValidationError(
            "Expected west,south,east,north: longitudes in -180..180, latitudes in -90..90, "
            "south not above north."
        )


class BBox(DelimitedList):
    """west,south,east,north in degrees; with west > east it crosses the antimeridian."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            QueryFloat(),
            validate=_check_bbox,
            metadata={"description": self.__doc__, "example": [5.9, 45.8, 10.5, 47.8]},
            **kwargs,
        )


class FormatQuery(Query):
    """In which format."""

    format = fields.String(
        validate=OneOf(list(TYPES)),
        metadata={"description": "instead of the Accept header"},
    )


class FilterQuery(FormatQuery):
    """Which stations."""

    source = fields.String(
        validate=[Length(1, 100), NO_NUL],
        metadata={"description": "of this feed alone", "example": "sample"},
    )
    q = fields.String(
        validate=[Length(1, 200), NO_NUL],
        metadata={
            "description": "words of the name, each a prefix, in any case, with or without accents",
            "example": "zurich hb",
        },
    )


class PageQuery(FilterQuery):
    """A page of the list."""

    bbox = BBox()
    limit = QueryInteger(load_default=100, validate=Range(1, 1000))
    cursor = QueryInteger(
        load_default=0,
        validate=Range(0, 2**63 - 1),
        metadata={"description": "where the page starts, as `next` says; don't make your own"},
    )
    all = fields.String(
        load_default="false",
        validate=OneOf(["true", "false"]),
        metadata={"description": "every station, in one stream without limit"},
    )


class NearestQuery(FilterQuery):
    """A point, and how many stations around it."""

    lat = QueryFloat(required=True, validate=LAT, metadata={"example": 48.85})
    lng = QueryFloat(required=True, validate=LNG, metadata={"example": 2.35})
    limit = QueryInteger(load_default=10, validate=Range(1, 1000))
    radius = QueryFloat(
        validate=Range(0, 21_000_000), metadata={"description": "not farther than so many metres"}
    )


class ClustersQuery(Query):
    """What a map shows."""

    bbox = BBox(required=True)
    zoom = QueryInteger(required=True, validate=Range(0, 20), metadata={"example": 5})


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


class StationBody(Schema):
    """A station to be made or changed."""

    class Meta:
        """Marshmallow's own settings."""

        unknown = RAISE

    source = fields.String(load_default="local", validate=[Length(1, 100), NO_NUL])
    code = fields.String(
        required=True, validate=[Length(1, 255), NO_NUL], metadata={"example": "8503000"}
    )
    name = fields.String(
        required=True, validate=[Length(1, 500), NO_NUL], metadata={"example": "Zürich HB"}
    )
    lat = BodyFloat(required=True, validate=LAT, metadata={"example": 47.3779})
    lng = BodyFloat(required=True, validate=LNG, metadata={"example": 8.5403})
    properties = fields.Dict(
        keys=fields.String(), load_default=dict, metadata={"example": {"country": "CH"}}
    )

    @validates("properties")
    def check_properties(self, properties: dict[str, Any], data_key: str) -> None:
        """Refuse what jsonb can't hold."""
        if any("\0" in text for text in _texts(properties)):
            raise ValidationError("must not hold a NUL character")


class StationPatch(StationBody):
    """What is to be changed of a station."""


class StationSchema(Schema):
    """A station."""

    id = fields.Integer(required=True)
    source = fields.String(required=True)
    code = fields.String(required=True)
    name = fields.String(required=True)
    lat = fields.Float(required=True)
    lng = fields.Float(required=True)
    properties = fields.Dict(required=True)
    created_at = fields.DateTime(required=True)
    updated_at = fields.DateTime(required=True)


class NeighbourSchema(StationSchema):
    """A station and how far it is."""

    distance = fields.Float(required=True, metadata={"description": "metres, great circle"})


class PageSchema(Schema):
    """A page of stations, and the address of the next: null on the last."""

    stations = fields.List(fields.Nested(StationSchema), required=True)
    next = fields.String(required=True, allow_none=True)


class NeighboursSchema(Schema):
    """Stations, the nearest first."""

    stations = fields.List(fields.Nested(NeighbourSchema), required=True)


class ClusterSchema(Schema):
    """Stations near one another: how many, their mean position, and what they span."""

    count = fields.Integer(required=True)
    lat = fields.Float(required=True)
    lng = fields.Float(required=True)
    bounds = fields.List(
        fields.Float(), metadata={"description": "west, south, east, north; of several stations"}
    )
    station = fields.Nested(StationSchema, metadata={"description": "of one station alone"})


class ClustersSchema(Schema):
    """What a map shows."""

    clusters = fields.List(fields.Nested(ClusterSchema), required=True)


class GeometrySchema(Schema):
    """A position: longitude, latitude."""

    type = fields.Constant("Point", required=True)
    coordinates = fields.List(fields.Float(), required=True, validate=Length(equal=2))


class FeatureSchema(Schema):
    """A station as a feature of RFC 7946."""

    type = fields.Constant("Feature", required=True)
    id = fields.Integer(required=True)
    geometry = fields.Nested(GeometrySchema, required=True)
    properties = fields.Dict(required=True)


class FeaturesSchema(Schema):
    """Stations as a feature collection of RFC 7946."""

    type = fields.Constant("FeatureCollection", required=True)
    features = fields.List(fields.Nested(FeatureSchema), required=True)
    links = fields.List(fields.Dict())


class ProblemSchema(Schema):
    """What went wrong (RFC 9457)."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String()
    errors = fields.Dict(metadata={"description": "by field, what is wrong with it"})
    request_id = fields.String(metadata={"description": "the line in the log, for a 500"})
