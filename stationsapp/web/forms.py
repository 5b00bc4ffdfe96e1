"""The base class of all forms."""

from typing import Any

from flask import abort, request
from flask_wtf import FlaskForm

LONGEST_NAME = 100  # characters of a field's name


class Form(FlaskForm):  # type: ignore[misc]
    """A form with a CSRF token, which accepts only the data of HTML forms."""

    class Meta(FlaskForm.Meta):  # type: ignore[misc]
        """Flask-WTF's options."""

        def wrap_formdata(self, form: FlaskForm, formdata: Any) -> Any:
            """Refuse JSON, and field names that no form here has."""
            if request.is_json:
                abort(415, "expected a form, not JSON")
            if not all(name.isascii() and len(name) <= LONGEST_NAME for name in request.form):
                abort(400, "a field has a name that this form doesn't have")
            return super().wrap_formdata(form, formdata)
