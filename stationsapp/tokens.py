"""API tokens, and the commands that create, list and revoke them."""

import hashlib
import secrets

import click
from flask import Blueprint
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from .accounts import ApiToken
from .extensions import db

bp = Blueprint("tokens", __name__, cli_group="tokens")
bp.cli.help = "Create, list and revoke API tokens for writing."


def verify_token(token: str) -> ApiToken | None:
    """Return the token's row unless it is unknown or revoked."""
    found: ApiToken | None = db.session.scalar(
        select(ApiToken).filter_by(digest=_digest(token), revoked_at=None)
    )
    return found


def _digest(token: str) -> str:
    # 256 random bits can't be guessed, so a slow hash and a salt would add nothing.
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def _name(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if not (1 <= len(value) <= 100 and value.isprintable()):
        raise click.BadParameter("expected 1 to 100 printable characters")
    return value


@bp.cli.command()
@click.argument("name", callback=_name)
def create(name: str) -> None:
    """Create a token and show it once. You can reuse the name of a revoked token."""
    token = secrets.token_urlsafe(32)
    db.session.add(ApiToken(name=name, digest=_digest(token)))
    try:
        db.session.commit()
    except IntegrityError as error:
        db.session.rollback()
        raise click.ClickException(f"there is already a valid token named {name}") from error
    click.echo(token)
    click.echo("Keep it: only its hash is stored, so it can't be shown again.", err=True)


@bp.cli.command("list")
def list_command() -> None:
    """List the tokens with their name, creation time and status."""
    for token in db.session.scalars(select(ApiToken).order_by(ApiToken.id)):
        revoked = f"revoked {token.revoked_at:%Y-%m-%d %H:%M}" if token.revoked_at else "valid"
        click.echo(f"{token.name}\t{token.created_at:%Y-%m-%d %H:%M}\t{revoked}")


@bp.cli.command()
@click.argument("name", callback=_name)
def revoke(name: str) -> None:
    """Revoke a token. The next request that uses it is refused."""
    token = db.session.scalar(select(ApiToken).filter_by(name=name, revoked_at=None))
    if token is None:
        raise click.ClickException(f"there is no valid token named {name} (see flask tokens list)")
    token.revoked_at = func.now()
    db.session.commit()
    click.echo(f"Revoked {name}.")
