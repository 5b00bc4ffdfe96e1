"""Errors under /api as problem documents (RFC 9457)."""

import secrets

import orjson
from flask import Response, current_app, request
from marshmallow import Schema, fields
from werkzeug.exceptions import HTTPException

API = "/api/"
MEDIA_TYPE = "application/problem+json"


class ProblemSchema(Schema):
    """What went wrong."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String()
    errors = fields.Dict(metadata={"description": "by field, what is wrong with it"})
    request_id = fields.String(metadata={"description": "the line in the log, for a 500"})


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
        # What went wrong stands in the log alone, under a number that the client can quote.
        document |= {"detail": "something went wrong here", "request_id": secrets.token_hex(8)}
        current_app.logger.error("the failed request is request_id %s", document["request_id"])
    else:
        document["detail"] = error.description or error.name
    body = orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS)
    response = Response(body, error.code, error.get_headers())
    response.content_type = MEDIA_TYPE
    return response
