from datetime import datetime, timezone

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app import db

followers = sa.Table(
    "followers",
    db.metadata,
    sa.Column("reader_id", sa.Integer, sa.ForeignKey("users.id"), primary_key=True),
    sa.Column("writer_id", sa.Integer, sa.ForeignKey("users.id"), primary_key=True),
)


class User(db.Model):
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(sa.String(40), index=True, unique=True)
    email: Mapped[str] = mapped_column(sa.String(200), index=True, unique=True)
    password_hash: Mapped[str | None] = mapped_column(sa.String(256))
    bio: Mapped[str | None] = mapped_column(sa.String(140))
    seen_at: Mapped[datetime | None] = mapped_column(default=datetime.now)

    posts: Mapped[list["Post"]] = relationship(back_populates="author")
    following: Mapped[list["User"]] = relationship(
        secondary=followers,
        primaryjoin=(followers.c.reader_id == id),
        secondaryjoin=(followers.c.writer_id == id),
        back_populates="followers",
    )
    followers: Mapped[list["User"]] = relationship(
        secondary=followers,
        primaryjoin=(followers.c.writer_id == id),
        secondaryjoin=(followers.c.reader_id == id),
        back_populates="following",
    )

    def __repr__(self):
        return f"<User {self.username}>"


class Post(db.Model):
    __tablename__ = "posts"

    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str] = mapped_column(sa.String(140))
    timestamp: Mapped[datetime] = mapped_column(
        sa.DateTime(timezone=True), index=True, default=lambda: datetime.now(timezone.utc)
    )
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"), index=True)
    language: Mapped[str | None] = mapped_column(sa.String(5))

    author: Mapped["User"] = relationship(back_populates="posts")
