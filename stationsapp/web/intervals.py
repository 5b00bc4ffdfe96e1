"""Intervals of time in a query string."""

import re
from datetime import UTC, date, datetime, time
from typing import Any

from marshmallow import ValidationError, fields

# RFC 3339, section 5.6. QGIS also sends a date alone, and a time without a zone.
MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?)?", re.ASCII | re.IGNORECASE
)


class QueryInterval(fields.Field[Any]):
    """A moment, or an interval: two moments with a slash. One can be empty or two dots.

    The value is the first and the last moment, or None for an open end.
    """

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        start, slash, end = value.partition("/")
        since, until = _moment(start, time.min), _moment(end if slash else start, time.max)
        if not (since or until) or (since and until and since > until):
            raise ValidationError("Expected a time such as 2026-01-31T12:00:00Z, or start/end.")
        return since, until


def _moment(text: str, of_day: time) -> datetime | None:
    """Return a moment in UTC, or None for an open end. A date is the start or end of its day."""
    if text in ("", ".."):
        return None
    try:
        if not MOMENT.fullmatch(text):
            raise ValueError(text)
        if text.startswith("0000"):  # QGIS's open start; Python has no such year
            return None
        if "T" not in text.upper():
            return datetime.combine(date.fromisoformat(text), of_day, UTC)
        moment = datetime.fromisoformat(text.upper())
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise ValidationError(f"Not a time: {text[:40]}.") from error
