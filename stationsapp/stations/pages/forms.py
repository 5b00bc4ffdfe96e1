"""The forms of a station, and how their input is checked and read."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from flask import current_app, request
from itsdangerous import BadData, URLSafeSerializer
from marshmallow import ValidationError as InvalidJSON
from wtforms import (
    FieldList,
    Form,
    FormField,
    HiddenField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import ValidationError

from ...sign_in import SignedInForm
from ...web.parser import json_value
from ..feeds import LENGTHS, RESERVED, degrees, shown
from ..properties import no_nul_within
from . import words
from .merging import GONE, PROPERTY, Values, flat

Check = Callable[[Form, StringField], None]
TEXTS = ("source", "code", "name")
LIMITS = {"lat": 90, "lng": 180}  # degrees
KINDS = ["Text", "Number", "JSON"]
NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
NO_NUMBER = "Enter a number such as 42 or 3.5. If it is something like 007, choose Text."
EMPTY_ROWS = 2


def _text(column: str) -> Check:
    def check(form: Form, field: StringField) -> None:
        text = field.data or ""
        if not text.strip():
            raise ValidationError(f"Enter a {column}.")
        if len(text) > LENGTHS[column]:
            raise ValidationError(f"Use at most {LENGTHS[column]} characters, not {len(text):,}.")
        _no_nul(form, field)

    return check


def _degrees(column: str, example: str) -> Check:
    def check(form: Form, field: StringField) -> None:
        limit = LIMITS[column]
        number = degrees(field.data, limit)
        if number != number:  # not a number
            raise ValidationError(f"Enter degrees from -{limit} to {limit}, such as {example}.")

    return check


def _no_nul(form: Form, field: StringField) -> None:
    if "\0" in (field.data or ""):
        raise ValidationError("Remove the NUL character, which can't be stored.")


class PropertyForm(Form):  # type: ignore[misc]
    """A row of the table of properties."""

    key = StringField("Name", [_no_nul])
    kind = SelectField("Kind", choices=KINDS)
    value = TextAreaField("Value", [_no_nul])

    def is_empty(self) -> bool:
        """Tell whether the row is empty. Empty rows are ignored."""
        return not (self.key.data or self.value.data)

    def parsed(self) -> Any:
        """Return the value according to its kind. Raises marshmallow.ValidationError."""
        text = _with_newlines(self.value.data or "")
        if self.kind.data == "Text":
            return text
        if self.kind.data == "Number" and not NUMBER.fullmatch(text.strip()):
            raise InvalidJSON(NO_NUMBER)
        try:
            value = json_value(text.encode())
        except InvalidJSON as error:
            raise InvalidJSON(f"{error.messages[0]} If it is text, choose Text.") from error
        no_nul_within(value)
        return value


class StationForm(SignedInForm):
    """The values of a station, and what they were when the form was made."""

    source = StringField("Source", [_text("source")])
    code = StringField("Code", [_text("code")])
    name = StringField("Name", [_text("name")])
    lat = StringField("Latitude", [_degrees("lat", "48.8809")])
    lng = StringField("Longitude", [_degrees("lng", "2.3553")])
    properties = FieldList(FormField(PropertyForm), "Properties")
    before = HiddenField()

    @classmethod
    def showing(cls, values: Values, before: Values) -> "StationForm":
        """Make a form with these values, for a station whose values were `before`."""
        texts = {name: _field(values[name]) for name in (*TEXTS, *LIMITS)}
        rows = [_row(key, value) for key, value in values["properties"].items()]
        rows += [{}] * EMPTY_ROWS
        return cls(None, data=texts | {"properties": rows, "before": signed(before)})

    def rows(self) -> Iterator[PropertyForm]:
        """Yield the rows that aren't empty."""
        return (row.form for row in self.properties if not row.form.is_empty())

    def is_rearranged(self) -> bool:
        """Add or remove a row if a button of the table was pressed."""
        if "add" in request.form:
            self.properties.append_entry()
        elif removed := request.form.get("remove"):
            self.properties.entries = [row for row in self.properties if row.name != removed]
        else:
            return False
        return True

    def take(self, fields: Iterable[str]) -> None:
        """Reset these fields, named as in merging.flat, to their values in `before`."""
        before = flat(self.seen())
        for field in fields:
            if field in TEXTS and field in before:
                self[field].data = before[field]
            elif field == "position" and field in before:
                self.lat.data, self.lng.data = map(_field, before[field])
            elif field.startswith(PROPERTY):
                key = field.removeprefix(PROPERTY)
                rows = [row for row in self.properties if row.form.key.data != _field(key)]
                self.properties.entries = rows
                if field in before:
                    self.properties.append_entry(_row(key, before[field]))

    def seen(self) -> Values:
        """Return the values of the station when the form was made; {} if they are unknown."""
        return unsigned(self.before.data)

    def typed(self) -> Values:
        """Return the station's values. A field that wasn't edited keeps its exact value."""
        seen = self.seen()
        values: Values = {"properties": self._properties(seen.get("properties", {}))}
        for name in (*TEXTS, *LIMITS):
            text = self[name].data
            if name in seen and text == _field(seen[name]):
                values[name] = seen[name]
            else:
                values[name] = degrees(text, LIMITS[name]) if name in LIMITS else text.strip()
        return values

    def _properties(self, seen: Values) -> Values:
        return {_key(row, seen): _value(row, seen) for row in self.rows()}

    def validate_properties(self, field: FieldList) -> None:
        """Refuse a value without a name or of the wrong kind, and a name that occurs twice."""
        seen = self.seen().get("properties", {})
        keys: set[str] = set()
        for row in self.rows():
            key = _key(row, seen)
            if not key and key not in seen:
                row.key.errors.append("Enter a name for this value.")
            elif key in RESERVED:
                row.key.errors.append("Exports use this name: choose another one.")
            elif key in keys:
                row.key.errors.append("Another property has this name.")
            keys.add(key)
            try:
                _value(row, seen)
            except InvalidJSON as error:
                row.value.errors.append(error.messages[0])
        if any(row.errors for row in self.rows()):
            raise ValidationError("Not all properties are valid.")


