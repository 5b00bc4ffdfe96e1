"""Signing in with an API token: the session keeps the token's id, and the token can be revoked.

The session is a signed cookie, which lasts until the browser is closed, and a month at most. A copy
of it is valid until then, unless the token is revoked.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from flask import (
    Blueprint,
    Flask,
    Request,
    abort,
    flash,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask.typing import ResponseReturnValue
from sqlalchemy import delete, func, select
from werkzeug.exceptions import TooManyRequests
from wtforms import HiddenField, PasswordField
from wtforms.validators import DataRequired

from .accounts import ApiToken, SignInTry
from .extensions import db
from .tokens import verify_token
from .web.forms import Form

bp = Blueprint("sign_in", __name__)

TRIES = 5  # failed attempts from one address within WAIT
WAIT = timedelta(minutes=1)
# Not //host, nor what browsers treat the same: /\\host, or a tab between the slashes.
LOCAL = re.compile(r"/(?![/\\])[!-~]*")
LOCK = 7_220_004  # the first key of the advisory lock; the second is the address's hash


class SignInForm(Form):
    """The token, and the page to return to."""

    token = PasswordField("API token", [DataRequired("Enter your API token.")])
    next = HiddenField()

    def filter_token(self, value: str | None) -> str:
        """Remove whitespace that was copied along with the token."""
        return (value or "").strip()


class SignedInForm(Form):
    """A form that only a signed-in user can send. Anybody else gets it back as it was sent."""

    is_signed_out = False

    def validate(self, extra_validators: Any = None) -> bool:
        """Tell whether the form is valid and its sender is signed in."""
        valid: bool = super().validate(extra_validators)
        self.is_signed_out = not signed_in()
        if self.is_signed_out:
            self.form_errors.append("You are signed out, so nothing was done. Your input is kept.")
        return valid and not self.is_signed_out


class Sessions(SecureCookieSessionInterface):
    """Flask's sessions, which cost a request without cookies nothing."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Open the session. Making what checks its signature takes a twentieth of a small read."""
        if "HTTP_COOKIE" not in request.environ:
            return self.session_class()
        return super().open_session(app, request)


def init_app(app: Flask) -> None:
    """Register the pages, and give the templates access to the signed-in token."""
    app.session_interface = Sessions()
    app.register_blueprint(bp)
    app.jinja_env.globals |= {"signed_in": signed_in, "sign_out_form": Form}


def signed_in() -> ApiToken | None:
    """Return the token that this browser is signed in with, unless it was revoked."""
    if "token_id" not in session:
        return None
    token: ApiToken | None = db.session.scalar(
        select(ApiToken).filter_by(id=session["token_id"], revoked_at=None)
    )
    if token is None:
        del session["token_id"]  # not all: a form of this page may have its CSRF token there
    return token


def sign_in_required(view: Callable[..., Any]) -> Callable[..., Any]:
    """Redirect to the sign-in page, and back to this page afterwards, unless already signed in."""

    @wraps(view)
    def wrapped(**arguments: Any) -> Any:
        if signed_in():
            return view(**arguments)
        here = request.script_root + request.full_path.rstrip("?")
        return redirect(url_for("sign_in.sign_in", next=here))

    return wrapped


@bp.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> ResponseReturnValue:
    """Ask for a token, and store its id in the session."""
    form = SignInForm(next=request.args.get("next"))
    if form.validate_on_submit():
        token = _checked(form.token.data)
        if token:
            session.clear()  # with a new CSRF token, too
            session["token_id"] = token.id
            flash(f"You are signed in as {token.name}.")
            return redirect(_local(form.next.data))
        form.token.errors = ["This token is unknown or revoked."]
    return render_template("sign_in.html", form=form), 422 if form.errors else 200


@bp.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """Clear the session."""
    if not Form().validate_on_submit():
        abort(400, "you are still signed in, because the page has expired")
    session.clear()
    flash("You are signed out.")
    return redirect(url_for("sign_in.sign_in"))


def _checked(value: str) -> ApiToken | None:
    """Return the token unless it is unknown or revoked, and count failed attempts.

    The attempts are stored in the database, where all workers see them. The lock lets only one
    attempt of an address run at a time, so that many at once can't exceed the limit.
    """
    address = request.remote_addr or ""
    db.session.execute(select(func.pg_advisory_xact_lock(LOCK, func.hashtext(address))))
    db.session.execute(delete(SignInTry).where(SignInTry.created_at < func.now() - WAIT))
    tries = select(func.count()).select_from(SignInTry).filter_by(address=address)
    if db.session.execute(tries).scalar_one() >= TRIES:
        raise TooManyRequests(retry_after=int(WAIT.total_seconds()))
    token: ApiToken | None = verify_token(value)
    if token is None:
        db.session.add(SignInTry(address=address))
    db.session.commit()
    return token


def _local(path: str | None) -> str:
    """Return the path if it is one of this application, or else that of the start page."""
    return path if path and LOCAL.fullmatch(path) else url_for("home")
