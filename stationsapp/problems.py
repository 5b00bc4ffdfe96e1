"""Errors under /api as problem documents (RFC 9457)."""

import secrets

from flask import Flask, Response, current_app, request
from orjson import OPT_NON_STR_KEYS, dumps
from werkzeug.exceptions import HTTPException

API = "/api/"


def init_app(app: Flask) -> None:
    """Answer every error under /api with application/problem+json."""
    app.register_error_handler(HTTPException, _problem)


def _problem(error: HTTPException) -> Response | HTTPException:
    if not f"{request.path}/".startswith(API) or error.code is None:
        return error
    problem = {"type": "about:blank", "title": error.name, "status": error.code}
    # webargs leaves the fields that failed in `data`, below the place that they came from.
    if messages := getattr(error, "data", {}).get("messages"):
        fields = {name: reasons for place in messages.values() for name, reasons in place.items()}
        problem |= {"detail": f"not valid: {', '.join(map(str, fields))}", "errors": fields}
    elif error.code == 500:
        # What went wrong stands in the log alone, under a number that the client can quote.
        problem |= {"detail": "something went wrong here", "request_id": secrets.token_hex(8)}
        current_app.logger.error("the failed request is request_id %s", problem["request_id"])
    else:
        problem["detail"] = error.description or error.name
    response = Response(dumps(problem, option=OPT_NON_STR_KEYS), error.code, error.get_headers())
    response.content_type = "application/problem+json"
    return response
