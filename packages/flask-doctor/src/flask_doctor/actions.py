"""The safe cures: creating the database, upgrading it."""

from flask import Flask
from sqlalchemy import NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from .catalogue import Action
from .errors import sqlstate_of
from .migrations import tool_of
from .state import state_of

THERE_ALREADY = ("42P04", "23505")  # another process was faster


def create_database(app: Flask) -> None:
    """Create the database of the application's engine, unless it is there.

    Raises sqlalchemy.exc.DBAPIError when the server or the role doesn't allow it.
    """
    state = state_of(app)
    engine = state.engine
    if engine is None or engine not in state.parameters:
        raise RuntimeError("the application connects by a function of its own: create it there")
    parameters = state.parameters[engine] | {"dbname": "postgres"}
    maintenance = create_engine(
        engine.url.set(database="postgres"),
        connect_args=parameters,
        isolation_level="AUTOCOMMIT",
        poolclass=NullPool,
    )
    with maintenance.connect() as connection:
        preparer = maintenance.dialect.identifier_preparer
        name = preparer.quote_identifier(state.parameters[engine]["dbname"])
        statement = f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'"
        # Since PostgreSQL 17 there is a Unicode locale that is the same on every machine.
        if (maintenance.dialect.server_version_info or ()) >= (17,):
            statement += " LOCALE 'C' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'"
        try:
            connection.exec_driver_sql(statement)
        except DBAPIError as error:
            if sqlstate_of(error) not in THERE_ALREADY:
                raise


def upgrade(app: Flask) -> None:
    """Run the migrations. Raises what the migration raises, or SystemExit (Flask-Migrate)."""
    tool = tool_of(state_of(app))
    if tool is None:
        raise RuntimeError("the application has no migrations")
    tool.upgrade()


ACTIONS = (
    Action("create-database", "Create the database", create_database),
    Action("upgrade", "Upgrade the database", upgrade),
)
