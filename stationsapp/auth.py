"""Authentication of API clients by a token in the Authorization header."""

from flask import current_app
from flask_httpauth import HTTPTokenAuth
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from .tokens import verify_token

auth = HTTPTokenAuth()
auth.verify_token(verify_token)


@auth.error_handler
def refuse(status: int) -> None:
    """Return a problem document as for other errors, and say how to authenticate (RFC 6750, 3)."""
    raise Unauthorized(
        "expected the header Authorization: Bearer <token>, with a token that is not revoked",
        www_authenticate=WWWAuthenticate("bearer", {"realm": current_app.name}),
    )
