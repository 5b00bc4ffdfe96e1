"""The answer to a request that fails with a known error: a page that explains it, and cures it.

In development it tells all, with a button for what is safe; in production it tells nothing.
"""

import json
import os
import subprocess
import sys
from ipaddress import ip_address
from secrets import token_hex
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Flask,
    abort,
    current_app,
    got_request_exception,
    redirect,
    render_template,
    request,
)
from flask.typing import ResponseReturnValue
from itsdangerous import BadData, URLSafeTimedSerializer
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import ServiceUnavailable

from .diagnosis import Diagnosis, app_arguments, masked
from .errors import passes_by_itself
from .notes import annotate
from .state import state_of

RETRY_AFTER = 5  # seconds
TOKEN_AGE = 600  # seconds
ACTION_TIMEOUT = 60  # seconds
LABELS = {"create-database": "Create the database", "upgrade": "Upgrade the database"}
LOOPBACK = ("localhost", "127.0.0.1", "::1")
# No script, no frame around it, and nothing of other sites.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"

bp = Blueprint("doctor", __name__, url_prefix="/_doctor", template_folder="templates")
# Of this process alone: SECRET_KEY may be known to all in development.
_tokens = URLSafeTimedSerializer(token_hex(32), salt="doctor")
_used: set[str] = set()


def init_app(app: Flask) -> None:
    """Answer known errors; only in debug with a page that can act."""
    for kind in (SQLAlchemyError, RuntimeError):
        app.register_error_handler(kind, _answer)
    got_request_exception.connect(_note, app)
    if app.debug:
        app.register_blueprint(bp)


def _note(sender: Flask, exception: BaseException, **_: object) -> None:
    annotate(exception)


def _answer(error: Exception) -> ResponseReturnValue:
    annotate(error)
    diagnosis: Diagnosis | None = getattr(error, "diagnosis", None)
    if diagnosis is None or not (current_app.debug or passes_by_itself(error)):
        raise error
    current_app.logger.error("%s %s failed", request.method, request.path, exc_info=error)
    if current_app.debug and bp.name in current_app.blueprints:
        return _explain(error, diagnosis)
    unavailable = ServiceUnavailable(retry_after=RETRY_AFTER)
    response = current_app.make_response(current_app.handle_http_exception(unavailable))
    response.headers["Retry-After"] = str(RETRY_AFTER)
    return response


def _explain(error: Exception, diagnosis: Diagnosis) -> ResponseReturnValue:
    status = 503 if passes_by_itself(error) else 500
    if request.accept_mimetypes.best_match(["application/problem+json", "text/html"]) != (
        "text/html"
    ):
        problem = {"type": "about:blank", "status": status, "title": diagnosis.title}
        problem |= {"detail": diagnosis.why, "diagnosis": diagnosis.json()}
        response = current_app.json.response(problem)
        response.content_type = "application/problem+json"
        return response, status
    action = diagnosis.entry.action
    may_act = action and not _refusal()
    return _page(
        status,
        diagnosis=diagnosis,
        message=_message(error, diagnosis),
        label=state_of(current_app).actions[action].label if action and may_act else None,
        token=_tokens.dumps([action, _here(), token_hex(8)]),
    )


def _page(status: int, **values: object) -> ResponseReturnValue:
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}
    return render_template("doctor/error.html", **values), status, headers


def _message(error: Exception, diagnosis: Diagnosis) -> str:
    if diagnosis.entry.id == "url-unescaped":
        return ""  # it quotes what the password was cut into
    return masked(str(getattr(error, "orig", None) or error), _password())


def _password() -> str | None:
    engine = state_of(current_app).engine
    return str(engine.url.password or "") or None if engine is not None else None


def _here() -> str:
    """Return the page asked for, as a path of this site alone (`//host/` is none)."""
    path = request.full_path if request.method == "GET" else "/"
    return f"{request.script_root}/" + path.lstrip("/\\").removesuffix("?")


@bp.post("/")
def act() -> ResponseReturnValue:
    """Apply the action that the token names, and go back to the page asked for."""
    if not current_app.debug:
        abort(404)
    if refusal := _refusal() or _foreign():
        abort(403, refusal)
    try:
        action, page, nonce = _tokens.loads(request.form.get("token", ""), max_age=TOKEN_AGE)
    except (BadData, ValueError):
        abort(403, "The token is not ours, or too old: reload the page.")
    if action not in state_of(current_app).actions or nonce in _used:
        abort(403, "The token was used already: reload the page.")
    _used.add(nonce)
    if output := _run(action):
        return _page(500, output=masked(output, _password()), page=page)
    return redirect(page, 303)


def _run(action: str) -> str | None:
    """Apply an action in a process of its own; return what is wrong if that didn't cure it.

    It examines anew, acts only if that is still the cure, and may find the next error then.
    """
    command = [sys.executable, "-m", "flask", *app_arguments(), "doctor", "--json", "--fix", action]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("WERKZEUG_")}
    try:
        done = subprocess.run(  # noqa: S603
            command, env=environment, capture_output=True, text=True, timeout=ACTION_TIMEOUT
        )
        diagnosis = json.loads(done.stdout)["diagnosis"]
    except subprocess.TimeoutExpired:
        return f"It took longer than {ACTION_TIMEOUT} seconds."
    except ValueError:
        return done.stdout + done.stderr
    if done.returncode and (diagnosis is None or diagnosis["action"] in (None, action)):
        return done.stdout + done.stderr
    return None


def _refusal() -> str | None:
    """Say why this client may not act: it isn't this machine's own browser."""
    try:
        near = ip_address(request.environ.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        near = False
    # A tunnel or a proxy on this machine comes from loopback, on behalf of anybody.
    if not near or any(name in request.headers for name in ("X-Forwarded-For", "Forwarded")):
        return "Only from this machine."
    # A foreign name that resolves to this machine (DNS rebinding) is a foreign site's.
    if urlsplit(f"//{request.host}").hostname not in LOOPBACK:
        return "Only under the name localhost."
    return None


def _foreign() -> str | None:
    if request.headers.get("Origin") != request.host_url.rstrip("/"):
        return "Only from our own page."
    return None
