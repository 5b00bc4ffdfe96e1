"""OGC API Features, Part 1 (OGC 17-069r4): reading. /ogc/docs documents it."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import Schema, fields
from marshmallow.validate import OneOf, Range
from werkzeug.exceptions import HTTPException

from ...database import Row
from ...web import answers, problems
from ...web.fields import WHOLE, QueryInteger
from ...web.intervals import QueryInterval
from ...web.links import HTML, Links, itself, link
from ...web.parser import Parser, StrictSchema
from .. import search
from ..api import representations
from ..api.reading import current_tag, tag
from ..api.schemas import HighBox, ListQuery, QueryDegrees, check_bbox
from ..feeds import dumps
from ..pages import station
from ..search import Filters
from .documents import DOCUMENTS, GEOJSON, JSON, OPENAPI, Json

bp = Blueprint("ogc", __name__, url_prefix="/ogc")
bp.after_request(answers.share)
bp.register_error_handler(HTTPException, problems.document)
PARSER = Parser()
DOCUMENT = "stations/ogc/document.html"
LIMIT = 1_000  # stations on a page, even if a client asks for more


class FormatQuery(StrictSchema):
    """The format."""

    f = fields.String(validate=OneOf(["json", "html"]))


class ItemsQuery(ListQuery, FormatQuery):
    """The filters, and a page of the results."""

    bbox = HighBox(QueryDegrees(), validate=check_bbox)
    limit = QueryInteger(load_default=100, validate=Range(1))
    updated = QueryInterval(data_key="datetime")


FORMAT, ITEMS = FormatQuery(), ItemsQuery()


def asked(schema: Schema) -> Json:
    """Parse the query string. Aborts with 400."""
    query: Json = PARSER.parse(schema, location="query", error_status_code=400)
    return query


def _wanted(query: Json, media_type: str) -> str:
    """Return json or html. A client that accepts JSON also gets GeoJSON and the like."""
    form = answers.wanted(query.get("f"), {"json": media_type, "html": HTML, "any": JSON})
    return "html" if form == "html" else "json"


def show(describe: Callable[[Links], Json], media_type: str) -> ResponseReturnValue:
    """Answer with a document."""
    form = _wanted(asked(FORMAT), media_type)
    if form == "html" and media_type == OPENAPI:
        return redirect(url_for("ogc_docs.show"))
    links = itself(form, media_type, f"ogc.{describe.__name__}")
    document = describe(links)
    if form == "html":
        document.pop("links", None)
        return render_template(DOCUMENT, name=describe.__name__, document=document, links=links)
    return answers.document(dumps(document), media_type)


for path, describe, media_type in DOCUMENTS:
    view = partial(show, describe, media_type)
    bp.add_url_rule(path, describe.__name__, view, strict_slashes=False)


@bp.get("/collections/stations/items")
@answers.conditional(current_tag)
def items() -> Response:
    """List stations, sorted by id, one page at a time."""
    query = asked(ITEMS)
    form = _wanted(query, GEOJSON)
    filters = Filters.of(query)
    version, rows, has_next = search.page(filters, min(query["limit"], LIMIT), query["cursor"])
    given = request.args.to_dict(flat=False)
    links, numbers = itself(form, GEOJSON, "ogc.items", **given), {}
    if has_next:
        start = given | {"cursor": rows[-1]["id"]}
        links.append(link("next", "ogc.items", links[0]["type"], "Next page", **start))
        if filters == Filters():
            numbers["numberMatched"] = search.extent()["count"]
    elif query["cursor"] == 0:
        numbers["numberMatched"] = len(rows)
    numbers["numberReturned"] = len(rows)
    if form == "html":
        shown = {"stations": rows, "links": links, "numbers": numbers, "query": query}
        return Response(render_template("stations/ogc/items.html", **shown))
    now = datetime.now(UTC).isoformat()
    body = representations.features(rows, links=links, timeStamp=now, **numbers)
    etag = tag(version)
    response = answers.answer(body, GEOJSON, etag)
    response.set_etag(etag, weak=True)  # because of the time
    return response


@bp.get("/collections/stations/items/<feature_id>")
def item(feature_id: str) -> Response:
    """Show a station."""
    form = _wanted(asked(FORMAT), GEOJSON)
    row = search.one(number(feature_id))
    if row is None:
        abort(404, f"there is no station {feature_id}")
    if form == "html":
        return station.show(row["id"], "stations/ogc/item.html", links=_links(form, row["id"]))
    return answers.document(feature(row), GEOJSON)


def number(feature_id: str) -> int:
    """Return the id. Aborts with 404. OPTIONS is answered for any id, because QGIS needs this."""
    if not WHOLE.fullmatch(feature_id):
        abort(404, f"there is no station {feature_id}")
    return int(feature_id)


def feature(row: Row) -> bytes:
    """Return a station in GeoJSON, with links."""
    return dumps(representations.feature(row, links=_links("json", row["id"])))


def _links(form: str, feature_id: int) -> Links:
    links = itself(form, GEOJSON, "ogc.item", feature_id=feature_id)
    return [*links, link("collection", "ogc.collection", JSON, "Collection of stations")]
