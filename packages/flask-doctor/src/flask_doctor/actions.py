"""The safe fixes: creating the database, upgrading it."""

from typing import Any

from flask import Flask
from sqlalchemy import Connection, Engine, NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from .catalogue import Action
from .errors import sqlstate_of
from .state import state_of

THERE_ALREADY = ("42P04", "23505")  # another process was faster


def create_database(app: Flask) -> None:
    """Create the databases of the application's engines that are missing.

    Raises sqlalchemy.exc.DBAPIError when the server or the role doesn't allow it.
    """
    from .recognise import diagnose

    state = state_of(app)
    for engine in state.engines().values():
        try:
            engine.connect().close()
        except DBAPIError as error:
            found = diagnose(error, engine, state=state, probe=True)
            if found is None or found.entry.id != "database-missing":
                raise
            with _maintenance(engine, state.parameters[engine]) as connection:
                _create(connection, state.parameters[engine]["dbname"])


def _maintenance(engine: Engine, parameters: dict[str, Any]) -> Connection:
    """Connect to the first of the databases that each server has; the role may enter not all."""
    from .rules.databases import MAINTENANCE

    failed: list[DBAPIError] = []
    for database in MAINTENANCE:
        try:
            return create_engine(
                engine.url.set(database=database),
                connect_args=parameters | {"dbname": database},
                isolation_level="AUTOCOMMIT",
                poolclass=NullPool,
            ).connect()
        except DBAPIError as error:
            failed.append(error)
    raise failed[0]


def _create(connection: Connection, database: str) -> None:
    dialect: Any = connection.dialect
    name = dialect.identifier_preparer.quote_identifier(database)
    statement = f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'"
    # Since PostgreSQL 17 there is a Unicode locale that is the same on every machine.
    if (dialect.server_version_info or ()) >= (17,):
        statement += " LOCALE 'C' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'"
    try:
        connection.exec_driver_sql(statement)
    except DBAPIError as error:
        if sqlstate_of(error) not in THERE_ALREADY:
            raise


def upgrade(app: Flask) -> None:
    """Run the migrations, unless they may lose data.

    Raises RuntimeError where they may, what a migration raises, or SystemExit (Flask-Migrate).
    """
    from .losing import pending_losses
    from .migrations import tool_of

    state = state_of(app)
    tool = tool_of(state)
    if tool is None:
        raise RuntimeError("the application has no migrations")
    if state.engine and (lost := pending_losses(state, state.engine)):
        raise RuntimeError(f"not run, since it may lose data: {'; '.join(lost)}")
    tool.upgrade()


ACTIONS = (
    Action("create-database", "Create the database", create_database),
    Action("upgrade", "Upgrade the database", upgrade),
)
