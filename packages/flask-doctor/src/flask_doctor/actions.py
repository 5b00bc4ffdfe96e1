"""The safe cures: creating the database, upgrading it."""

from collections.abc import Callable

from flask import Flask
from sqlalchemy import NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from .recognise import sqlstate_of

THERE_ALREADY = ("42P04", "23505")  # another process was faster


def create_database(app: Flask) -> None:
    """Create the database of the application's engine, unless it is there.

    Raises sqlalchemy.exc.DBAPIError when the server or the role doesn't allow it.
    """
    url = app.extensions["sqlalchemy"].engine.url
    engine = create_engine(
        url.set(database="postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool
    )
    with engine.connect() as connection:
        name = engine.dialect.identifier_preparer.quote_identifier(url.database)
        statement = f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'"
        # Since PostgreSQL 17 there is a Unicode locale that is the same on every machine.
        if (engine.dialect.server_version_info or ()) >= (17,):
            statement += " LOCALE 'C' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'"
        try:
            connection.exec_driver_sql(statement)
        except DBAPIError as error:
            if sqlstate_of(error.orig) not in THERE_ALREADY:
                raise


def upgrade(app: Flask) -> None:
    """Run the migrations. Raises SystemExit when one fails (Flask-Migrate has logged why)."""
    from flask_migrate import upgrade

    upgrade()


ACTIONS: dict[str, Callable[[Flask], None]] = {
    "create-database": create_database,
    "upgrade": upgrade,
}
