"""Alembic's environment, on Flask-Migrate's template: run by `flask db ...` in the application."""

import logging
from logging.config import fileConfig
from time import sleep

from alembic import context
from flask import current_app
from sqlalchemy import text

MIGRATION_LOCK = 7_220_000  # an advisory lock's number
LOCK_TIMEOUT = "5s"  # how long a migration waits for a table before it gives up, and may be retried

config = context.config
fileConfig(config.config_file_name, disable_existing_loggers=False)
logger = logging.getLogger("alembic.env")
target_db = current_app.extensions["migrate"].db


def skip_empty_revision(context, revision, directives):
    if getattr(config.cmd_opts, "autogenerate", False) and directives[0].upgrade_ops.is_empty():
        directives[:] = []
        logger.info("No changes in schema detected.")


def run_migrations_offline():
    """Write the SQL instead of running it: `flask db upgrade --sql`."""
    context.configure(
        url=target_db.engine.url, target_metadata=target_db.metadata, literal_binds=True
    )
    with context.begin_transaction():
        context.run_migrations()


def run_migrations_online():
    arguments = {"process_revision_directives": skip_empty_revision}
    arguments |= current_app.extensions["migrate"].configure_args
    with target_db.engine.connect() as connection:
        # Of several processes that upgrade at once, one does; the others wait and find it done.
        # They ask again and again: a statement that waited would have a snapshot, and CREATE INDEX
        # CONCURRENTLY waits for the end of those.
        while not connection.scalar(text(f"SELECT pg_try_advisory_lock({MIGRATION_LOCK})")):
            connection.commit()
            sleep(0.1)
        # A migration that waits for a table makes every query behind it wait as well.
        connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.commit()
        try:
            context.configure(
                connection=connection, target_metadata=target_db.metadata, **arguments
            )
            with context.begin_transaction():
                context.run_migrations()
        finally:
            connection.invalidate()  # ends the lock and the settings with the connection


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
