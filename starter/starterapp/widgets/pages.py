"""The pages under /widgets."""

from datetime import UTC, datetime

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm

from ..extensions import db
from ..models import Widget
from ..sign_in import sign_in_required, signed_in
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


@bp.route("/new", methods=["GET", "POST"])
@sign_in_required
def create() -> ResponseReturnValue:
    """Ask for a new widget, and save it."""
    return _edit(Widget(), "Add a widget")


@bp.route("/<int:widget_id>/edit", methods=["GET", "POST"])
@sign_in_required
def change(widget_id: int) -> ResponseReturnValue:
    """Ask what to change, and save it."""
    widget = queries.one(widget_id, to_change=request.method == "POST")
    return _edit(widget, f"Change {widget.name}")


def _edit(widget: Widget, title: str) -> ResponseReturnValue:
    form = WidgetForm(obj=widget)
    if form.validate_on_submit():
        form.populate_obj(widget)
        widget.changed_by = signed_in()
        db.session.add(widget)
        db.session.commit()
        flash(f"{widget.name} is saved.")
        return redirect(url_for(".show", widget_id=widget.id))
    page = render_template("widgets/form.html", form=form, title=title)
    return page, 422 if form.errors else 200


@bp.route("/<int:widget_id>/delete", methods=["GET", "POST"])
@sign_in_required
def delete(widget_id: int) -> ResponseReturnValue:
    """Ask whether to delete a widget, and delete it."""
    widget = queries.one(widget_id, to_change=request.method == "POST")
    form = FlaskForm()
    if form.validate_on_submit():
        db.session.delete(widget)
        db.session.commit()
        flash(f"{widget.name} is deleted.")
        return redirect(url_for(".index"))
    return render_template("widgets/delete.html", widget=widget, form=form)
