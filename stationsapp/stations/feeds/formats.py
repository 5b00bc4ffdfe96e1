"""The formats that there are: import, export and the API take them from here."""

from . import Format
from .csv import CSV
from .gbfs import GBFS
from .geojson import GEOJSON, GEOJSON_LINES
from .gtfs import GTFS

# The general before the special: the last that knows a file as its own has it.
FORMATS = {form.name: form for form in (CSV, GEOJSON, GEOJSON_LINES, GTFS, GBFS)}


def by_start(start: bytes) -> Format:
    """Tell the format of a feed by its first bytes: names and types that come with it often lie."""
    text = start.decode("utf-8-sig", "replace").lstrip("\x1e \t\r\n")
    return next(form for form in reversed(FORMATS.values()) if form.is_start(text))


def by_name(name: str) -> Format | None:
    """Tell the format of a file by its name, packed or not; None where that doesn't say."""
    name = "/" + name.lower().removesuffix(".gz")
    return next((f for f in reversed(FORMATS.values()) if name.endswith(f.endings)), None)
