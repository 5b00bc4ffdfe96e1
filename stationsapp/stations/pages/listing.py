"""The list of stations, one page at a time. It works without JavaScript."""

from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError, fields
from marshmallow.validate import Length, OneOf

from ...database import Row
from ...web.fields import NO_NUL
from .. import search
from ..api.schemas import ListQuery
from ..columns import NAME_START
from ..search import Filters

PAGE = 50  # stations


class SortedQuery(ListQuery):
    """Filters and order; `after` is the name of the station whose id is `cursor`."""

    error_messages = {"unknown": "There is no such parameter."}  # noqa: RUF012

    sort = fields.String(load_default="name", validate=OneOf(["name", "id"]))
    after = fields.String(load_default="", validate=[Length(max=NAME_START), NO_NUL])


def index() -> ResponseReturnValue:
    """List stations by name or by id, one page at a time."""
    # A form also sends its empty fields.
    asked = {name: value for name, value in request.args.items() if value}
    shown = {
        "asked": asked,
        "filters": {name: asked[name] for name in Filters._fields if name in asked},
        "sources": search.sources(),
    }
    try:
        query = SortedQuery().load(asked)
    except ValidationError as error:
        messages = error.messages_dict.items()
        wrong = {name: " ".join(_reasons(reasons)) for name, reasons in messages}
        return render_template("stations/list.html", **shown, wrong=wrong), 422
    filters = Filters.of(query)
    if query["sort"] == "id":
        page = search.page(filters, PAGE, query["cursor"])
    else:
        page = search.page_by_name(filters, PAGE, query["after"], query["cursor"])
    following = _after(query, asked, page.rows[-1]) if page.has_next else None
    return render_template(
        "stations/list.html",
        **shown,
        sort=query["sort"],
        stations=page.rows,
        following=following,
    )


def _reasons(messages: Any) -> list[str]:
    """Return marshmallow's messages as a list. Those of a list field are nested by index."""
    if isinstance(messages, list):
        return messages
    return [reason for inner in messages.values() for reason in _reasons(inner)]


def _after(query: dict[str, Any], asked: dict[str, str], last: Row) -> dict[str, Any]:
    """Return the parameters of the page after this station."""
    place = {"cursor": last["id"]}
    if query["sort"] == "name":
        place["after"] = last["name"][:NAME_START]
    return asked | place
