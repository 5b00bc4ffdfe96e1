"""A look at the database through a short connection beside the application's."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from ..case import Case

log = logging.getLogger(__name__)

REACHING = 2  # seconds
LIMITS = "SET statement_timeout = 2000; SET lock_timeout = 500"  # milliseconds


@contextmanager
def looking(case: Case, **other: str) -> Iterator[Any]:
    """Open a connection of the driver's, with bounds on what it waits for, and yield its cursor.

    `other` are parameters that differ from the application's, such as another database's name.
    Only with `case.probe`. An engine with a connector of its own isn't looked through.
    """
    if not case.probe or case.engine is None or not case.parameters:
        raise LookupError("no look here")
    parameters = case.parameters | {"connect_timeout": REACHING} | other
    connection = case.engine.dialect.connect(**parameters)
    try:
        cursor = connection.cursor()
        cursor.execute(LIMITS)
        yield cursor
    finally:
        connection.close()


@contextmanager
def connected(case: Case) -> Iterator[Connection]:
    """Open one of SQLAlchemy's that isn't the pool's, which may have no other."""
    with looking(case) as cursor:
        url = case.engine.url if case.engine else ""
        engine = create_engine(url, creator=lambda: cursor.connection, poolclass=NullPool)
        with engine.connect() as connection:
            yield connection


def rows(
    case: Case, query: str, other: dict[str, str] | None = None, **values: Any
) -> list[tuple[Any, ...]]:
    """Return what a query finds, nothing where no look is possible; `other` as above."""
    try:
        with looking(case, **other or {}) as cursor:
            cursor.execute(query, values or None)
            found: list[tuple[Any, ...]] = cursor.fetchall()
            return found
    except Exception:
        log.debug("no look at the database", exc_info=True)
        return []


def look(case: Case, query: str, **values: Any) -> tuple[Any, ...] | None:
    """Return the first row of a query, None where there is none or no look is possible."""
    return next(iter(rows(case, query, **values)), None)
