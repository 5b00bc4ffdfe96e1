"""Errors under /api as problem documents (RFC 9457)."""

import orjson
from flask import Response, request
from marshmallow import Schema, fields
from werkzeug.exceptions import HTTPException

from ..logs import request_id

API = "/api/"
MEDIA_TYPE = "application/problem+json"


class ProblemSchema(Schema):
    """What went wrong."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String()
    errors = fields.Dict(metadata={"description": "by field, what is wrong with it"})
    request_id = fields.String(metadata={"description": "its lines in the log, for a 500 or 503"})


def problem(error: HTTPException) -> Response | HTTPException:
    """Return the problem document for an error under /api, any other error as it is."""
    if not f"{request.path}/".startswith(API) or error.code is None:
        return error
    document = {"type": "about:blank", "title": error.name, "status": error.code}
    # webargs leaves the fields that failed in `data`, below the place that they came from.
    if messages := getattr(error, "data", {}).get("messages"):
        invalid = {name: reasons for place in messages.values() for name, reasons in place.items()}
        document |= {"detail": f"not valid: {', '.join(map(str, invalid))}", "errors": invalid}
    elif error.code == 500:
        document["detail"] = "something went wrong here"  # what, stands in the log alone
    else:
        document["detail"] = error.description or error.name
    if error.code >= 500:
        document["request_id"] = request_id.get()  # for the client to quote
    body = orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS)
    response = Response(body, error.code, error.get_headers())
    response.content_type = MEDIA_TYPE
    return response
