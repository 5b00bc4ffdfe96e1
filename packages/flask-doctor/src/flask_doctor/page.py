"""The answer to a request that fails, or would fail: a page that explains it and can fix it.

In debug it tells all, with a button for what is safe; in production it tells nothing.
"""

import os
import platform
import re
from contextlib import suppress
from importlib.metadata import version
from math import inf
from secrets import token_urlsafe
from time import monotonic
from traceback import TracebackException

from flask import (
    Blueprint,
    Flask,
    current_app,
    redirect,
    request,
)
from flask.typing import ResponseReturnValue
from jinja2 import Environment, PackageLoader, select_autoescape
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException, InternalServerError, NotFound, ServiceUnavailable

from . import button
from .ahead import Ahead, wanted
from .diagnosis import Diagnosis, masked
from .errors import passes_by_itself, sqlstate_of
from .notes import annotate
from .own_code import CREDENTIAL
from .state import state_of

# A migration was not run, or the model is newer than the migrations: a look tells which.
NOT_MIGRATED = (
    *("table-missing", "table-not-migrated", "column-missing", "column-not-migrated"),
    *("migration-stamped", "dropped-by-hand"),
)
NEWER_MODEL = ("model-drift", "column-renamed", "migration-stamped", "enum-value-missing")
RETRY_AFTER = 5  # seconds
TRACEBACK_EVERY = 60  # seconds: an outage fails every request in the same way
PROBLEM = "application/problem+json"
# Nothing of other sites, no frame around it, no script and no style but the page's own.
POLICY = (
    "default-src 'none'; script-src 'nonce-{0}'; style-src 'nonce-{0}'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
GIVEN = re.compile(rf"""{CREDENTIAL}[=:]\s*)("[^"]*"|'[^']*'|[^\s,;)"']+)""")
# Not the application's own: its context processors may be what asks the database and fails.
templates = Environment(loader=PackageLoader("flask_doctor"), autoescape=select_autoescape())


def init_app(app: Flask) -> None:
    """Answer known errors, and in debug meet those that requests would run into."""
    page = Page()
    for kind in (SQLAlchemyError, RuntimeError, Exception):
        # What the application answers itself stays its own.
        if kind not in app.error_handler_spec[None][None]:
            app.register_error_handler(kind, page.answer)
    app.before_request(page.meet)
    # Whether it is in debug isn't known yet: `app.run(debug=True)` says so later.
    bp = Blueprint("doctor", __name__, url_prefix="/_doctor")
    bp.add_url_rule("/", "act", page.act, methods=["POST"])
    app.register_blueprint(bp)


class Page:
    """The doctor's answers in one application."""

    def __init__(self) -> None:
        self.ahead = Ahead()
        self.button = button.Button()
        self.traced: dict[str, float] = {}  # when a kind of error was last logged in full

    def meet(self) -> ResponseReturnValue | None:
        """Answer in the view's place when the database is known not to be ready."""
        if not current_app.debug:  # first of all, as this runs in production too
            return None
        app = state_of(current_app).app
        diagnosis = self.ahead.ask(app) if wanted(app) else None
        return self.explain(diagnosis, 503) if diagnosis else None

    def answer(self, error: Exception) -> ResponseReturnValue:
        """Answer a request that failed; what is unknown goes on as if there were no doctor."""
        __traceback_hide__ = True  # in Werkzeug's debugger
        if isinstance(error, HTTPException) and not _trapped(error):
            return error
        temporary = passes_by_itself(error)
        annotate(error)
        diagnosis: Diagnosis | None = getattr(error, "diagnosis", None)
        if current_app.debug and diagnosis and diagnosis.entry.id in NOT_MIGRATED:
            from .examine import look  # as in `ahead`: what examines is loaded when it is needed

            found = look(state_of(current_app).app, models=True)
            if found and found.entry.id in NEWER_MODEL:  # no migration is left to run
                diagnosis = found
        if not (diagnosis if current_app.debug else temporary):
            raise error
        self.log(error, diagnosis)
        if current_app.debug and diagnosis:
            return self.explain(diagnosis, 503 if temporary else 500, error)
        unavailable = ServiceUnavailable(retry_after=RETRY_AFTER)
        response = current_app.make_response(current_app.handle_http_exception(unavailable))
        response.headers["Retry-After"] = str(RETRY_AFTER)
        return response

    def log(self, error: Exception, diagnosis: Diagnosis | None) -> None:
        """Log an error in a line, and with its traceback now and then; in debug always."""
        kind = diagnosis.entry.id if diagnosis else sqlstate_of(error) or type(error).__name__
        failed = f"{request.method} {request.path} failed ({kind})"
        if not current_app.debug and monotonic() < self.traced.get(kind, -inf) + TRACEBACK_EVERY:
            current_app.logger.error("%s", failed)
            return
        self.traced[kind] = monotonic()
        if diagnosis and kind == "url-unescaped":  # its own words quote a part of the password
            _, trace = _told(error, diagnosis)
            current_app.logger.error("%s\n%s\n%s", failed, trace, diagnosis.text())
        else:
            current_app.logger.error("%s", failed, exc_info=error)

    def explain(
        self, diagnosis: Diagnosis, status: int, error: Exception | None = None
    ) -> ResponseReturnValue:
        """Tell a browser by a page, other clients by a problem document."""
        if request.accept_mimetypes.best_match([PROBLEM, "text/html"]) != "text/html":
            problem = {"type": "about:blank", "status": status, "title": diagnosis.title}
            problem |= {"detail": diagnosis.why, "diagnosis": diagnosis.json()}
            response = current_app.json.response(problem)
            response.content_type = PROBLEM
            return response, status
        action = state_of(current_app).actions.get(diagnosis.entry.action or "")
        if button.refusal():
            action = None
        message, trace = _told(error, diagnosis)
        known = {"diagnosis": diagnosis, "traceback": trace}
        report = templates.get_template("report.md").render(known, versions=_versions())
        token = self.button.token(action) if action else ""
        return _render(status, **known, message=message, action=action, token=token, report=report)

    def act(self) -> ResponseReturnValue:
        """Apply the action that the button stands for, and go back to the page asked for."""
        if not current_app.debug:
            raise NotFound
        app = state_of(current_app).app
        action, page = self.button.pressed(app)
        output = button.run(app, action)
        self.ahead.forget()
        if output:
            return _render(500, action=action, output=_clean(output), page=page)
        return redirect(page, 303)


def _trapped(error: HTTPException) -> bool:
    """Tell whether Flask itself would let this HTTP error end in the debugger."""
    final = isinstance(error, InternalServerError) and error.original_exception
    return not final and error.code is not None and current_app.trap_http_exception(error)


def _render(status: int, **values: object) -> ResponseReturnValue:
    nonce = token_urlsafe(16)
    headers = {
        "Content-Security-Policy": POLICY.format(nonce),
        "Cache-Control": "no-store",
        "Referrer-Policy": "same-origin",  # with less, a browser doesn't tell the form's origin
    }
    post = f"{request.script_root}/_doctor/"
    page = templates.get_template("page.html").render(values, nonce=nonce, post=post)
    return page, status, headers


def _told(error: Exception | None, diagnosis: Diagnosis) -> tuple[str, str]:
    """Return an error's message and its traceback, without secrets."""
    if error is None:
        return "", ""
    told = TracebackException.from_exception(error)
    if diagnosis.entry.id == "url-unescaped":  # its messages quote what the password was cut into
        return "", _clean("".join(told.stack.format()))
    told.__notes__ = []  # they say what the page says
    message = str(getattr(error, "orig", None) or error).strip()
    return _clean(message), _clean("".join(told.format()))


def _versions() -> list[str]:
    lines = [f"Python {platform.python_version()}, {platform.platform()}"]
    lines += [f"{name} {version(name)}" for name in ("Flask", "SQLAlchemy", "Flask-Doctor")]
    for name, engine in _engines().items():
        driver = getattr(engine.dialect.dbapi, "__version__", "?").split()[0]
        server = ".".join(map(str, getattr(engine.dialect, "server_version_info", None) or ()))
        lines.append(f"{name}: {engine.driver} {driver}, PostgreSQL {server or 'not reached'}")
    return lines


def _engines() -> dict[str, Engine]:
    with suppress(Exception):  # the URL may be what is wrong
        return state_of(current_app).engines()
    return {}


def _clean(text: str) -> str:
    """Return the text without passwords: those in use, and what looks like one."""
    from .case import parameters_of

    state = state_of(current_app)
    secrets = [parameters_of(engine, state).get("password") for engine in _engines().values()]
    for secret in (*secrets, os.environ.get("PGPASSWORD"), current_app.config["SECRET_KEY"]):
        text = masked(text, str(secret) if secret else None)
    return GIVEN.sub(r"\1***", text)