class DeleteForm(SignedInForm):
    """The confirmation to delete a station, with its values when the page was shown."""

    before = HiddenField()


def signed(values: Values) -> str:
    """Return signed values for a hidden field, so that nobody can forge them."""
    text: str = _serializer().dumps(values)
    return text


def unsigned(text: str | None) -> Values:
    """Return the values in what `signed` returned; {} for anything else."""
    try:
        values: Values = _serializer().loads(text or "")
    except BadData:
        return {}
    return values


def _serializer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.secret_key or "", salt="station")


def _key(row: PropertyForm, seen: Values) -> str:
    key = row.key.data or ""
    return next((old for old in seen if _field(old) == key), key.strip())


def _value(row: PropertyForm, seen: Values) -> Any:
    """Return the value of a row. Raises marshmallow.ValidationError if an edited one is invalid."""
    old = seen.get(_key(row, seen), GONE)
    is_old = old is not GONE and row.kind.data == _kind(old)
    if is_old and _with_newlines(row.value.data or "") == _with_newlines(shown(old)):
        return old
    return row.parsed()


def _row(key: str, value: Any) -> dict[str, str]:
    return {"key": _field(key), "kind": _kind(value), "value": shown(value)}


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "Text"
    return "Number" if type(value) in (int, float) else "JSON"


def _field(value: Any) -> str:
    """Return the text of a single-line field, from which browsers remove newlines."""
    if isinstance(value, float):
        return words.degrees(value)
    return str(value).replace("\r", "").replace("\n", "")


def _with_newlines(text: str) -> str:
    """Return the text of a multi-line field, whose newlines browsers send as CR LF."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
