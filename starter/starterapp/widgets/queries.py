"""The queries that the API and the pages share."""

from flask import abort
from sqlalchemy import select

from ..extensions import db
from ..models import Widget

LARGEST_ID = 2**63 - 1  # PostgreSQL's bigint


def page(after: int, limit: int) -> tuple[list[Widget], int | None]:
    """Return the widgets that follow an id, and the id that the next page follows.

    A page costs the same at any depth, because it starts where the index says, and skips nothing.
    """
    query = select(Widget).where(Widget.id > after).order_by(Widget.id)
    # One row more than needed shows whether there is a next page, without counting.
    found = list(db.session.scalars(query.limit(limit + 1)))
    return found[:limit], found[limit - 1].id if len(found) > limit else None


def one(widget_id: int, *, to_change: bool = False) -> Widget:
    """Return the widget of this id, or abort with 404. Lock it if you are going to change it."""
    found = None
    if widget_id <= LARGEST_ID:
        found = db.session.get(Widget, widget_id, with_for_update=to_change or None)
    return found or abort(404, f"there is no widget {widget_id}")
