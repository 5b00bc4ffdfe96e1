"""The base class of all forms, and how their bodies are read."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import abort, request
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from werkzeug.exceptions import BadRequest, HTTPException

MOST_FIELDS = 1_000  # of a form; a table's rows are slow to read and to show again
LONGEST_NAME = 100  # characters of a field's name


class Form(FlaskForm):  # type: ignore[misc]
    """A form with a CSRF token, which accepts only the data of HTML forms."""

    class Meta(FlaskForm.Meta):  # type: ignore[misc]
        """Flask-WTF's options."""

        def wrap_formdata(self, form: FlaskForm, formdata: Any) -> Any:
            """Refuse what no browser sends, and ignore files in a form without a file field."""
            if request.is_json:
                abort(415, "expected a form, not JSON")
            with reading_body():
                typed = request.form
            if len(typed) > MOST_FIELDS:
                abort(413, f"a form has at most {MOST_FIELDS:,} fields")
            # Numbers of rows must be plain digits. A part may have no name at all.
            if not all(map(_is_name, typed)):
                abort(400, "a field has a name that this form doesn't have")
            fields = super().wrap_formdata(form, formdata)
            has_files = any(isinstance(field, FileField) for field in form)
            return fields if has_files or fields is None else typed


def _is_name(name: str | None) -> bool:
    return name is not None and name.isascii() and 0 < len(name) <= LONGEST_NAME


@contextmanager
def reading_body() -> Iterator[None]:
    """Answer 400 if the body that is read in here is broken."""
    try:
        yield
    except HTTPException:
        raise  # it is too large or incomplete
    except Exception as error:  # gunicorn's errors for invalid chunks have no common class
        raise BadRequest("the body can't be read") from error
