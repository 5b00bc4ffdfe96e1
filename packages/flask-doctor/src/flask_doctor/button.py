"""The button of the page: who may press it, and what it does."""

import json
import os
import subprocess
import sys
from ipaddress import ip_address
from secrets import token_hex
from threading import Lock
from urllib.parse import urlsplit

from flask import Flask, abort, request
from itsdangerous import BadData, URLSafeTimedSerializer

from .actions import ACTIONS
from .catalogue import Action
from .diagnosis import app_arguments
from .state import state_of

TOKEN_AGE = 600  # seconds
ACTION_TIMEOUT = 60  # seconds
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Button:
    """The button of one application: each token is good for one press, in this process alone."""

    def __init__(self) -> None:
        # Not SECRET_KEY: in development it may be known to all.
        self.tokens = URLSafeTimedSerializer(token_hex(32), salt="doctor")
        self._used: set[str] = set()
        self._lock = Lock()

    def token(self, action: Action) -> str:
        """Make a token for an action, which leads back to the page that was asked for."""
        return str(self.tokens.dumps([action.name, here(), token_hex(8)]))

    def pressed(self, app: Flask) -> tuple[Action, str]:
        """Return the action that the request's token names, and the page to go back to.

        Raises Forbidden when the request isn't the doctor's own page's, or the token is no good.
        """
        if reason := refusal() or _foreign():
            abort(403, reason)
        try:
            name, page, nonce = self.tokens.loads(request.form.get("token", ""), max_age=TOKEN_AGE)
        except (BadData, ValueError):
            abort(403, "The token is invalid or too old. Reload the page.")
        action = state_of(app).actions.get(name)
        with self._lock:
            if action is None or nonce in self._used:
                abort(403, "The token was already used. Reload the page.")
            self._used.add(nonce)
        return action, page


def here() -> str:
    """Return the page asked for, as a path of this site alone (`//host/` is none)."""
    path = request.full_path if request.method == "GET" else "/"
    return f"{request.script_root}/" + path.lstrip("/\\").removesuffix("?")


def run(app: Flask, action: Action) -> str | None:
    """Run an action; return what is wrong if that didn't fix it."""
    if action in ACTIONS:
        return _run_apart(action.name)
    try:
        action.run(app)
    except (Exception, SystemExit) as error:
        return f"{type(error).__name__}: {error}"
    return None


def _run_apart(name: str) -> str | None:
    """Apply an action of the doctor's in a process of its own: Alembic changes a process' logging.

    It examines anew, acts only if that is still the fix, and may find the next error then.
    """
    command = [sys.executable, "-m", "flask", *app_arguments(), "doctor", "--json", "--fix", name]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("WERKZEUG_")}
    try:
        done = subprocess.run(  # noqa: S603
            command, env=environment, capture_output=True, text=True, timeout=ACTION_TIMEOUT
        )
        diagnosis = json.loads(done.stdout)["diagnosis"]
    except subprocess.TimeoutExpired:
        return f"It took more than {ACTION_TIMEOUT} seconds."
    except ValueError:
        return done.stdout + done.stderr
    if done.returncode and (diagnosis is None or diagnosis["action"] == name):
        return done.stdout + done.stderr
    return None


def refusal() -> str | None:
    """Say why this client may not act: it isn't this machine's own browser."""
    try:
        near = ip_address(request.environ.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        near = False
    # A tunnel or a proxy on this machine comes from loopback, on behalf of anybody.
    if not near or any(name in request.headers for name in ("X-Forwarded-For", "Forwarded")):
        return "Only allowed from this machine."
    # A foreign name that resolves to this machine (DNS rebinding) is a foreign site's.
    if urlsplit(f"//{request.host}").hostname not in LOOPBACK:
        return "Only allowed under the name localhost."
    return None


def _foreign() -> str | None:
    if request.headers.get("Origin") != request.host_url.rstrip("/"):
        return "Only allowed from the doctor's own page."
    return None
