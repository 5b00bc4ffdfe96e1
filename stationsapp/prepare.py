"""`flask db prepare`: create the database if it is missing, and bring it up to date."""

import click
import psycopg2
from blinker import signal
from flask import current_app
from flask.cli import with_appcontext
from flask_migrate import Migrate, upgrade
from flask_migrate.cli import db

migrate = Migrate()


@db.command()
@with_appcontext
def prepare() -> None:
    """Create the database if it is missing, upgrade it, and load sample data in development.

    It is safe to run again, and in several processes at once.
    """
    from .postgres import create_database

    app = current_app._get_current_object()  # type: ignore[attr-defined]
    try:
        created = create_database(app)
    except psycopg2.OperationalError as error:
        raise click.ClickException(str(error).strip()) from error
    if created:
        click.echo(f"Created the database {app.config['SQLALCHEMY_DATABASE_URI'].database}.")
    upgrade()
    click.echo("The database is up to date.")
    signal("database-prepared").send(app)  # so that others can load data
