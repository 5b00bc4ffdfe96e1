"""The forms of a station: what may be typed, and what it means."""

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
from ..feeds import LENGTHS, degrees, shown
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
            raise ValidationError(f"Use {LENGTHS[column]} characters at most, not {len(text):,}.")
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
        raise ValidationError("Take out the NUL character, which can't be kept.")


class PropertyForm(Form):  # type: ignore[misc]
    """A row of the table of properties."""

    key = StringField("Name", [_no_nul])
    kind = SelectField("Kind", choices=KINDS)
    value = TextAreaField("Value", [_no_nul])

    def is_empty(self) -> bool:
        """Tell whether there is nothing in this row, so that it doesn't count."""
        return not (self.key.data or self.value.data)

    def parsed(self) -> Any:
        """Return the value as its kind has it. Raises marshmallow.ValidationError."""
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
    """A station as it is typed, and as it was when the form was made."""

    source = StringField("Source", [_text("source")])
    code = StringField("Code", [_text("code")])
    name = StringField("Name", [_text("name")])
    lat = StringField("Latitude", [_degrees("lat", "48.8809")])
    lng = StringField("Longitude", [_degrees("lng", "2.3553")])
    properties = FieldList(FormField(PropertyForm), "Properties")
    before = HiddenField()

    @classmethod
    def showing(cls, values: Values, before: Values) -> "StationForm":
        """Make a form that shows these values, for a station that was as `before` says."""
        texts = {name: _field(values[name]) for name in (*TEXTS, *LIMITS)}
        rows = [_row(key, value) for key, value in values["properties"].items()]
        rows += [{}] * EMPTY_ROWS
        return cls(None, data=texts | {"properties": rows, "before": signed(before)})

    def rows(self) -> Iterator[PropertyForm]:
        """Yield the rows in which there is something."""
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
        """Put back what these fields were before, as merging.flat calls them."""
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
        """Return how the station was when the form was made; {} if that can't be told."""
        return unsigned(self.before.data)

    def typed(self) -> Values:
        """Return the station's values. What was left alone is exactly what it was."""
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
        """Refuse a value without a name or not of its kind, and a name that comes twice."""
        seen = self.seen().get("properties", {})
        keys: set[str] = set()
        for row in self.rows():
            key = _key(row, seen)
            if not key and key not in seen:
                row.key.errors.append("Enter a name for this value.")
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
    """Whether to delete a station, and how it was when that was asked."""

    before = HiddenField()


def signed(values: Values) -> str:
    """Write values so that a form can carry them, and nobody else can make them up."""
    text: str = _serializer().dumps(values)
    return text


def unsigned(text: str | None) -> Values:
    """Return the values that `signed` was given; {} for anything else."""
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
    """Return the value of a row. Raises marshmallow.ValidationError, unless it was left alone."""
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
    """Return the text of a field of one line, from which browsers take the newlines."""
    if isinstance(value, float):
        return words.degrees(value)
    return str(value).replace("\r", "").replace("\n", "")


def _with_newlines(text: str) -> str:
    """Return the text of a field of several lines, which browsers send with CR and LF."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
