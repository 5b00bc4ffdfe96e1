"""The safe cures: creating the database, upgrading it."""

from collections.abc import Callable
from contextlib import closing, suppress

import psycopg2
from flask import Flask
from psycopg2 import errors, sql


def create_database(app: Flask) -> None:
    """Create the database of the application's engine, unless it is there.

    Raises psycopg2.Error when the server or the role doesn't allow it.
    """
    url = app.extensions["sqlalchemy"].engine.url
    arguments = url.get_dialect()().create_connect_args(url)[1]
    with closing(psycopg2.connect(**arguments | {"dbname": "postgres"})) as connection:
        connection.autocommit = True
        # Since PostgreSQL 17 there is a Unicode locale that is the same on every machine.
        locale = "LOCALE 'C' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'"
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' {}").format(
            sql.Identifier(arguments["dbname"]),
            sql.SQL(locale if connection.server_version >= 17_00_00 else ""),
        )
        # Another process may have been faster.
        with suppress(errors.DuplicateDatabase, errors.UniqueViolation):
            connection.cursor().execute(statement)


def upgrade(app: Flask) -> None:
    """Run the migrations. Raises SystemExit when one fails (Flask-Migrate has logged why)."""
    from flask_migrate import upgrade

    upgrade()


ACTIONS: dict[str, Callable[[Flask], None]] = {
    "create-database": create_database,
    "upgrade": upgrade,
}
