"""Properties as the cells of a table. A cell is text, so one column names those that are JSON."""

from typing import Any

from . import TYPES
from .json_items import DECODER


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
