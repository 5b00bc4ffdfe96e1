"""OGC API Features, Part 1 (OGC 17-069r4): reading. /ogc/api documents it."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

from flask import (
    Blueprint,
    Response,
    abort,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_swagger_ui import get_swaggerui_blueprint
from marshmallow import Schema
from werkzeug.exceptions import HTTPException

from ...web import answers, compression, problems
from ...web.fields import WHOLE
from ...web.parser import Parser
from .. import search
from ..api import representations
from ..api.reading import current_tag, tag
from ..feeds import dumps
from ..pages import station
from ..search import Filters
from . import documents, openapi
from .documents import GEOJSON, HTML, JSON, OPENAPI, Resource
from .schemas import LIMIT, FormatQuery, ItemsQuery

bp = Blueprint("ogc", __name__, url_prefix="/ogc")
names = {"app_name": "OGC API Features"}
docs = get_swaggerui_blueprint("/ogc/docs", "/ogc/api?f=json", names, blueprint_name="ogc_docs")
PARSER = Parser()
bp.register_error_handler(HTTPException, problems.document)


@bp.after_request
def share(response: Response) -> Response:
    """Let other origins read data, but not pages, which may be for who is signed in."""
    if response.mimetype != HTML:
        return answers.share(response)
    response.vary.add("Accept")
    return response


def asked(schema: Schema) -> dict[str, Any]:
    """Parse the query string. Aborts with 400."""
    query: dict[str, Any] = PARSER.parse(schema, location="query", error_status_code=400)
    return query


def _wanted(query: dict[str, Any], media_type: str) -> str:
    """Return json or html. Who accepts JSON also gets a special kind of it."""
    form = answers.wanted(query.get("f"), {"json": media_type, "html": HTML, "any": JSON})
    return "html" if form == "html" else "json"


def show(resource: Resource) -> Response:
    """Answer with a document."""
    form = _wanted(asked(FormatQuery()), resource.media_type)
    links = documents.itself(form, resource.media_type)
    document = resource.describe(links)
    if form == "html":
        links = document.pop("links", links)
        return _page("document", document=document, links=links, about=resource.describe.__doc__)
    return _answer(dumps(document), resource.media_type)


for resource in documents.RESOURCES:
    bp.add_url_rule(
        resource.path, resource.describe.__name__, partial(show, resource), strict_slashes=False
    )


@bp.get("/api")
def definition() -> ResponseReturnValue:
    """Describe the API in OpenAPI 3.0, or lead to the page that shows it."""
    if _wanted(asked(FormatQuery()), OPENAPI) == "html":
        return redirect(url_for("ogc_docs.show"))
    return _answer(dumps(openapi.describe()), OPENAPI)


@bp.get("/collections/stations/items")
@answers.conditional(current_tag)
def items() -> Response:
    """List stations, sorted by id, one page at a time."""
    query = asked(ItemsQuery())
    form = _wanted(query, GEOJSON)
    filters, limit = Filters(*map(query.get, Filters._fields)), min(query["limit"], LIMIT)
    # One row more than needed shows whether there is a next page, without counting.
    version, rows = search.page(filters, limit + 1, query["cursor"])
    links = documents.itself(form, GEOJSON)
    numbers: dict[str, Any] = {"timeStamp": datetime.now(UTC).isoformat()}
    if len(rows) > limit:
        rows.pop()
        start = request.args.to_dict(flat=False) | {"cursor": rows[-1]["id"]}
        links.append(documents.link("next", "items", links[0]["type"], "The next page", **start))
        if filters == Filters():
            numbers["numberMatched"] = search.extent()["count"]
    elif query["cursor"] == 0:
        numbers["numberMatched"] = len(rows)
    numbers["numberReturned"] = len(rows)
    if form == "html":
        return _page("items", stations=rows, links=links, numbers=numbers, query=query)
    body = representations.features(rows, links=links, **numbers)
    response = answers.answer(body, GEOJSON, tag(version))
    response.set_etag(tag(version), weak=True)  # because of the time stamp
    return response


@bp.get("/collections/stations/items/<feature_id>")
def item(feature_id: str) -> Response:
    """Get a station."""
    form = _wanted(asked(FormatQuery()), GEOJSON)
    row = search.one(number(feature_id))
    if row is None:
        abort(404, f"there is no station {feature_id}")
    links = documents.itself(form, GEOJSON)
    links.append(documents.link("collection", "collection", JSON, "All stations"))
    if form == "html":
        return station.show(row["id"], "stations/ogc/item.html", links=links)
    return _answer(dumps(representations.feature(row, links=links)), GEOJSON)


def number(feature_id: str) -> int:
    """Return the id. Aborts with 404, but OPTIONS is answered for any id, as QGIS needs it."""
    if not WHOLE.fullmatch(feature_id):
        abort(404, f"there is no station {feature_id}")
    return int(feature_id)


def _page(template: str, **values: Any) -> Response:
    return make_response(render_template(f"stations/ogc/{template}.html", **values))


def _answer(body: bytes, media_type: str) -> Response:
    response = answers.answer(body, media_type, answers.tag_of(body, compression.accepted()))
    response.make_conditional(request)
    return response
