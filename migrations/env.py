"""Alembic's environment, on Flask-Migrate's template: run by `flask db ...` in the application."""

import logging
import subprocess
import sys
from importlib.util import find_spec
from logging.config import fileConfig
from time import sleep

from alembic import context
from alembic.script import ScriptDirectory, write_hooks
from flask import current_app
from sqlalchemy import text

MIGRATION_LOCK = 7_220_000  # an advisory lock's number
LOCK_TIMEOUT = "5s"  # how long a migration waits for a table before it gives up, and may be retried

config = context.config
fileConfig(config.config_file_name, disable_existing_loggers=False)
logger = logging.getLogger("alembic.env")
target_db = current_app.extensions["migrate"].db


def number_revision(context, revision, directives):
    """Give a new migration the next number; make none where nothing has changed."""
    if getattr(config.cmd_opts, "autogenerate", False) and directives[0].upgrade_ops.is_empty():
        directives[:] = []
        logger.info("No changes in schema detected.")
        return
    known = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    last = max((int(number) for number in known if number.isdecimal()), default=0)
    directives[0].rev_id = f"{last + 1:04}"


@write_hooks.register("ruff")
def ruff(path, options):
    """Format a new migration, where ruff is installed."""
    if find_spec("ruff"):
        for command in (["check", "--fix-only"], ["format"]):
            subprocess.run([sys.executable, "-m", "ruff", *command, "--quiet", path])  # noqa: S603


arguments = {
    "target_metadata": target_db.metadata,
    "process_revision_directives": number_revision,
    # A migration that is interrupted leaves those before it done.
    "transaction_per_migration": True,
} | current_app.extensions["migrate"].configure_args


def run_migrations_offline():
    """Write the SQL instead of running it: `flask db upgrade --sql`."""
    context.configure(url=target_db.engine.url, literal_binds=True, **arguments)
    with context.begin_transaction():
        context.run_migrations()


def run_migrations_online():
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
            context.configure(connection=connection, **arguments)
            with context.begin_transaction():
                context.run_migrations()
        finally:
            connection.invalidate()  # ends the lock and the settings with the connection


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
