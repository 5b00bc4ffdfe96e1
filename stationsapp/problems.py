"""Errors under /api as problem documents (RFC 9457)."""

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

API = "/api/"


def init_app(app: Flask) -> None:
    """Answer every HTTP error under /api with application/problem+json."""
    app.register_error_handler(HTTPException, _problem)


def _problem(error: HTTPException) -> Response | HTTPException:
    if not request.path.startswith(API) or error.code is None:
        return error
    problem = {"type": "about:blank", "title": error.name, "status": error.code}
    # webargs leaves the fields that failed in `data`, below the place they came from.
    if messages := getattr(error, "data", {}).get("messages"):
        fields = {name: reasons for place in messages.values() for name, reasons in place.items()}
        problem |= {"detail": f"not valid: {', '.join(fields)}", "errors": fields}
    else:
        problem["detail"] = error.description or error.name
    response = jsonify(problem)
    response.status_code = error.code
    response.content_type = "application/problem+json"
    return response
