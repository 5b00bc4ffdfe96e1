"""Signing in with an API token: the session keeps the token's id, and the token can be revoked."""

import re
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from flask import Blueprint, Flask, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy import delete, func, select
from werkzeug.exceptions import TooManyRequests
from wtforms import HiddenField, PasswordField
from wtforms.validators import InputRequired

from .accounts import ApiToken, SignInTry
from .auth import verify_token
from .extensions import db

bp = Blueprint("sign_in", __name__)

TRIES = 5  # that may fail from one address in the time below
WAIT = timedelta(minutes=1)
# Not //host, and nothing that browsers take for it: /\\host, or a tab between the slashes.
LOCAL = re.compile(r"/(?![/\\])[!-~]*")
LOCK = 7_220_002  # the first key of the advisory lock; the second is the address's hash


class SignInForm(FlaskForm):  # type: ignore[misc]
    """Who are you, and where to go then."""

    token = PasswordField("API token", [InputRequired("Enter your API token.")])
    next = HiddenField()


def init_app(app: Flask) -> None:
    """Serve the pages, and tell the templates who is signed in."""
    app.register_blueprint(bp)
    app.jinja_env.globals |= {"signed_in": signed_in, "sign_out_form": FlaskForm}


def signed_in() -> ApiToken | None:
    """Return the token with which this browser is signed in. A revoked one is forgotten at once."""
    if "token_id" not in session:
        return None
    token: ApiToken | None = db.session.scalar(
        select(ApiToken).filter_by(id=session["token_id"], revoked_at=None)
    )
    if token is None:
        session.clear()
    return token


def sign_in_required(view: Callable[..., Any]) -> Callable[..., Any]:
    """Send who isn't signed in to the sign-in page, and from there back to this one."""

    @wraps(view)
    def wrapped(**arguments: Any) -> Any:
        if signed_in():
            return view(**arguments)
        return redirect(url_for("sign_in.sign_in", next=request.full_path.rstrip("?")))

    return wrapped


@bp.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> ResponseReturnValue:
    """Ask for a token, and remember it in the session."""
    form = SignInForm(next=request.args.get("next"))
    if form.validate_on_submit():
        token = _checked(form.token.data)
        if token:
            session.clear()
            session["token_id"] = token.id
            flash(f"You are signed in as {token.name}.")
            return redirect(_local(form.next.data))
        form.token.errors = ["This token is unknown or revoked."]
    return render_template("sign_in.html", form=form), 422 if form.errors else 200


@bp.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """Forget who was signed in."""
    if FlaskForm().validate_on_submit():
        session.clear()
        flash("You are signed out.")
    return redirect(url_for("sign_in.sign_in"))


def _checked(value: str) -> ApiToken | None:
    """Return the token unless it is unknown or revoked; count the tries that fail.

    The tries are in the database, because all workers must count together. The lock makes tries
    from one address wait for one another, so that many at once don't slip through.
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
    """Return the path if it belongs to this application, so that no link can lead elsewhere."""
    return path if path and LOCAL.fullmatch(path) else url_for("home")
