"""The API under /api/widgets. /docs shows it."""

from typing import Any

from flask import Response, url_for

from ..auth import auth
from ..extensions import db
from ..models import Widget
from ..web.blueprint import Blueprint
from ..web.parser import refuse_parameters
from . import queries
from .schemas import PageQuery, PageSchema, WidgetBody, WidgetPatch, WidgetSchema

bp = Blueprint("widgets_api", __name__, url_prefix="/api/widgets", description="Widgets")

SECURITY: list[dict[str, list[str]]] = [{"token": []}]


@bp.get("")
@bp.arguments(PageQuery(), location="query")
@bp.response(200, PageSchema)
@bp.fails(422)
def index(query: dict[str, Any]) -> dict[str, Any]:
    """List the widgets in the order of their ids, a page at a time."""
    widgets, after = queries.page(query["after"], query["limit"])
    next_page = url_for(".index", after=after, limit=query["limit"]) if after else None
    return {"widgets": widgets, "next": next_page}


@bp.get("/<int:widget_id>")
@bp.response(200, WidgetSchema)
@bp.fails(404, 422)
def show(widget_id: int) -> Widget:
    """Show one widget."""
    refuse_parameters()
    return queries.one(widget_id)


@bp.post("")
@auth.login_required
@bp.arguments(WidgetBody())
@bp.response(201, WidgetSchema)
@bp.fails(401, 413, 415, 422)
@bp.doc(security=SECURITY)
def create(body: dict[str, Any]) -> tuple[Widget, dict[str, str]]:
    """Create a widget."""
    widget = Widget(**body)
    widget.changed_by = auth.current_user()
    db.session.add(widget)
    db.session.commit()
    return widget, {"Location": url_for(".show", widget_id=widget.id)}


@bp.patch("/<int:widget_id>")
@auth.login_required
@bp.arguments(WidgetPatch(partial=True))
@bp.response(200, WidgetSchema)
@bp.fails(401, 404, 413, 415, 422)
@bp.doc(security=SECURITY)
def change(body: dict[str, Any], widget_id: int) -> Widget:
    """Change the fields of a widget that the body names."""
    widget = queries.one(widget_id, to_change=True)
    for field, value in body.items():
        setattr(widget, field, value)
    widget.changed_by = auth.current_user()
    db.session.commit()
    return widget


@bp.delete("/<int:widget_id>")
@auth.login_required
@bp.response(204)
@bp.fails(401, 404)
@bp.doc(security=SECURITY)
def delete(widget_id: int) -> Response:
    """Delete a widget."""
    db.session.delete(queries.one(widget_id, to_change=True))
    db.session.commit()
    return Response(status=204)
