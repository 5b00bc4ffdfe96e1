"""The abstract tests of Annex A of OGC API - Features - Part 1: Core (OGC 17-069r4).

Each is named by its identifier. Of the conformance classes, those for GML don't apply.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_schema_validator import OAS30Validator
from openapi_spec_validator import OpenAPIV30SpecValidator
from sqlalchemy import insert, select
from werkzeug.test import TestResponse

from stationsapp.extensions import db
from stationsapp.models import Station

CLASSES = {
    "core": """http root-op root-success api-definition-op api-definition-success conformance-op
        conformance-success query-param-unknown query-param-invalid crs84 fc-md-op fc-md-success
        fc-md-links fc-md-items fc-md-items-links fc-md-extent sfc-md-op sfc-md-success fc-op
        fc-bbox-definition fc-bbox-response fc-limit-definition fc-limit-response
        fc-time-definition fc-time-response fc-response fc-links fc-timeStamp fc-numberMatched
        fc-numberReturned f-op f-success f-links""",
    "geojson": "definition content",
    "html": "definition content",
    "oas30": "completeness exceptions-codes oas-definition-1 oas-definition-2 oas-impl security",
}
ANNEX_A = [f"/conf/{name}/{test}" for name in CLASSES for test in CLASSES[name].split()]

CORE = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
GEOJSON = "application/geo+json"
ITEMS = "/ogc/collections/stations/items"
COLLECTION = "/ogc/collections/stations"
PATHS = [
    *("/ogc", "/ogc/api", "/ogc/conformance", "/ogc/collections", COLLECTION),
    *(f"{COLLECTION}/{name}" for name in ("schema", "feature-schema", "queryables")),
    *(ITEMS, f"{ITEMS}/1"),
]
JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
# Longitude and latitude; the n-th was changed on the n-th day of the year.
PLACES = [(179, -17), (-179, -17), (8.54, 47.38), (7.44, 46.95), (0, 0), (-180, 90), (180, -90)]


@pytest.fixture
def ogc(app: Flask, client: FlaskClient) -> "Ogc":
    """The API, with the places as stations."""
    stations = [
        {
            **{"source": "even" if day % 2 else "odd", "code": str(day), "name": f"Place {day}"},
            **{"lng": lng, "lat": lat, "updated_at": JANUARY + timedelta(days=day)},
            "properties": {"day": day},
        }
        for day, (lng, lat) in enumerate(PLACES)
    ]
    db.session.execute(insert(Station), stations)
    db.session.commit()
    return Ogc(client)


class Ogc:
    """A client that knows the way."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, path: str, accept: str | None = None, status: int = 200) -> TestResponse:
        headers = {"Accept": accept} if accept else {}
        response = self.client.get(path, headers=headers, follow_redirects=True)
        assert response.status_code == status, f"{path}: {response.text}"
        return response

    def json(self, path: str) -> Any:
        return self.get(path).get_json(force=True)

    def features(self, query: str = "") -> list[dict]:
        return self.json(f"{ITEMS}?{query}")["features"]

    def names(self, query: str) -> list[str]:
        return [feature["properties"]["name"] for feature in self.features(query)]

    def parameter(self, name: str) -> dict:
        """Return the parameter as the operation that lists the stations defines it."""
        api = self.json("/ogc/api")
        refs = api["paths"]["/collections/stations/items"]["get"]["parameters"]
        assert {"$ref": f"#/components/parameters/{name}"} in refs
        parameter = api["components"]["parameters"][name]
        assert (parameter["name"], parameter["in"]) == (name, "query")
        assert not parameter.get("required")
        assert (parameter["style"], parameter["explode"]) == ("form", False)
        return parameter["schema"]


def links(document: dict, rel: str) -> dict[str, str]:
    """Return the addresses of the links with this relation, by media type."""
    assert all(link["rel"] and link["type"] and link["title"] for link in document["links"])
    return {link["type"]: link["href"] for link in document["links"] if link["rel"] == rel}


def assert_links_to_itself(document: dict, media_type: str) -> None:
    assert list(links(document, "self")) == [media_type]
    assert list(links(document, "alternate")) == ["text/html"]


TESTS: dict[str, Callable[[Ogc], None]] = {}


def abstract(*identifiers: str) -> Callable[[Callable], Callable]:
    def register(test: Callable) -> Callable:
        TESTS.update(dict.fromkeys(identifiers, test))
        return test

    return register


@pytest.mark.parametrize("identifier", ANNEX_A)
def test_of_annex_a(identifier: str, ogc: Ogc):
    TESTS[identifier](ogc)


