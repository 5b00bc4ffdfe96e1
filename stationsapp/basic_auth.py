"""Basic authentication, for programs such as QGIS and GDAL: the token is the password.

Programs can also send it as a bearer token; see `auth`.
"""

from flask import current_app
from flask_httpauth import HTTPBasicAuth, MultiAuth
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from .accounts import ApiToken
from .auth import auth
from .tokens import verify_token

basic = HTTPBasicAuth()
either = MultiAuth(basic, auth)  # a client that sends neither is asked for a password


@basic.verify_password
def verify(user: str, password: str) -> ApiToken | None:
    """Return the token's row, whatever the user name is."""
    return verify_token(password)


@basic.error_handler
def refuse(status: int) -> None:
    """Return a problem document as for other errors, and ask for the password (RFC 7617)."""
    raise Unauthorized(
        "expected any user name, and an API token that is not revoked as its password",
        www_authenticate=WWWAuthenticate("basic", {"realm": current_app.name}),
    )
