"""The pages under /widgets."""

from datetime import UTC, datetime

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ..extensions import db
from ..models import Widget
from ..sign_in import SignedInForm, sign_in_required, signed_in
from . import queries
from .forms import WidgetForm

bp = Blueprint("widgets", __name__, url_prefix="/widgets", template_folder="templates")

PAGE = 50  # widgets


@bp.app_template_filter()
def utc(time: datetime | None) -> str:
    """Show a time in UTC, to the minute."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M}" if time else ""


@bp.get("")
def index() -> ResponseReturnValue:
    """List the widgets, a page at a time."""
    after = request.args.get("after", 0, type=int)
    widgets, after_these = queries.page(min(max(after, 0), queries.LARGEST_ID), PAGE)
    return render_template("widgets/index.html", widgets=widgets, after=after_these)


@bp.get("/<int:widget_id>")
def show(widget_id: int) -> ResponseReturnValue:
    """Show one widget."""
    return render_template("widgets/show.html", widget=queries.one(widget_id))


@bp.get("/new")
@sign_in_required
def new() -> ResponseReturnValue:
    """Ask for a new widget."""
    return _form(WidgetForm(), "Add a widget")


@bp.post("/new")
def create() -> ResponseReturnValue:
    """Add a widget."""
    return _save(Widget(), "Add a widget")


@bp.get("/<int:widget_id>/edit")
@sign_in_required
def edit(widget_id: int) -> ResponseReturnValue:
    """Show a widget in a form."""
    widget = queries.one(widget_id)
    return _form(WidgetForm(obj=widget), f"Change {widget.name}")


@bp.post("/<int:widget_id>/edit")
def change(widget_id: int) -> ResponseReturnValue:
    """Change a widget."""
    widget = queries.one(widget_id, to_change=True)
    return _save(widget, f"Change {widget.name}")


@bp.get("/<int:widget_id>/delete")
@sign_in_required
def ask_to_delete(widget_id: int) -> ResponseReturnValue:
    """Ask whether to delete a widget."""
    widget = queries.one(widget_id)
    return render_template("widgets/delete.html", widget=widget, form=SignedInForm())


@bp.post("/<int:widget_id>/delete")
def delete(widget_id: int) -> ResponseReturnValue:
    """Delete a widget."""
    widget = queries.one(widget_id, to_change=True)
    form = SignedInForm()
    if not form.validate():
        return render_template("widgets/delete.html", widget=widget, form=form), 422
    db.session.delete(widget)
    db.session.commit()
    flash(f"{widget.name} is deleted.")
    return redirect(url_for(".index"))


def _save(widget: Widget, title: str) -> ResponseReturnValue:
    form = WidgetForm()
    if not form.validate():
        return _form(form, title)
    form.populate_obj(widget)
    widget.changed_by = signed_in()
    db.session.add(widget)
    db.session.commit()
    flash(f"{widget.name} is saved.")
    return redirect(url_for(".show", widget_id=widget.id))


def _form(form: WidgetForm, title: str) -> ResponseReturnValue:
    page = render_template("widgets/form.html", form=form, title=title)
    return page, 422 if form.is_submitted() else 200
