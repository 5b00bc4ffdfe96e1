"""`flask widgets ...`"""

from datetime import timedelta

import click
from flask import Blueprint
from sqlalchemy import func, update

from ..extensions import db
from ..models import Widget

bp = Blueprint("widgets_cli", __name__, cli_group="widgets")
bp.cli.help = "Look after the widgets."


@bp.cli.command()
@click.option("--days", type=click.IntRange(1, 36_500), default=365, show_default=True)
def archive(days: int) -> None:
    """Archive the widgets that nobody has changed for so many days."""
    old = Widget.updated_at < func.now() - timedelta(days=days)
    archived = db.session.scalars(
        update(Widget)
        .where(Widget.status != "archived", old)
        .values(status="archived")
        .returning(Widget.id)
    ).all()
    db.session.commit()
    number = len(archived)
    click.echo("1 widget archived." if number == 1 else f"{number} widgets archived.")
