"""For load balancers and supervisors: is the process alive, and can it serve?"""

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Blueprint, current_app
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from .extensions import db

bp = Blueprint("health", __name__, url_prefix="/health")


@bp.get("/live")
def live() -> ResponseReturnValue:
    """Answer as long as the process does; the database isn't asked."""
    return {"status": "ok"}


@bp.get("/ready")
def ready() -> ResponseReturnValue:
    """Answer 200 when the database is reachable and its migrations are at head, else 503."""
    config = current_app.extensions["migrate"].migrate.get_config()
    heads = set(ScriptDirectory.from_config(config).get_heads())
    try:
        with db.engine.connect() as connection:
            current = set(MigrationContext.configure(connection).get_current_heads())
    except SQLAlchemyError as error:
        current_app.logger.exception("not ready: the database can't be reached")
        # The doctor, where it is at work, leaves its diagnosis on the exception.
        diagnosis = getattr(error, "diagnosis", None)
        reason = diagnosis.entry.id if diagnosis else "database-unreachable"
        return {"status": "unavailable", "reason": reason}, 503
    if current != heads:
        return {"status": "unavailable", "reason": "database-behind"}, 503
    return {"status": "ok"}
