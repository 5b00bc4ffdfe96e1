"""Merge two edits of the same station, field by field.

A field is `source`, `code`, `name`, `position`, or one of the properties: `properties.KEY`.
"""

from typing import Any, NamedTuple

from ..feeds import same, shown
from .words import degrees

Values = dict[str, Any]
"""A station's columns by name, as in a form; in this module, also its fields by name."""

PROPERTY = "properties."
GONE = object()  # the value of a property that one side doesn't have


class Difference(NamedTuple):
    """A field that somebody else has changed. If we have too, it is a conflict."""

    field: str
    theirs: str
    mine: str
    is_conflict: bool

    @property
    def label(self) -> str:
        """Return the name of the field on the page."""
        name = self.field.removeprefix(PROPERTY)
        return name if name != self.field else name.title()


def merged(before: Values, mine: Values, theirs: Values) -> tuple[Values, list[Difference]]:
    """Return their values with my changes, and the fields that they have changed."""
    before, mine, theirs = flat(before), flat(mine), flat(theirs)
    result = {}
    differences = []
    for field in theirs | mine:
        old, own, other = (side.get(field, GONE) for side in (before, mine, theirs))
        chosen = own
        if not same(other, old) and not same(other, own):
            is_conflict = not same(own, old)
            chosen = own if is_conflict else other
            differences.append(Difference(field, _shown(other), _shown(own), is_conflict))
        if chosen is not GONE:
            result[field] = chosen
    return columns(result), differences


def flat(values: Values) -> Values:
    """Return the fields of a station's columns."""
    if not values:
        return {}
    return {name: values[name] for name in ("source", "code", "name")} | {
        "position": (values["lat"], values["lng"]),
        **{PROPERTY + key: value for key, value in values["properties"].items()},
    }


def columns(fields: Values) -> Values:
    """Return the columns of a station's fields."""
    lat, lng = fields["position"]
    return {name: fields[name] for name in ("source", "code", "name")} | {
        "lat": lat,
        "lng": lng,
        "properties": {
            field.removeprefix(PROPERTY): value
            for field, value in fields.items()
            if field.startswith(PROPERTY)
        },
    }


def _shown(value: Any) -> str:
    if value is GONE:
        return "(removed)"
    return ", ".join(map(degrees, value)) if isinstance(value, tuple) else shown(value)
