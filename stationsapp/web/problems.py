"""Errors as problem documents (RFC 9457), or as pages for browsers."""

from typing import Any

import orjson
from flask import Response, request
from marshmallow import Schema, fields
from werkzeug.exceptions import HTTPException

from . import error_pages

APIS = ("/api/", "/ogc/")
MEDIA_TYPE = "application/problem+json"


class ProblemSchema(Schema):
    """A problem document (RFC 9457)."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String()
    errors = fields.Dict(metadata={"description": "what is wrong with each field"})
    request_id = fields.String(metadata={"description": "for a 500 or 503: the id in the log"})


def problem(error: HTTPException) -> Response | HTTPException:
    """Return a page to browsers outside the APIs, and a problem document to all others."""
    if not f"{request.path}/".startswith(APIS) and error_pages.is_wanted():
        return error_pages.error_page(error)
    return document(error)


def document(error: HTTPException) -> Response | HTTPException:
    """Return a problem document."""
    if error.code is None or error.code < 400 or error.response:  # a redirect, for example
        return error
    content: dict[str, Any] = {"type": "about:blank", "title": error.name, "status": error.code}
    # webargs puts the invalid fields into `data`, grouped by their location.
    if messages := getattr(error, "data", {}).get("messages"):
        invalid = {name: reasons for place in messages.values() for name, reasons in place.items()}
        content |= {"detail": f"not valid: {', '.join(map(str, invalid))}", "errors": invalid}
    elif error.code == 500:
        content["detail"] = "something went wrong on the server"  # only the log says what
    else:
        content["detail"] = error.description or error.name
    if error.code >= 500 and (request_id := request.environ.get("request_id")):
        content["request_id"] = request_id  # for the client to quote
    body = orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS)
    response = Response(body, error.code, error.get_headers())
    response.content_type = MEDIA_TYPE
    return response
