"""Health checks for load balancers and supervisors."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from concurrent.futures import TimeoutError as TooSlowError
from time import monotonic
from typing import Any, TypeVar

from flask import Blueprint, Flask, current_app
from flask.typing import ResponseReturnValue
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from .database import read
from .extensions import db
from .limits import DEADLINE
from .revisions import APPLIED, is_up_to_date

ASK = 0.7  # seconds for the database to answer, so that we answer within a second
PREFIX = "/health"
BY_ADDRESS = (f"{PREFIX}/", "/metrics")

Answer = TypeVar("Answer")

bp = Blueprint("health", __name__, url_prefix=PREFIX)


def init_app(app: Flask) -> None:
    """Serve the health checks under any host name."""
    app.register_blueprint(bp)
    # These threads wait for the database, so that the request's thread can stop waiting.
    app.extensions["health"] = ThreadPoolExecutor(thread_name_prefix="health")
    serve = app.wsgi_app

    def serve_by_address(environ: dict[str, Any], start_response: Any) -> Any:
        """Accept requests that name an IP address, as load balancers send them."""
        hosts = app.config["TRUSTED_HOSTS"]
        if hosts and environ["PATH_INFO"].startswith(BY_ADDRESS):
            environ["HTTP_HOST"] = hosts[0]
        return serve(environ, start_response)

    app.wsgi_app = serve_by_address  # type: ignore[method-assign]


@bp.get("/live")
def live() -> ResponseReturnValue:
    """Answer 200 while the process runs, without using the database."""
    return {"status": "ok"}


@bp.get("/ready")
def ready() -> ResponseReturnValue:
    """Answer 200 while reads work and the database is up to date; say whether writes work."""
    is_current, takes_writes = map(_or_reason, ask(_is_up_to_date, _takes_writes))
    if is_current is not True:
        return {"status": "unavailable", "reason": is_current or "database-behind"}, 503
    writes = takes_writes is True
    return {"status": "ok" if writes else "read-only", "read": True, "write": writes}


def ask(*questions: Callable[[], Answer]) -> list[Future[Answer]]:
    """Ask the database these questions in parallel, and wait for less than a second.

    A question that isn't answered by then has no result yet.
    """
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    end = monotonic() + ASK

    def answer(question: Callable[[], Answer]) -> Answer:
        # The limits of a request, but shorter.
        with app.test_request_context(environ_base={DEADLINE: end}):
            return question()

    answers = [app.extensions["health"].submit(answer, question) for question in questions]
    wait(answers, ASK)
    return answers


def _or_reason(answer: Future[bool]) -> bool | str:
    """Return the answer, or the reason why there is none."""
    try:
        return answer.result(0)
    except (SQLAlchemyError, TooSlowError) as error:
        answer.cancel()  # if it hasn't started
        # The doctor attaches its diagnosis to the exception.
        diagnosis = getattr(error, "diagnosis", None)
        reason = diagnosis.entry.id if diagnosis else "database-unreachable"
        current_app.logger.warning("not ready: %s", reason)
        return str(reason)


def _is_up_to_date() -> bool:
    return is_up_to_date(row["version_num"] for row in read(APPLIED))


def _takes_writes() -> bool:
    with db.engine.connect() as connection:
        return bool(connection.scalar(text("SHOW transaction_read_only")) == "off")
