"""The base class of all models."""

# BaseModel isn't a table itself (Flask-Doctor's docs/errors.md#abstract-missing).
# Its models don't name db.Model as well (Flask-Doctor's docs/errors.md#base-class-order).

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Identity, func
from sqlalchemy.orm import Mapped, mapped_column

from .extensions import db


class BaseModel(db.Model):  # type: ignore[name-defined,misc]
    """Columns of every table: an id and two timestamps. Objects have a repr and can become JSON."""

    __abstract__ = True

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, sort_order=-1)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), sort_order=1)
    updated_at: Mapped[datetime] = mapped_column(
        server_default=func.now(), onupdate=func.now(), sort_order=1
    )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"

    def json(self) -> dict[str, Any]:
        """Return all columns by name, with times as ISO 8601 in UTC."""
        values = {column.key: getattr(self, column.key) for column in self.__mapper__.columns}
        return {
            name: value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
            for name, value in values.items()
        }