@abstract("/conf/core/http")
def _(ogc: Ogc) -> None:
    for path in PATHS:
        response = ogc.get(path)
        assert ogc.client.head(path).headers["Content-Type"] == response.content_type
        known = {"If-None-Match": response.headers["ETag"]}
        assert ogc.client.get(path, headers=known).status_code == 304
        refused = ogc.client.put("/ogc")
        assert (refused.status_code, refused.content_type) == (405, "application/problem+json")


@abstract("/conf/core/root-op", "/conf/core/root-success")
def _(ogc: Ogc) -> None:
    document = ogc.json("/ogc")
    assert document["title"]
    assert_links_to_itself(document, "application/json")
    for rel in ("service-desc", "service-doc", "conformance", "data"):
        assert links(document, rel), rel


@abstract("/conf/core/api-definition-op", "/conf/oas30/oas-definition-1")
def _(ogc: Ogc) -> None:
    document = ogc.json("/ogc")
    assert ogc.get(links(document, "service-desc")[OPENAPI]).content_type == OPENAPI
    page = ogc.get(links(document, "service-doc")["text/html"])
    assert page.mimetype == "text/html"


@abstract("/conf/core/api-definition-success", "/conf/oas30/oas-definition-2")
def _(ogc: Ogc) -> None:
    api = ogc.json("/ogc/api")
    assert api["openapi"].startswith("3.0.")
    OpenAPIV30SpecValidator(api).validate()


@abstract("/conf/core/conformance-op", "/conf/core/conformance-success")
def _(ogc: Ogc) -> None:
    declared = ogc.json(links(ogc.json("/ogc"), "conformance")["application/json"])
    assert declared == ogc.json("/ogc/conformance")
    assert {CORE + name for name in ("core", "oas30", "geojson", "html")} < {
        *declared["conformsTo"]
    }


@abstract("/conf/core/query-param-unknown")
def _(ogc: Ogc) -> None:
    for path in PATHS:
        problem = ogc.get(f"{path}?unknown=1", "text/html", status=400)
        assert problem.content_type == "application/problem+json"
        assert "unknown" in problem.get_json()["detail"]


# By spaces.
INVALID = {
    "bbox": "1,2,3 1,2,3,4,5 1,2,3,4,5,6,7 x,2,3,4 1,4,3,2 -181,0,1,1 1,2,nan,4 ,,,",
    "limit": "0 -1 x 1.5",
    "datetime": """/ .. ../.. x 2026 2026-13-01 2026-01-01T25:00:00Z 2026-01-02/2026-01-01 0000x
        0001-01-01T00:00:00%2B23:59/.. ../9999-12-31T23:59:59-23:59
        2026-01-01/2026-01-02/2026-01-03 2026-01-01T00:00:00+01:00 1e9 9999-12-32""",
    "cursor": "x -1",
    "source": "x" * 101,
}


@abstract("/conf/core/query-param-invalid")
def _(ogc: Ogc) -> None:
    for path in PATHS:
        assert ogc.get(f"{path}?f=xml", status=400).get_json()["errors"]["f"]
    for name, values in INVALID.items():
        for value in ("", *values.split()):
            problem = ogc.get(f"{ITEMS}?{name}={value}", status=400).get_json()
            assert list(problem["errors"]) == [name], value


@abstract("/conf/core/crs84")
def _(ogc: Ogc) -> None:
    found = [tuple(feature["geometry"]["coordinates"]) for feature in ogc.features()]
    assert found == PLACES
    assert ogc.json("/ogc/collections/stations")["crs"] == [CRS84]


@abstract("/conf/core/fc-md-op", "/conf/core/fc-md-success", "/conf/core/fc-md-items")
def _(ogc: Ogc) -> None:
    document = ogc.json(links(ogc.json("/ogc"), "data")["application/json"])
    assert [one["id"] for one in document["collections"]] == ["stations"]


@abstract("/conf/core/fc-md-links")
def _(ogc: Ogc) -> None:
    assert_links_to_itself(ogc.json("/ogc/collections"), "application/json")


@abstract("/conf/core/fc-md-items-links")
def _(ogc: Ogc) -> None:
    (entry,) = ogc.json("/ogc/collections")["collections"]
    found = links(entry, "items")
    assert [*found] == [GEOJSON, "text/html"]
    for media_type, address in found.items():
        assert ogc.get(address).mimetype == media_type


@abstract("/conf/core/fc-md-extent")
def _(ogc: Ogc) -> None:
    extent = ogc.json("/ogc/collections/stations")["extent"]
    assert extent["spatial"] == {"bbox": [[-180, -90, 180, 90]], "crs": CRS84}
    ((start, end),) = extent["temporal"]["interval"]
    assert start is None
    assert datetime.fromisoformat(end) > db.session.scalar(select(Station.updated_at)).astimezone()


