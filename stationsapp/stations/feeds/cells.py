"""Properties as the cells of a table. A cell is text, so one column names those that are JSON."""

from typing import Any, TypeGuard

from . import SOURCE, TYPES, dumps
from .json_items import DECODER

NULL = r"\N"
"""A blank cell in the files of MySQL and PostgreSQL."""

BLANK = ("", NULL)
"""Texts that would be blank cells, so they are written as JSON."""


def cell(properties: dict[str, Any], key: str) -> str:
    """Return a property as the text of a cell. A null is blank."""
    value = properties.get(key)
    if key == TYPES:
        value = [key for key, value in properties.items() if not _is_cell(key, value)] or None
    if value is None:
        return ""
    return value if _is_cell(key, value) else dumps(value).decode()


def _is_cell(key: str, value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and (value not in BLANK or key == SOURCE)


def properties_of(cells: dict[str, Any]) -> dict[str, Any]:
    """Turn cells, without the blank ones, into properties. What isn't JSON stays text."""
    listed = _json(cells.pop(TYPES, "[]"))
    for key in listed if isinstance(listed, list) else []:
        if isinstance(key, str):
            cells[key] = _json(cells[key]) if key in cells else None
    return cells


def _json(text: str) -> Any:
    try:
        return DECODER.decode(text)
    except (ValueError, RecursionError):
        return text
