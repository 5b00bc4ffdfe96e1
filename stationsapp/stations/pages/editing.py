"""The pages that add, change and delete a station, for signed-in users."""

from secrets import token_hex
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import ServiceUnavailable

from ...database import Row
from ...extensions import db
from ...models import Station
from ...sign_in import SignedInForm, sign_in_required, signed_in
from .. import saving, search
from ..feeds import same
from ..search import Filters
from ..similar import is_similar
from .base_map import render_with_map
from .forms import EMPTY_ROWS, LIMITS, TEXTS, DeleteForm, StationForm, signed, unsigned
from .merging import Values, merged
from .station import found

NEAR = 200  # metres: a station closer than this with a similar name may be the same one
NEIGHBOURS = 100  # to compare


@sign_in_required
def new() -> ResponseReturnValue:
    """Show an empty form; the query string can contain the position."""
    values = {"source": "local", "code": token_hex(4), "properties": [{}] * EMPTY_ROWS}
    position = {name: request.args.get(name) for name in LIMITS}
    return _page(StationForm(None, data=values | position))


def add() -> ResponseReturnValue:
    """Add a station."""
    form = StationForm()
    if form.is_rearranged() or not form.validate():
        return _page(form)
    values = form.typed()
    similar = _similar(values)
    if similar or _is_imported(form, values["source"]):
        return _page(form, similar=similar)
    return _save(form, Station(), values) or _page(form)


@sign_in_required
def edit(station_id: int) -> ResponseReturnValue:
    """Show a station in a form."""
    station = found(station_id)
    values = _values(station)
    return _page(StationForm.showing(values, before=values), station)


def change(station_id: int) -> ResponseReturnValue:
    """Change a station, unless somebody else has changed it in the meantime."""
    form = StationForm()
    form.take(value for name, value in request.form.items() if name.startswith("theirs-"))
    if form.is_rearranged() or not form.validate():
        return _page(form, db.session.get(Station, station_id))
    seen, mine = form.seen(), form.typed()
    is_elsewhere = any(not same(mine[name], seen.get(name)) for name in ("name", *LIMITS))
    similar = _similar(mine, station_id) if is_elsewhere else []
    if similar or _is_imported(form, mine["source"], *filter(None, [seen.get("source")])):
        return _page(form, db.session.get(Station, station_id), similar=similar)
    station = saving.locked(station_id)
    if station is None:
        form.form_errors.append("Somebody else has deleted this station in the meantime.")
        return _page(form, is_gone=True)
    theirs = _values(station)
    values, differences = merged(seen, mine, theirs)
    if differences:
        form = StationForm.showing(values, before=theirs)
        return _page(form, station, differences=differences)
    return _save(form, station, values) or _page(form, station)


@sign_in_required
def ask_to_delete(station_id: int) -> ResponseReturnValue:
    """Ask whether to delete a station."""
    station = found(station_id)
    form = DeleteForm(before=signed(_values(station)))
    return render_template("stations/delete.html", form=form, station=station)


def delete(station_id: int) -> ResponseReturnValue:
    """Delete a station, unless somebody else has changed it in the meantime."""
    form = DeleteForm()
    station = found(station_id)
    if form.validate() and not _is_imported(form, station.source):
        station = saving.locked(station_id) or abort(404, "somebody has just deleted it")
        if same(_values(station), unsigned(form.before.data)):
            db.session.delete(station)
            db.session.commit()
            flash(Markup("<bdi>{}</bdi> was deleted.").format(station.name))
            return redirect(url_for("stations.index"))
        form.form_errors.append("Somebody has changed this station. Look at it again.")
        form.before.data = signed(_values(station))
    return render_template("stations/delete.html", form=form, station=station), 422


def _values(station: Station) -> Values:
    return {name: getattr(station, name) for name in (*TEXTS, *LIMITS, "properties")}


def _page(form: StationForm, station: Station | None = None, **notes: Any) -> ResponseReturnValue:
    page = render_with_map("stations/form.html", form=form, station=station, **notes)
    page.status_code = 422 if form.errors or any(notes.values()) else 200
    return page


def _similar(values: Values, station_id: int | None = None) -> list[Row]:
    """Find other stations that may be the same one, except those that were shown before.

    A station with the same source and code is an error of the field `code` instead.
    """
    known = {str(station_id), *request.form.getlist("other")}
    near = search.nearest(Filters(), values["lat"], values["lng"], NEIGHBOURS, NEAR).rows
    others = [
        row
        for row in near
        if str(row["id"]) not in known
        and any(row[name] != values[name] for name in ("source", "code"))
    ]
    return [row for row in others if is_similar(row["name"], values["name"])]


def _is_imported(form: SignedInForm, *sources: str) -> bool:
    try:
        saving.keep_imports_out(*sources)
    except ServiceUnavailable as error:
        form.form_errors.append(f"{error.description} right now. Nothing is lost: try again.")
        return True
    return False


def _save(form: StationForm, station: Station, values: Values) -> ResponseReturnValue | None:
    """Save a station and redirect to its page, or add the error to the form."""
    saving.change(station, values, signed_in())
    db.session.add(station)
    try:
        db.session.commit()
    except IntegrityError as error:
        rival = saving.rival(error, values["source"], values["code"])
        if rival is None:
            form.form_errors.append("Another station had this code until a moment ago. Save again.")
            return None
        if station.id or not same(_values(rival), values):
            form.code.errors.append(_taken(rival))
            return None
        station = rival  # the form was sent twice
    flash(Markup("<bdi>{}</bdi> was saved.").format(station.name))
    return redirect(url_for("stations.show", station_id=station.id))


def _taken(rival: Station) -> Markup:
    message = Markup('Another station of this source has it: <a href="{}" dir="auto">{}</a>.')
    return message.format(url_for("stations.show", station_id=rival.id), rival.name)