@abstract("/conf/core/sfc-md-op", "/conf/core/sfc-md-success")
def _(ogc: Ogc) -> None:
    (entry,) = ogc.json("/ogc/collections")["collections"]
    document = ogc.json(links(entry, "self")["application/json"])
    assert_links_to_itself(document, "application/json")
    for name in ("id", "title", "description", "extent", "itemType", "crs"):
        assert document[name] == entry[name]


@abstract("/conf/core/fc-op")
def _(ogc: Ogc) -> None:
    assert len(ogc.features()) == len(PLACES)
    everywhere = "bbox=-180,-90,180,90&datetime=../2026-01-03"
    assert ogc.names(everywhere) == ["Place 0", "Place 1", "Place 2"]
    assert ogc.names(f"{everywhere}&source=odd") == ["Place 0", "Place 2"]
    assert ogc.names(f"{everywhere}&q=place+2") == ["Place 2"]
    assert ogc.names("bbox=170,-20,-170,0&datetime=2026-01-02/..&q=pl") == ["Place 1"]


@abstract("/conf/core/fc-bbox-definition")
def _(ogc: Ogc) -> None:
    schema = ogc.parameter("bbox")
    assert (schema["type"], schema["items"]["type"]) == ("array", "number")
    assert schema["oneOf"] == [{"minItems": n, "maxItems": n} for n in (4, 6)]


@abstract("/conf/core/fc-bbox-response")
def _(ogc: Ogc) -> None:
    assert ogc.names("bbox=7,46,9,48") == ["Place 2", "Place 3"]
    assert ogc.names("bbox=7,46,0,9,48,1000") == ["Place 2", "Place 3"]
    assert ogc.names("bbox=8.54,47.38,8.54,47.38") == ["Place 2"]
    assert ogc.names("bbox=170,-20,-170,0") == ["Place 0", "Place 1"]
    assert ogc.names("bbox=170,-20,0,-170,0,1") == ["Place 0", "Place 1"]
    assert ogc.names("bbox=-180,-90,180,90") == [f"Place {day}" for day in range(len(PLACES))]
    assert ogc.names("bbox=20,20,30,30") == []


@abstract("/conf/core/fc-limit-definition")
def _(ogc: Ogc) -> None:
    schema = ogc.parameter("limit")
    assert schema["type"] == "integer"
    assert (schema["minimum"], schema["default"], schema["maximum"]) == (1, 100, 1000)


@abstract("/conf/core/fc-limit-response")
def _(ogc: Ogc) -> None:
    seen, address = [], f"{ITEMS}?limit=3&bbox=-180,-90,180,90"
    while address:
        page = ogc.json(address)
        assert len(page["features"]) <= 3
        seen += [feature["id"] for feature in page["features"]]
        address = links(page, "next").get(GEOJSON)
    assert seen == [feature["id"] for feature in ogc.features("limit=1000000")]


@abstract("/conf/core/fc-time-definition")
def _(ogc: Ogc) -> None:
    assert ogc.parameter("datetime")["type"] == "string"


TIMES = {
    "2026-01-03T00:00:00Z": "2",
    "2026-01-03T02:00:00%2B02:00": "2",
    "2026-01-03T00:00:00.000z": "2",
    "2026-01-03t00:00:00": "2",
    "2026-01-03": "2",
    "2026-01-03T00:00:01Z": "",
    "2026-01-02T00:00:00Z/2026-01-04T00:00:00Z": "123",
    "2026-01-02/2026-01-03": "12",
    "2026-01-06T00:00:00Z/..": "56",
    "2026-01-06T00:00:00Z/": "56",
    "../2026-01-02T00:00:00Z": "01",
    "/2026-01-02T00:00:00Z": "01",
    "0000-01-01T00:00:00Z/2026-01-02T00:00:00Z": "01",
    "2026-01-07/9999-12-31T00:00:00Z": "6",
}


@abstract("/conf/core/fc-time-response")
def _(ogc: Ogc) -> None:
    for interval, days in TIMES.items():
        assert ogc.names(f"datetime={interval}") == [f"Place {day}" for day in days], interval


@abstract("/conf/core/fc-response")
def _(ogc: Ogc) -> None:
    page = ogc.json(ITEMS)
    assert page["type"] == "FeatureCollection"
    assert {feature["type"] for feature in page["features"]} == {"Feature"}


@abstract("/conf/core/fc-links")
def _(ogc: Ogc) -> None:
    page = ogc.json(f"{ITEMS}?limit=2&source=odd")
    assert_links_to_itself(page, GEOJSON)
    assert ogc.json(links(page, "self")[GEOJSON])["features"] == page["features"]
    assert ogc.get(links(page, "alternate")["text/html"]).mimetype == "text/html"


