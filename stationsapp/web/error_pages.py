"""Errors as HTML pages: what happened, and what to do."""

from flask import Flask, Response, render_template, request
from werkzeug.exceptions import HTTPException, SecurityError

WORDS = {
    400: ("This request isn't valid", "Go back, reload the page, and try again."),
    403: ("You can't do this", "Your API token doesn't allow it."),
    404: ("There is nothing here", "The address may be misspelled, or the page may be gone."),
    413: ("This is too large", "Go back and send less at once."),
    429: ("Too many attempts", "Wait a minute, then try again."),
    500: ("Something went wrong", "This is not your fault. Try again in a moment."),
    503: ("Just a moment", "The service is busy, or can't reach its database. Try again soon."),
}


def init_app(app: Flask) -> None:
    """Answer errors with pages. The API's errors are problem documents (problems.py)."""
    app.register_error_handler(HTTPException, error_page)


def is_wanted() -> bool:
    """Tell whether the client prefers HTML to JSON, as browsers do."""
    accepted = request.accept_mimetypes
    return accepted["text/html"] >= accepted["application/json"]


def error_page(error: HTTPException) -> Response | HTTPException:
    """Return the page for an error, without the database, which may be the cause."""
    code = error.code
    if code is None or code < 400 or error.response:  # a redirect, for example
        return error
    if isinstance(error, SecurityError):  # an untrusted host: no URL can be built for it
        return error
    title, advice = WORDS.get(code, (error.name, "Go back and try again."))
    explained = error.description != type(error).description
    body = render_template(
        "error.html",
        title=title,
        advice=advice,
        detail=error.description if explained else None,
        request_id=request.environ.get("request_id") if code >= 500 else None,
    )
    response = Response(body, code, error.get_headers())
    response.mimetype = "text/html"
    return response
