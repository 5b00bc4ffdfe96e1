from datetime import date

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Model(DeclarativeBase):
    pass


class Bird(Model):
    __tablename__ = "birds"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50), unique=True)
    latin: Mapped[str] = mapped_column(String(80))
    wingspan: Mapped[int | None] = mapped_column()

    sightings: Mapped[list["Sighting"]] = relationship(back_populates="bird")


class Sighting(Model):
    __tablename__ = "sightings"

    id: Mapped[int] = mapped_column(primary_key=True)
    bird_id: Mapped[int] = mapped_column(ForeignKey("birds.id"))
    place: Mapped[str] = mapped_column(String(60))
    seen_on: Mapped[date] = mapped_column()

    bird: Mapped["Bird"] = relationship(back_populates="sightings")
