"""Features that clients send: which members are columns, and which are properties."""

import json
from typing import Any

from marshmallow import ValidationError, pre_load

from ...models import Station
from ...web.parser import Parser
from ..feeds import LENGTHS, geojson
from ..feeds.headers import from_file, to_file
from .schemas import StationBody

Json = dict[str, Any]


class FeatureParser(Parser):
    """Loads a Feature, or a merge patch of one."""

    BODY_TYPES = (geojson.GEOJSON.media_type, *Parser.BODY_TYPES)


PARSER = FeatureParser()


class FeatureBody(StationBody):
    """A GeoJSON Feature of a station; without required fields if it is `partial`."""

    @pre_load
    def unwrapped(self, feature: Any, **_: Any) -> Json:
        """Return the fields of a station. Raises ValidationError.

        The server sets the id and the times, so those of the client are ignored. Other members,
        such as links, are ignored too. Except in a patch, null means that there is no value.
        """
        kind = (
            feature.get("type", self.partial and "Feature") if isinstance(feature, dict) else None
        )
        if kind != "Feature":
            raise ValidationError("Expected a GeoJSON Feature.", "type")
        sent = feature.get("properties", {})
        if not isinstance(sent, dict):
            raise ValidationError("Expected an object.", "properties")
        if not self.partial:
            sent = {name: value for name, value in sent.items() if value is not None}
        values = {name: sent[name] for name in LENGTHS if name in sent}
        own = {
            to_file(from_file(name, geojson.API_RESERVED), {geojson.EXTRA}): value
            for name, value in sent.items()
            if name not in geojson.COLUMNS
        }
        if "geometry" in feature or not self.partial:
            values["lng"], values["lat"], *height = _position(feature.get("geometry"))
            if height:  # stations keep it as an import does
                own[geojson.EXTRA] = {"coordinates": height}
        return values | {"properties": own}


def _position(geometry: Any) -> list[Any]:
    match geometry:
        case {"type": "Point", "coordinates": [lng, lat, *height]} | {
            "type": "MultiPoint",
            "coordinates": [[lng, lat, *height]],
        } if all(type(metres) in (int, float) for metres in height):
            return [lng, lat, *height]
    raise ValidationError("Expected a Point, or a MultiPoint with one point.", "geometry")


def replacing(station: Station, values: Json) -> Json:
    """Return the new values of a station. Values that the client has only rounded stay the same.

    QGIS rounds degrees to 6 digits and has no heights. GDAL turns lists and objects into text.
    """
    old, new = station.properties, values["properties"]
    kept = {name: None for name, value in old.items() if value is None}
    if geojson.EXTRA in old:  # the height, and other members, which clients don't send
        extra, height = old[geojson.EXTRA], new.pop(geojson.EXTRA, None)
        others = extra if isinstance(extra, dict) else {geojson.EXTRA: extra}
        kept[geojson.EXTRA] = others | height if height else extra
    same = {name: old[name] for name in new if name in old and _means(new[name], old[name])}
    places = {
        side: getattr(station, side)
        for side in ("lat", "lng")
        if values[side] == round(getattr(station, side), 6)
    }
    return values | places | {"properties": kept | new | same}


def _means(sent: Any, value: Any) -> bool:
    if isinstance(value, list | dict) and isinstance(sent, str):
        try:
            sent = json.loads(sent)
        except (ValueError, RecursionError):
            return False
    return bool(sent == value) and isinstance(sent, bool) == isinstance(value, bool)
