"""Health checks for load balancers and supervisors."""

from flask import Blueprint
from flask.typing import ResponseReturnValue
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from .extensions import db
from .revisions import APPLIED, is_up_to_date

bp = Blueprint("health", __name__, url_prefix="/health")


@bp.get("/live")
def live() -> ResponseReturnValue:
    """Answer 200 while the process runs, without using the database."""
    return {"status": "ok"}


@bp.get("/ready")
def ready() -> ResponseReturnValue:
    """Answer 200 while the database answers and is up to date."""
    try:
        current = is_up_to_date(db.session.scalars(text(APPLIED)))
    except SQLAlchemyError:
        return {"status": "unavailable", "reason": "database-unreachable"}, 503
    if not current:
        return {"status": "unavailable", "reason": "database-behind"}, 503
    return {"status": "ok"}
