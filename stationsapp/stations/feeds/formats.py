"""The list of formats, for the import, the export and the API."""

import re

from . import Format
from .csv import CSV
from .gbfs import GBFS
from .geojson import GEOJSON, GEOJSON_LINES
from .gtfs import GTFS

# From the most general to the most special: the last one that recognizes a file is used.
FORMATS = {form.name: form for form in (CSV, GEOJSON, GEOJSON_LINES, GTFS, GBFS)}

COMMENTS = re.compile(r"\A((#[^\r\n]*)?[\r\n]+)+")  # before a header


def by_start(start: bytes) -> Format:
    """Detect the format of a feed by its first bytes: names and media types are often wrong."""
    text = start.decode("utf-8-sig", "replace").lstrip("\x1e \t\r\n")
    text = COMMENTS.sub("", text)
    return next(form for form in reversed(FORMATS.values()) if form.is_start(text))


def by_name(name: str) -> Format | None:
    """Detect the format of a file by its name, compressed or not. Return None if it is unknown."""
    name = "/" + name.lower().removesuffix(".gz")
    return next((f for f in reversed(FORMATS.values()) if name.endswith(f.endings)), None)
