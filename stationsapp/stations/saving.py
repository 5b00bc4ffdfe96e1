"""Functions that the API and the pages share to save a station."""

from typing import Any

from psycopg2 import errors
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.attributes import flag_modified
from werkzeug.exceptions import ServiceUnavailable

from ..extensions import db
from ..models import ApiToken, Station
from . import locks
from .feeds import same

RETRY_AFTER = 5  # seconds, for an import to end


def locked(station_id: int) -> Station | None:
    """Lock and return the station, or return None. Sees the changes of a writer it waited for."""
    query = select(Station).where(Station.id == station_id).with_for_update()
    # Without the option, a station that was read before isn't refreshed.
    fresh = query.execution_options(populate_existing=True)
    station: Station | None = db.session.scalar(fresh)
    return station


def change(station: Station, values: dict[str, Any], token: ApiToken | None) -> None:
    """Set the values that differ and, if there are any, `changed_by`."""
    for name, value in values.items():
        if not same(value, getattr(station, name)):
            setattr(station, name, value)
            flag_modified(station, name)  # for SQLAlchemy, true and 1 are the same
            station.changed_by = token


def keep_imports_out(*sources: str) -> None:
    """Let no import of these sources start before the transaction ends.

    Raises ServiceUnavailable if one is already running.
    """
    for source in sources:
        if not locks.keep_imports_out(db.session.connection(), source):
            raise ServiceUnavailable(f"source {source} is being imported", retry_after=RETRY_AFTER)


def rival(error: IntegrityError, source: str, code: str) -> Station | None:
    """Return the station that already has this source and code.

    It is None if that station was deleted in the meantime. Any other error is raised again.
    """
    db.session.rollback()
    if not isinstance(error.orig, errors.UniqueViolation):
        raise error
    found: Station | None = db.session.scalar(select(Station).filter_by(source=source, code=code))
    return found
