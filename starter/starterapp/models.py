"""The models. After a change, run `flask db migrate -m "what changes"` and `flask db upgrade`."""

# Migrations see only what is imported here (Flask-Doctor's docs/errors.md#nothing-to-migrate).

from datetime import UTC, datetime

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .accounts import ApiToken
from .base import BaseModel

STATUSES = ("draft", "active", "archived")
BEST_RATING = 5.0
# PostgreSQL stores times that Python can't read.
EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


class Widget(BaseModel):
    """A widget."""

    __tablename__ = "widgets"
    __table_args__ = (
        CheckConstraint("char_length(name) BETWEEN 1 AND 200", name="name_length"),
        CheckConstraint(f"status IN {STATUSES}", name="status_known"),
        CheckConstraint(f"rating BETWEEN 0 AND {BEST_RATING}", name="rating_range"),
    )

    name: Mapped[str]
    status: Mapped[str] = mapped_column(default=STATUSES[0], server_default=STATUSES[0])
    rating: Mapped[float | None]
    starts_at: Mapped[datetime | None]
    # Who changed it last.
    changed_by_id: Mapped[int | None] = mapped_column(ForeignKey("api_tokens.id"))
    changed_by: Mapped[ApiToken | None] = relationship()
