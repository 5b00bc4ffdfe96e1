"""Import in the browser: upload a file, look at the dry run, and load it."""

from tempfile import TemporaryFile
from typing import Any

from flask import abort, flash, redirect, render_template, request, send_file, session, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.file import FileField, FileRequired
from sqlalchemy import select
from werkzeug.exceptions import RequestEntityTooLarge
from wtforms import BooleanField, SelectField, StringField, ValidationError
from wtforms.validators import InputRequired, Length

from ...extensions import db
from ...models import Upload
from ...sign_in import sign_in_required
from ...web.forms import Form, reading_body
from .. import jobs, locks, naming, uploads
from ..feeds.encodings import is_encoding
from ..feeds.formats import FORMATS
from ..report import printable
from .base_map import render_with_map

MULTIPART = 10_000  # bytes of a request besides the file
BUSY = "Too many imports are running on this server. Wait a moment, then check the file."


def _text(value: str | None) -> str:
    return (value or "").strip()


def _is_printable(form: Form, field: StringField) -> None:
    if not field.data.isprintable():
        raise ValidationError("Use only printable characters.")


def _is_encoding(form: Form, field: StringField) -> None:
    if field.data and not is_encoding(field.data):
        raise ValidationError("Use an encoding such as cp1252, latin-1 or utf-16.")


class UploadForm(Form):
    """The file."""

    file = FileField("File", [FileRequired("Choose a file.")])


class OptionsForm(Form):
    """How to read the file, and what to do with it: the same options as in the terminal."""

    source = StringField(
        "Source",
        [
            InputRequired("Give the source a name."),
            Length(max=100, message="Use at most 100 characters."),
            _is_printable,
        ],
        [_text],
    )
    format = SelectField("Format", choices=["", *FORMATS], default="")
    key = StringField("Column of the codes", [_is_printable], [_text])
    name = StringField("Column of the names", [_is_printable], [_text])
    lat = StringField("Column of the latitudes", [_is_printable], [_text])
    lng = StringField("Column of the longitudes", [_is_printable], [_text])
    encoding = StringField("Encoding", [_is_encoding], [_text])
    columns = StringField("Columns of a CSV without a header", [_is_printable], [_text])
    language = StringField("Language of the names", [_is_printable], [_text])
    all_locations = BooleanField("Also import platforms, entrances, ...")
    prune = BooleanField("Delete stations that the file no longer has")
    force = BooleanField("Move, rename or delete any number of stations")

    def options(self) -> dict[str, Any]:
        """Return the chosen options by name."""
        return {name: value for name, value in self.data.items() if name != "csrf_token"}


def send() -> ResponseReturnValue:
    """Receive a file, and start to check it."""
    # Only a signed-in user may send such a large body. It is read before the database is used,
    # because reading it may take longer than a request may use the database.
    if request.method == "POST" and "token_id" in session:
        request.max_content_length = uploads.LARGEST + MULTIPART
        try:
            with reading_body():
                request.files  # noqa: B018
        except RequestEntityTooLarge:
            abort(413, f"the file is larger than {uploads.LARGEST // 1_000_000} MB")
    answer: ResponseReturnValue = _received()
    return answer


@sign_in_required
def _received() -> ResponseReturnValue:
    form = UploadForm()
    if not form.validate_on_submit():
        page = render_template("stations/import.html", form=form, largest=uploads.LARGEST)
        return page, 422 if form.errors else 200
    name = printable(form.file.data.filename)[:255]
    options = OptionsForm(formdata=None, source=naming.named(name)).options()
    upload_id = uploads.store(form.file.data.stream, name, session["token_id"], options)
    if not jobs.start(upload_id, "check", options):
        flash(BUSY, "warning")
    return redirect(url_for("stations.check_file", upload_id=upload_id), 303)


@sign_in_required
def check(upload_id: int) -> ResponseReturnValue:
    """Show the dry run, the progress or the result of an import; start it, or check it again."""
    running = jobs.is_running(upload_id)  # before the row is read: then a result isn't missed
    upload = _own(upload_id)
    if upload is None:
        flash("This file is no longer stored. Choose it again.", "warning")
        return redirect(url_for("stations.send_file"))
    form = OptionsForm(data=upload.options)
    if form.validate_on_submit() and not running:
        wanted = "load" if request.form.get("task") == "load" else "check"
        if wanted == "load" and (form.options() != upload.options or not _may_load(upload)):
            wanted = "check"
            flash("This is a new dry run, because the other no longer holds.", "warning")
        if not jobs.start(upload_id, wanted, form.options()):
            flash(BUSY, "warning")
        return redirect(url_for("stations.check_file", upload_id=upload_id), 303)
    page = render_with_map(
        "stations/import_check.html",
        form=form,
        upload=upload,
        running=running,
        formats=FORMATS,
        may_load=_may_load(upload),
        taken=not running and _is_taken(upload.options["source"]),
    )
    page.status_code = 422 if form.errors else 200
    return page


@sign_in_required
def rejected(upload_id: int) -> ResponseReturnValue:
    """Download the rejected rows as CSV."""
    if _own(upload_id) is None:
        return redirect(url_for("stations.send_file"))
    file = TemporaryFile()  # noqa: SIM115 (the response closes it)
    uploads.fetch(upload_id, "rejects", file)
    file.seek(0)
    return send_file(file, "text/csv", as_attachment=True, download_name="rejected.csv")


def _own(upload_id: int) -> Upload | None:
    """Return this upload, if it belongs to the user who is signed in."""
    query = select(Upload).filter_by(id=upload_id, token_id=session["token_id"])
    upload: Upload | None = db.session.scalar(query)
    return upload


def _may_load(upload: Upload) -> bool:
    """Tell whether there was a dry run, and there is something to load."""
    report = upload.report or {"error": "not checked yet"}
    if upload.task != "check" or "error" in report or report["refused"]:
        return False
    return bool(report["added"] + report["updated"] + report["pruned"])


def _is_taken(source: str) -> bool:
    """Tell whether a source is being imported."""
    with db.engine.connect() as connection:
        return not locks.keep_imports_out(connection, source)
