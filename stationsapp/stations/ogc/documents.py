"""The documents of OGC API Features, and the links between them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from flask import current_app, url_for

from ...web.links import Links, itself, link
from .. import geo, search
from ..feeds import LENGTHS, geojson
from ..feeds.headers import to_file

Json = dict[str, Any]

JSON, HTML, GEOJSON = "application/json", "text/html", geojson.GEOJSON.media_type
SCHEMA = "application/schema+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
REL = "http://www.opengis.net/def/rel/ogc/1.0"
SPEC = "http://www.opengis.net/spec/ogcapi-features-"
CLASSES = {
    "1/1.0/conf": ("core", "oas30", "geojson", "html"),
    "4/1.0/conf": ("create-replace-delete", "update", "features"),
    "5/1.0/conf": ("schemas", "returnables-and-receivables"),
}


def landing(links: Links) -> Json:
    """Show where everything is. These links are to the document itself, here and below."""
    links += [
        link("service-desc", "ogc.api", OPENAPI, "The API in OpenAPI 3.0", f="json"),
        link("service-doc", "ogc.api", HTML, "The documentation of the API", f="html"),
        link("conformance", "ogc.conformance", JSON, "Which parts of the standards there are"),
        link("data", "ogc.collections", JSON, "The collections"),
    ]
    about = "Places with a name, a latitude and a longitude."
    return {"title": current_app.config["API_TITLE"], "description": about, "links": links}


def api(links: Links) -> Json:
    """Describe the API in OpenAPI 3.0."""
    description: Json = orjson.loads(Path(__file__).with_name("openapi.json").read_bytes())
    return description | {"servers": [{"url": url_for("ogc.landing", _external=True)}]}


def conformance(links: Links) -> Json:
    """Show which parts of the standards there are."""
    classes = [f"{SPEC}{part}/{name}" for part, names in CLASSES.items() for name in names]
    return {"conformsTo": classes, "links": links}


def collections(links: Links) -> Json:
    """List the only collection."""
    return {"collections": [collection(itself("json", JSON, "ogc.collection"))], "links": links}


def collection(links: Links) -> Json:
    """Describe the collection of all stations."""
    extent = search.extent()
    bbox = [extent[side] for side in geo.SIDES] if extent["count"] else geo.WORLD
    latest = extent["latest"] and datetime.fromtimestamp(extent["latest"], UTC).isoformat()
    links += [
        link("items", "ogc.items", GEOJSON, "The stations as GeoJSON"),  # GDAL appends ids
        link("items", "ogc.items", HTML, "The stations as HTML", f="html"),
        link(f"{REL}/schema", "ogc.schema", SCHEMA, "What a station has"),
        link("describedBy", "ogc.feature_schema", SCHEMA, "What a station has, in GeoJSON"),
        link(f"{REL}/queryables", "ogc.queryables", SCHEMA, "What stations are filtered by"),
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
        "links": links,
    }


def schema(links: Links) -> Json:
    """Describe what a station has: the columns, then the properties from its sources (Part 5)."""
    time = {"type": "string", "format": "date-time", "readOnly": True}
    columns = {
        "id": {"type": "integer", "readOnly": True, "x-ogc-role": "id"},
        **{name: {"type": "string", "maxLength": most} for name, most in LENGTHS.items()},
        **{"created_at": time, "updated_at": time},
        "geometry": {"format": "geometry-point", "x-ogc-role": "primary-geometry"},
    }
    own = {
        to_file(row["name"], geojson.API_RESERVED): {"type": row["type"]}
        for row in search.property_types()
        if row["name"] != geojson.EXTRA
    }
    return _json_schema(links, columns | own)


def feature_schema(links: Links) -> Json:
    """Describe a station as a GeoJSON Feature, so that GDAL knows the columns of all sources."""
    columns: Json = schema(links)["properties"]
    place = columns.pop("geometry")
    del columns["id"]  # GDAL has it already
    return _json_schema(links, {"geometry": place, "properties": _object(columns)})


def queryables(links: Links) -> Json:
    """Describe what stations are filtered by."""
    return _json_schema(links, {"source": {"type": "string"}, "q": {"type": "string"}})


def _json_schema(links: Links, properties: Json) -> Json:
    edition, address = "https://json-schema.org/draft/2020-12/schema", links[0]["href"]
    return {"$schema": edition, "$id": address} | _object(properties)


def _object(properties: Json) -> Json:
    return {"type": "object", "properties": properties}


# Path, what makes the document, and its media type.
DOCUMENTS = [
    ("", landing, JSON),
    ("/api", api, OPENAPI),
    ("/conformance", conformance, JSON),
    ("/collections", collections, JSON),
    ("/collections/stations", collection, JSON),
    ("/collections/stations/schema", schema, SCHEMA),
    ("/collections/stations/feature-schema", feature_schema, SCHEMA),
    ("/collections/stations/queryables", queryables, SCHEMA),
]
