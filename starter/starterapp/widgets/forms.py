"""What the pages ask for."""

from datetime import UTC, datetime
from typing import Any

from wtforms import (
    DateTimeLocalField,
    FloatField,
    SelectChoice,
    SelectField,
    StringField,
    ValidationError,
)
from wtforms.validators import InputRequired, Length, NumberRange, Optional, Regexp

from ..models import BEST_RATING, EARLIEST, LATEST, STATUSES
from ..sign_in import SignedInForm


class UTCField(DateTimeLocalField):  # type: ignore[misc]
    """A time in UTC."""

    def process_data(self, value: datetime | None) -> None:
        """Show the time."""
        self.data = value.astimezone(UTC) if value else None

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the time."""
        super().process_formdata(valuelist)
        if self.data:
            self.data = self.data.replace(tzinfo=UTC)


CHOICES = [SelectChoice(status, status.capitalize()) for status in STATUSES]


class WidgetForm(SignedInForm):
    """A widget to be made or changed."""

    name = StringField(
        "Name",
        [
            InputRequired("Enter a name."),
            Length(max=200, message="Enter at most 200 characters."),
            Regexp(r"[^\x00]*$", message="Enter a name without a NUL character."),
        ],
    )
    status = SelectField("Status", choices=CHOICES)
    rating = FloatField(
        "Rating", [Optional(), NumberRange(0, BEST_RATING, "Enter a number from 0 to 5.")]
    )
    starts_at = UTCField("Starts at", [Optional()], format=["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"])

    def validate_starts_at(self, field: Any) -> None:
        """Accept what the database can store."""
        if field.data and not EARLIEST <= field.data <= LATEST:
            raise ValidationError(f"Enter a year from {EARLIEST.year} to {LATEST.year}.")
