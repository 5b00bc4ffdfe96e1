"""The properties of a station: what PostgreSQL can store, and how a patch changes them."""

from typing import Any

from marshmallow import ValidationError

from ..web.fields import NO_NUL
from .feeds import RESERVED


def no_nul_within(value: Any) -> None:
    """Refuse a JSON value that jsonb can't store because of a NUL character in a string or key."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        for item in value:
            no_nul_within(item)
    elif isinstance(value, str):
        NO_NUL(value)


def storable(properties: dict[str, Any]) -> None:
    """Refuse properties that can't be stored, or that an export couldn't tell from its own."""
    if reserved := RESERVED & properties.keys():
        raise ValidationError(f"{min(reserved)} is a name that exports use: choose another one.")
    no_nul_within(properties)


def merged(target: Any, patch: Any) -> Any:
    """Return the target with the patch merged in, as RFC 7396, section 2, defines it."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result