@abstract("/conf/core/fc-timeStamp")
def _(ogc: Ogc) -> None:
    before = datetime.now(UTC)
    response = ogc.get(ITEMS)
    assert before <= datetime.fromisoformat(response.get_json()["timeStamp"]) <= datetime.now(UTC)
    assert response.headers["ETag"].startswith("W/")  # so the same version isn't the same bytes


@abstract("/conf/core/fc-numberMatched")
def _(ogc: Ogc) -> None:
    """Unless it would have to be counted."""
    for query, matched in [
        ("", 7), ("limit=2", 7), ("source=odd", 4), ("limit=7", 7), ("source=none", 0),
        ("source=odd&limit=1", None), ("limit=2&cursor=1", 7), ("cursor=6", None),
    ]:  # fmt: skip
        assert ogc.json(f"{ITEMS}?{query}").get("numberMatched") == matched, query


@abstract("/conf/core/fc-numberReturned")
def _(ogc: Ogc) -> None:
    for query in ("", "limit=2", "source=odd", "source=none"):
        page = ogc.json(f"{ITEMS}?{query}")
        assert page["numberReturned"] == len(page["features"])


@abstract("/conf/core/f-op", "/conf/core/f-success", "/conf/geojson/content")
def _(ogc: Ogc) -> None:
    for feature in ogc.features():
        alone = ogc.json(f"{ITEMS}/{feature['id']}")
        assert alone.pop("links")
        assert alone == feature
        assert alone["properties"]["id"] == alone["id"]
        assert isinstance(alone["properties"]["day"], int)
    for unknown in ("99", "0", "x", "9" * 30, "-1"):
        assert ogc.get(f"{ITEMS}/{unknown}", status=404).mimetype == "application/problem+json"


@abstract("/conf/core/f-links")
def _(ogc: Ogc) -> None:
    feature = ogc.json(f"{ITEMS}/1")
    assert_links_to_itself(feature, GEOJSON)
    collection = links(feature, "collection")["application/json"]
    assert ogc.json(collection)["id"] == "stations"


@abstract("/conf/geojson/definition")
def _(ogc: Ogc) -> None:
    for path in (ITEMS, f"{ITEMS}/1"):
        for accept in (GEOJSON, "application/json", "*/*", f"{GEOJSON}, application/json"):
            assert ogc.get(path, accept).content_type == GEOJSON
    for path in ("/ogc", "/ogc/conformance", "/ogc/collections", "/ogc/collections/stations"):
        assert ogc.get(path, "application/json").content_type == "application/json"
    ogc.get(ITEMS, "image/png", status=406)


class Anchors(HTMLParser):
    """The links of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str | None] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found.add(dict(attrs).get("href"))


@abstract("/conf/html/definition", "/conf/html/content")
def _(ogc: Ogc) -> None:
    anything = {"If-None-Match": '"x"', "Accept": "text/html"}
    assert ogc.client.get(ITEMS, headers=anything).status_code == 200
    for path in PATHS:
        by_accept = ogc.get(path, "text/html,application/xhtml+xml,*/*;q=0.8")
        assert by_accept.mimetype == ogc.get(f"{path}?f=html").mimetype == "text/html"
        document = ogc.json(path)
        if "links" in document:
            shown = {
                link["href"]
                for link in document["links"]
                if link["rel"] not in ("self", "alternate")
            }
            assert shown <= Anchors(by_accept.text).found
    for feature in ogc.features("limit=2"):
        assert feature["properties"]["name"] in ogc.get(f"{ITEMS}?limit=2&f=html").text
        assert feature["properties"]["name"] in ogc.get(f"{ITEMS}/{feature['id']}?f=html").text


@abstract("/conf/oas30/completeness", "/conf/oas30/exceptions-codes", "/conf/oas30/oas-impl")
def _(ogc: Ogc) -> None:
    api = ogc.json("/ogc/api")
    (server,) = api["servers"]
    for path, operations in api["paths"].items():
        address = server["url"] + path.rstrip("/").replace("{featureId}", "1")
        responses = operations["get"]["responses"]
        assert {"200", "304", "400", "406", "500", "503"} <= {*responses}
        for media_type, content in responses["200"]["content"].items():
            answer = ogc.get(address, media_type)
            assert answer.content_type.partition("; charset")[0] == media_type
            if media_type != "text/html":
                schema = content["schema"] | {"components": api["components"]}
                OAS30Validator(schema).validate(answer.get_json(force=True))


@abstract("/conf/oas30/security")
def _(ogc: Ogc) -> None:
    """Reading needs no authentication."""
    api = ogc.json("/ogc/api")
    assert not any("security" in operations["get"] for operations in api["paths"].values())
