from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .extensions import db


class BaseModel(db.Model):  # type: ignore[name-defined,misc]
    """What every table has: an identity, two timestamps, and a way to be shown."""

    __abstract__ = True

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, sort_order=-1)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), sort_order=1)
    updated_at: Mapped[datetime] = mapped_column(
        server_default=func.now(), onupdate=func.now(), sort_order=1
    )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"

    def json(self) -> dict[str, Any]:
        """Every column by its name, times as ISO 8601 in UTC."""
        values = {column.key: getattr(self, column.key) for column in self.__mapper__.columns}
        return {
            name: value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
            for name, value in values.items()
        }


class Station(BaseModel):
    """A place with a name: latitude and longitude in degrees, WGS 84."""

    __tablename__ = "stations"
    __table_args__ = (
        UniqueConstraint("source", "code"),
        CheckConstraint("char_length(source) BETWEEN 1 AND 100", name="source_length"),
        CheckConstraint("char_length(code) BETWEEN 1 AND 255", name="code_length"),
        CheckConstraint("char_length(name) BETWEEN 1 AND 500", name="name_length"),
        CheckConstraint("lat BETWEEN -90 AND 90", name="lat_range"),
        CheckConstraint("lng BETWEEN -180 AND 180", name="lng_range"),
        CheckConstraint("jsonb_typeof(properties) = 'object'", name="properties_object"),
        # Boxes, and nearest neighbours on the sphere; core PostgreSQL, no extension.
        Index("ix_stations_position", text("point(lng, lat)"), postgresql_using="gist"),
        Index("ix_stations_plane", text("station_plane(lat, lng)"), postgresql_using="gist"),
        # Words of the name in any case and with any accents; migrations make the functions.
        Index("ix_stations_words", text("station_words(name)"), postgresql_using="gin"),
    )

    source: Mapped[str]
    code: Mapped[str]
    name: Mapped[str]
    lat: Mapped[float]
    lng: Mapped[float]
    properties: Mapped[dict[str, Any]] = mapped_column(
        JSONB, default=dict, server_default=text("'{}'::jsonb")
    )
    # Who changed it last; None if it was an import by a command.
    changed_by_id: Mapped[int | None] = mapped_column(ForeignKey("api_tokens.id"), sort_order=2)
    changed_by: Mapped["ApiToken | None"] = relationship()


class StationVersion(db.Model):  # type: ignore[name-defined,misc]
    """The data version, which is the sum of the shards; each write of stations makes it greater.

    A trigger sets a shard to the microseconds of the clock, or one more than it was. So the number
    is of one state of the data alone, after a failover that lost writes or a restored backup too.
    """

    __tablename__ = "station_versions"

    shard: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(BigInteger)


class Import(BaseModel):
    """The last import of a source that changed or confirmed its stations; `rows` by outcome."""

    __tablename__ = "imports"

    source: Mapped[str] = mapped_column(unique=True)
    rows: Mapped[dict[str, int]] = mapped_column(JSONB)


class ApiToken(BaseModel):
    """A token that may write: only its digest is kept."""

    __tablename__ = "api_tokens"
    __table_args__ = (
        # A revoked token's name can be used again.
        Index(
            "uq_api_tokens_valid_name", "name", unique=True, postgresql_where="revoked_at IS NULL"
        ),
    )

    name: Mapped[str]
    digest: Mapped[str] = mapped_column(unique=True)
    revoked_at: Mapped[datetime | None]


class SignInTry(BaseModel):
    """A try to sign in that failed, kept for a minute."""

    __tablename__ = "sign_in_tries"

    address: Mapped[str]


class Upload(BaseModel):
    """A file that somebody has sent to be imported, and what was last done with it.

    `task` is "check" (a dry run) or "load", and None before the first. While it runs, `rows` were
    read, `percent` of the file; afterwards `report` has the outcome: that of `Report`, or why there
    is none as `error`.
    """

    __tablename__ = "uploads"

    name: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[str]
    token_id: Mapped[int] = mapped_column(ForeignKey("api_tokens.id"))
    options: Mapped[dict[str, Any]] = mapped_column(JSONB)
    task: Mapped[str | None]
    rows: Mapped[int] = mapped_column(server_default="0")
    percent: Mapped[int] = mapped_column(server_default="0")
    report: Mapped[dict[str, Any] | None] = mapped_column(JSONB)


class UploadPart(db.Model):  # type: ignore[name-defined,misc]
    """A piece of an upload: of the `feed` itself, or of its rejected rows (`rejects`).

    The table is unlogged: writing it costs half, no replica gets it, and after a crash of the
    server it is empty. The file is then asked for again.
    """

    __tablename__ = "upload_parts"
    __table_args__ = ({"prefixes": ["UNLOGGED"]},)

    upload_id: Mapped[int] = mapped_column(
        ForeignKey("uploads.id", ondelete="CASCADE"), primary_key=True
    )
    kind: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content: Mapped[bytes]
