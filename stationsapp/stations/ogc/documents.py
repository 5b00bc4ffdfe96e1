"""The documents of OGC API Features, and the links between them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from flask import current_app, request, url_for

from .. import geo, search
from ..columns import COLUMNS
from ..feeds import LENGTHS, geojson
from ..feeds.headers import to_file

Json = dict[str, Any]
Links = list[dict[str, str]]

JSON, HTML, SCHEMA = "application/json", "text/html", "application/schema+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
GEOJSON = "application/geo+json"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
REL = "http://www.opengis.net/def/rel/ogc/1.0"
CLASS = "http://www.opengis.net/spec/ogcapi-features-{}/1.0/conf/{}"
CLASSES = {
    1: ("core", "oas30", "geojson", "html"),
    4: ("create-replace-delete", "update", "features"),
    5: ("schemas", "returnables-and-receivables"),
}
TYPES: dict[type, Json] = {
    int: {"type": "integer"},
    str: {"type": "string"},
    datetime: {"type": "string", "format": "date-time"},
}


def link(rel: str, endpoint: str, media_type: str, title: str, **values: Any) -> dict[str, str]:
    """Return a link. Its URL is absolute, because QGIS follows no other.

    Nobody vouches for the host, but the ETag depends on it, so a cache never sends this to a client
    that asked another host.
    """
    href = url_for(f"ogc.{endpoint}", _external=True, **values)
    return {"rel": rel, "href": href, "type": media_type, "title": title}


def itself(form: str, media_type: str) -> Links:
    """Return the links to the current document, which is in this format, and to the other."""
    endpoint = str(request.endpoint).removeprefix("ogc.")
    values = {**request.args, **(request.view_args or {})}
    links = [
        link("self", endpoint, media_type, "This as JSON", **(values | {"f": "json"})),
        link("alternate", endpoint, HTML, "This as HTML", **(values | {"f": "html"})),
    ]
    if form == "html":
        links[0]["rel"], links[1]["rel"] = links[1]["rel"], links[0]["rel"]
    return links


def landing(links: Links) -> Json:
    """Show where everything is."""
    more = [
        link("service-desc", "definition", OPENAPI, "The API in OpenAPI 3.0", f="json"),
        link("service-doc", "definition", HTML, "The documentation of the API", f="html"),
        link("conformance", "conformance", JSON, "Which parts of the standards there are"),
        link("data", "collections", JSON, "The collections"),
    ]
    about = "Places with a name, a latitude and a longitude."
    return {"title": current_app.config["API_TITLE"], "description": about, "links": links + more}


def conformance(links: Links) -> Json:
    """Show which parts of the standards there are."""
    classes = [CLASS.format(part, name) for part, names in CLASSES.items() for name in names]
    return {"conformsTo": classes, "links": links}


def collections(links: Links) -> Json:
    """List the only collection."""
    own = [
        link("self", "collection", JSON, "The collection as JSON"),
        link("alternate", "collection", HTML, "The collection as HTML", f="html"),
    ]
    return {"collections": [collection(own)], "links": links}


def collection(links: Links) -> Json:
    """Describe the collection of all stations."""
    extent = search.extent()
    bbox = [extent[side] for side in geo.SIDES] if extent["count"] else geo.WORLD
    latest = extent["latest"] and datetime.fromtimestamp(extent["latest"], UTC).isoformat()
    more = [
        link("items", "items", GEOJSON, "The stations"),  # GDAL appends an id to this address
        link("items", "items", HTML, "The stations as HTML", f="html"),
        link(f"{REL}/schema", "schema", SCHEMA, "What a station has"),
        link(f"{REL}/queryables", "queryables", SCHEMA, "What stations are filtered by"),
    ]
    return {
        "id": "stations",
        "title": "Stations",
        "description": "All stations. Their time is that of the last change.",
        "itemType": "feature",
        "crs": [CRS84],
        "extent": {
            "spatial": {"bbox": [bbox], "crs": CRS84},
            "temporal": {"interval": [[None, latest]]},
        },
        "links": links + more,
    }


def schema(links: Links) -> Json:
    """Describe what a station has: the columns, then the properties from its sources (Part 5)."""
    columns = [column for column in COLUMNS if column.name in geojson.COLUMNS]
    known = {column.name: dict(TYPES[column.type]) for column in columns}
    for name in ("id", "created_at", "updated_at"):
        known[name]["readOnly"] = True
    known["id"]["x-ogc-role"] = "id"
    for name, length in LENGTHS.items():
        known[name] |= {"minLength": 1, "maxLength": length}
    known["geometry"] = {"format": "geometry-point", "x-ogc-role": "primary-geometry"}
    found = {
        to_file(row["name"], geojson.API_RESERVED): {"type": row["type"]}
        for row in search.property_types()
        if row["name"] != geojson.EXTRA
    }
    return _json_schema(links, known | found)


def queryables(links: Links) -> Json:
    """Describe what stations are filtered by."""
    words = {"type": "string", "description": "words of the name, or their beginnings"}
    filters = {"source": {"type": "string"}, "q": words}
    return _json_schema(links, filters) | {"additionalProperties": False}


def _json_schema(links: Links, properties: Json) -> Json:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": links[0]["href"],
        "title": "Stations",
        "type": "object",
        "properties": properties,
    }


class Resource(NamedTuple):
    """A document under a path: what makes it from the links to itself, and its media type."""

    path: str
    describe: Callable[[Links], Json]
    media_type: str


RESOURCES = [
    Resource("", landing, JSON),
    Resource("/conformance", conformance, JSON),
    Resource("/collections", collections, JSON),
    Resource("/collections/stations", collection, JSON),
    Resource("/collections/stations/schema", schema, SCHEMA),
    Resource("/collections/stations/queryables", queryables, SCHEMA),
]
