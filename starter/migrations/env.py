"""Alembic's environment, based on Flask-Migrate's template. `flask db ...` runs it."""

# Before `flask db migrate`, run `flask db upgrade` (Flask-Doctor's docs/errors.md#database-behind).

import logging
import subprocess
import sys
from importlib.util import find_spec
from logging.config import fileConfig

from alembic import context
from alembic.script import ScriptDirectory, write_hooks
from flask import current_app

ALONE = "SELECT pg_advisory_xact_lock(7220000)"
PATIENCE = "SET LOCAL lock_timeout = '10s'"  # every query of a table waits behind a migration

config = context.config
fileConfig(config.config_file_name, disable_existing_loggers=False)
logger = logging.getLogger("alembic.env")
target_db = current_app.extensions["migrate"].db


def number_revision(context, revision, directives):
    """Give a new migration the next number. Create none if nothing has changed."""
    if getattr(config.cmd_opts, "autogenerate", False) and directives[0].upgrade_ops.is_empty():
        directives[:] = []
        logger.info("No changes in schema detected.")
        return
    known = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    last = max((int(number) for number in known if number.isdecimal()), default=0)
    directives[0].rev_id = f"{last + 1:04}"


@write_hooks.register("ruff")
def ruff(path, options):
    """Format a new migration if ruff is installed."""
    if find_spec("ruff"):
        for command in (["check", "--fix-only"], ["format"]):
            subprocess.run([sys.executable, "-m", "ruff", *command, "--quiet", path])  # noqa: S603


arguments = {
    "target_metadata": target_db.metadata,
    "process_revision_directives": number_revision,
} | current_app.extensions["migrate"].configure_args


def run_migrations_offline():
    """Write the SQL instead of running it: `flask db upgrade --sql`."""
    context.configure(url=target_db.engine.url, literal_binds=True, **arguments)
    with context.begin_transaction():
        context.run_migrations()


def run_migrations_online():
    """Run the migrations in one transaction. A second process waits, and finds them done."""
    with target_db.engine.connect() as connection:
        context.configure(connection=connection, **arguments)
        with context.begin_transaction():
            connection.exec_driver_sql(ALONE)
            connection.exec_driver_sql(PATIENCE)
            context.run_migrations()


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
