"""Which format a feed is of, by its first bytes: names and types that come with it often lie."""

import re

from .columns import normalised

FORMATS = ("csv", "geojson", "geojsonl", "gtfs", "gbfs")


def sniff(start: bytes) -> str:
    """Tell the format of a feed that starts with these bytes; csv when it is none of the others.

    `gbfs.json` is the list of a GBFS system's feeds.
    """
    text = start.decode("utf-8-sig", "replace").lstrip("\x1e \t\r\n")
    if text.startswith(("{", "[")):
        if re.search(r'"type"\s*:\s*"Feature', text):
            line = text.partition("\n")[0].rstrip()
            alone = line.endswith("}") and '"features"' not in line and '"Feature"' in line
            return "geojsonl" if alone else "geojson"
        if re.search(r'"feeds"\s*:', text) and not re.search(r'"stations"\s*:', text):
            return "gbfs.json"
        return "gbfs" if re.search(r'"(stations|ttl)"\s*:', text) else "geojson"
    header = {normalised(name) for name in text.partition("\n")[0].split(",")}
    return "gtfs" if {"stop_id", "stop_lat", "stop_lon"} <= header else "csv"
