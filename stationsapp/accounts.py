"""The models of API tokens and of failed attempts to sign in."""

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from .base import BaseModel


class ApiToken(BaseModel):
    """An API token, of which only the digest is stored."""

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
    """A failed attempt to sign in, stored for a minute."""

    __tablename__ = "sign_in_tries"

    address: Mapped[str]
