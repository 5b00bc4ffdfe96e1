"""Filters and tests of the templates, which format values for people."""

import re
from datetime import UTC, datetime

WEB_ADDRESS = re.compile(r"https?://\S+", re.IGNORECASE)


def degrees(value: float) -> str:
    """Format degrees to a centimetre, never as 1e-05 or -0 (RFC 5870, 3.4.2)."""
    return f"{round(value, 7) + 0:.7f}".rstrip("0").rstrip(".")


def distance(metres: float) -> str:
    """Format a distance in metres or kilometres."""
    if round(metres) < 1_000:
        return f"{metres:.0f} m"
    if metres < 9_950:
        return f"{metres / 1_000:.1f} km"
    return f"{metres / 1_000:,.0f} km"


def is_web_address(value: str) -> bool:
    """Tell whether a text is an http or https URL, which is safe to link to."""
    return bool(WEB_ADDRESS.fullmatch(value))


def moment(value: datetime) -> str:
    """Format a time in UTC, to the minute."""
    return f"{value.astimezone(UTC):%-d %B %Y, %H:%M} UTC"
