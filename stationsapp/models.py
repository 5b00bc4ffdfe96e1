# Migrations see only what is imported here (Flask-Doctor's docs/errors.md#nothing-to-migrate).

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
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
        # Boxes, and nearest neighbours on the sphere, without an extension.
        Index("ix_stations_position", text("point(lng, lat)"), postgresql_using="gist"),
        Index("ix_stations_plane", text("station_plane(lat, lng)"), postgresql_using="gist"),
        # The words of the name, without case and accents. Migrations create the functions.
        Index("ix_stations_terms", text("station_terms(name, id)"), postgresql_using="gin"),
        Index("ix_stations_source_id", "source", "id"),
        # The nearest stations of a source.
        Index("ix_stations_source_cell", "source", text("station_cell(lat, lng)")),
        # Lists sorted by name, of all stations or of a source.
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

    A trigger sets a shard to the current time in microseconds, or increments it if that is greater.
    So each version stands for a single state of the data, even after a failover that lost writes,
    or after a backup was restored.
    """

    __tablename__ = "station_versions"

    shard: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(BigInteger)


class StationCell(db.Model):  # type: ignore[name-defined,misc]
    """The sums of the stations in a cell of a grid, which triggers update.

    A cell of level n is a square of 90 / 2**n degrees, the x-th from 180° west and the y-th from
    the south pole. Levels are odd, so a cell contains 16 cells of the next level. They have rows
    only if the cell is `split`. The sums of `lat` and `lng` are in 1e-8 degrees. `ids` is the
    exclusive or of the ids: if there is only one station, that is its id. All ids are from `min_id`
    to `max_id`, which stay if a station leaves.
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
    min_id: Mapped[int | None] = mapped_column(BigInteger)
    max_id: Mapped[int | None] = mapped_column(BigInteger)
    west: Mapped[float]
    south: Mapped[float]
    east: Mapped[float]
    north: Mapped[float]
    split: Mapped[bool]


# A station that was added to a place (sign 1) or removed (-1), and isn't counted in cells yet.
# Writers only insert here, so they don't wait for each other as they would for a cell's row.
station_changes = db.Table(
    "station_changes",
    Column("sign", Integer, nullable=False),
    Column("id", BigInteger, nullable=False),
    Column("lat", Double, nullable=False),
    Column("lng", Double, nullable=False),
)


class Import(BaseModel):
    """The last import of a source that changed or confirmed its stations; `rows` by outcome."""

    __tablename__ = "imports"

    source: Mapped[str] = mapped_column(unique=True)
    rows: Mapped[dict[str, int]] = mapped_column(JSONB)


class Upload(BaseModel):
    """A file that was uploaded for an import, and its last task.

    `task` is "check" (a dry run), "load", or None at first. While it runs, `rows` and `percent`
    show how much of the file was read. Afterwards, `report` contains the fields of `Report`, or the
    reason for the failure as `error`.
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

    The table is unlogged, so writing takes half the time, replicas don't get it, and it is empty
    after a crash of the server. Users then upload the file again.
    """

    __tablename__ = "upload_parts"
    __table_args__ = ({"prefixes": ["UNLOGGED"]},)

    upload_id: Mapped[int] = mapped_column(
        ForeignKey("uploads.id", ondelete="CASCADE"), primary_key=True
    )
    kind: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content: Mapped[bytes]
