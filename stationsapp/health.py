"""For load balancers and supervisors: is the process alive, and what can it serve?"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooSlowError
from time import monotonic
from typing import Any

from alembic.script import ScriptDirectory
from flask import Blueprint, Flask, current_app
from flask.typing import ResponseReturnValue
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from .database import read
from .extensions import db
from .limits import DEADLINE

ASK = 0.8  # seconds for the database to answer, so that we answer within one
PREFIX = "/health"

bp = Blueprint("health", __name__, url_prefix=PREFIX)


def init_app(app: Flask) -> None:
    """Serve the two addresses, under whatever name the host is asked for."""
    app.register_blueprint(bp)
    # Threads that wait for the database instead of the request's own; connecting takes its time.
    app.extensions["health"] = ThreadPoolExecutor(thread_name_prefix="health")
    serve = app.wsgi_app

    def serve_by_address(environ: dict[str, Any], start_response: Any) -> Any:
        """Take a balancer's request, which names an address, for one to the first trusted host."""
        hosts = app.config["TRUSTED_HOSTS"]
        if hosts and environ["PATH_INFO"].startswith(f"{PREFIX}/"):
            environ["HTTP_HOST"] = hosts[0]
        return serve(environ, start_response)

    app.wsgi_app = serve_by_address  # type: ignore[method-assign]


@bp.get("/live")
def live() -> ResponseReturnValue:
    """Answer as long as the process does; the database isn't asked."""
    return {"status": "ok"}


@bp.get("/ready")
def ready() -> ResponseReturnValue:
    """Say whether reads and writes work: 200 while reads do, unless the database is behind."""
    end = monotonic() + ASK
    asked = [_ask(question, end) for question in (_is_up_to_date, _takes_writes)]
    is_current, takes_writes = (_answer(answer, end) for answer in asked)
    if is_current is not True:
        return {"status": "unavailable", "reason": is_current or "database-behind"}, 503
    writes = takes_writes is True
    return {"status": "ok" if writes else "read-only", "read": True, "write": writes}


def _ask(question: Callable[[], bool], end: float) -> Future[bool]:
    """Let a thread ask the database, until the end of the time."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]

    def ask() -> bool:
        # A request's limits are this one's too, but shorter.
        with app.test_request_context(environ_base={DEADLINE: end}):
            return question()

    asked: Future[bool] = app.extensions["health"].submit(ask)
    return asked


def _answer(asked: Future[bool], end: float) -> bool | str:
    """Return the answer, or the reason why the database gives none in time."""
    try:
        return asked.result(max(0, end - monotonic()))
    except (SQLAlchemyError, TooSlowError) as error:
        asked.cancel()  # unless it has begun: nobody waits for it any more
        # The doctor, where it is at work, leaves its diagnosis on the exception.
        diagnosis = getattr(error, "diagnosis", None)
        reason = diagnosis.entry.id if diagnosis else "database-unreachable"
        current_app.logger.warning("not ready: %s", reason)
        return str(reason)


def _is_up_to_date() -> bool:
    """Tell whether all migrations have run; later ones, of the next release, do no harm."""
    current = {row["version_num"] for row in read("SELECT version_num FROM alembic_version")}
    known = current_app.extensions.setdefault("revisions", _Revisions())
    return current == known.heads or not current <= known.all


class _Revisions:
    """The migrations of this release, read once."""

    def __init__(self) -> None:
        config = current_app.extensions["migrate"].migrate.get_config()
        scripts = ScriptDirectory.from_config(config)
        self.heads = set(scripts.get_heads())
        self.all = {script.revision for script in scripts.walk_revisions()}


def _takes_writes() -> bool:
    with db.engine.connect() as connection:
        return bool(connection.scalar(text("SHOW transaction_read_only")) == "off")
