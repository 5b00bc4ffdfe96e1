"""The form that all forms are made from."""

from typing import Any

from flask import abort, request
from flask_wtf import FlaskForm

LONGEST_NAME = 100  # characters of a field's name


class Form(FlaskForm):  # type: ignore[misc]
    """A form with a CSRF token, filled with what a browser's form sends."""

    class Meta(FlaskForm.Meta):  # type: ignore[misc]
        """Flask-WTF's options."""

        def wrap_formdata(self, form: FlaskForm, formdata: Any) -> Any:
            """Refuse what no browser sends: JSON, and numbers of rows that aren't plain digits."""
            if request.is_json:
                abort(415, "expected a form, not JSON")
            if not all(name.isascii() and len(name) <= LONGEST_NAME for name in request.form):
                abort(400, "a field has a name that isn't of this form")
            return super().wrap_formdata(form, formdata)
