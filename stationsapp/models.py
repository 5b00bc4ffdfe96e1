# Migrations see only what is imported here (Flask-Doctor's docs/errors.md#nothing-to-migrate).

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .accounts import ApiToken, SignInTry
from .base import BaseModel
from .extensions import db
from .stations.columns import NAME_ORDER

__all__ = [
    "ApiToken",
    "BaseModel",
    "Import",
    "SignInTry",
    "Station",
    "StationVersion",
    "Upload",
    "UploadPart",
]


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
        Index("ix_stations_terms", text("station_terms(name, id)"), postgresql_using="gin"),
        Index("ix_stations_source_id", "source", "id"),
        # Lists in the order of the names, of all stations or of a source.
        Index("ix_stations_name", text(NAME_ORDER), "id"),
        Index("ix_stations_source_name", "source", text(NAME_ORDER), "id"),
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
    changed_by: Mapped[ApiToken | None] = relationship()


class StationVersion(db.Model):  # type: ignore[name-defined,misc]
    """The data version, which is the sum of the shards; each write of stations makes it greater.

    A trigger sets a shard to the microseconds of the clock, or one more than it was. So the number
    is of one state of the data alone, after a failover that lost writes or a restored backup too.
    """

    __tablename__ = "station_versions"

    shard: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(BigInteger)


class StationCell(db.Model):  # type: ignore[name-defined,misc]
    """What the stations in a cell of a grid add up to; triggers keep it.

    A cell of level n is a square of 90 / 2**n degrees, the x-th from 180° west and the y-th from
    the south pole. The levels are odd: 16 cells lie in one of the level above. They have rows of
    their own if it is `split`. Sums of `lat` and `lng` are in 1e-8 degrees; `ids` is the exclusive
    or of the ids, which for one station alone is its id.
    """

    __tablename__ = "station_cells"
    __table_args__ = (
        Index("ix_station_cells_split", "level", "x", "y", postgresql_where=text("split")),
    )

    level: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    x: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    y: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    count: Mapped[int] = mapped_column(BigInteger)
    lat: Mapped[int] = mapped_column(BigInteger)
    lng: Mapped[int] = mapped_column(BigInteger)
    ids: Mapped[int] = mapped_column(BigInteger)
    west: Mapped[float]
    south: Mapped[float]
    east: Mapped[float]
    north: Mapped[float]
    split: Mapped[bool]


class StationChange(db.Model):  # type: ignore[name-defined,misc]
    """A station that came to a place (sign 1) or left it (-1), and isn't in its cells yet.

    So nobody who writes waits for another one's transaction, as with the cells they would.
    """

    __tablename__ = "station_changes"

    number: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    sign: Mapped[int]
    id: Mapped[int] = mapped_column(BigInteger)
    lat: Mapped[float]
    lng: Mapped[float]


class Import(BaseModel):
    """The last import of a source that changed or confirmed its stations; `rows` by outcome."""

    __tablename__ = "imports"

    source: Mapped[str] = mapped_column(unique=True)
    rows: Mapped[dict[str, int]] = mapped_column(JSONB)


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
    report: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))


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
