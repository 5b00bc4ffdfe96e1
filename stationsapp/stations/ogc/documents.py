"""The documents of OGC API Features, and the links between them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from flask import current_app, url_for

from ...web.links import HTML, Links, itself, link
from .. import geo, search
from ..feeds import LENGTHS, geojson
from ..feeds.headers import to_file

Json = dict[str, Any]

JSON, GEOJSON = "application/json", geojson.GEOJSON.media_type
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
    """Show the landing page. Here and below, `links` are at first those to the document itself."""
    links += [
        link("service-desc", "ogc.api", OPENAPI, "API definition in OpenAPI 3.0", f="json"),
        link("service-doc", "ogc.api", HTML, "API documentation", f="html"),
        link("conformance", "ogc.conformance", JSON, "Conformance"),
        link("data", "ogc.collections", JSON, "Collections"),
    ]
    about = "Stations: places with a name, a latitude and a longitude."
    return {"title": current_app.config["API_TITLE"], "description": about, "links": links}


def api(links: Links) -> Json:
    """Describe the API in OpenAPI 3.0."""
    description: Json = orjson.loads(Path(__file__).with_name("openapi.json").read_bytes())
    return description | {"servers": [{"url": url_for("ogc.landing", _external=True)}]}


def conformance(links: Links) -> Json:
    """List the conformance classes."""
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
        link("items", "ogc.items", GEOJSON, "Stations as GeoJSON"),  # GDAL appends ids
        link("items", "ogc.items", HTML, "Stations as HTML", f="html"),
        link(f"{REL}/schema", "ogc.schema", SCHEMA, "Schema"),
        link("describedBy", "ogc.feature_schema", SCHEMA, "Schema of a GeoJSON Feature"),
        link(f"{REL}/queryables", "ogc.queryables", SCHEMA, "Queryables"),
    ]
    return {
        "id": "stations",
        "title": "Stations",
        "description": "All stations. The time of a station is that of its last change.",
        "itemType": "feature",
        "crs": [CRS84],
        "extent": {
            "spatial": {"bbox": [bbox], "crs": CRS84},
            "temporal": {"interval": [[None, latest]]},
        },
        "links": links,
    }


def schema(links: Links) -> Json:
    """Describe a station: its columns, and the properties from its source (Part 5)."""
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
    """Describe the properties that stations can be filtered by."""
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
