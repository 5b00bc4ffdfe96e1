"""Alembic's environment, on Flask-Migrate's template: run by `flask db ...` in the application."""

import logging
import subprocess
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from logging.config import fileConfig
from time import monotonic, sleep

from alembic import context
from alembic.script import ScriptDirectory, write_hooks
from alembic.util import CommandError
from flask import current_app
from psycopg2.errors import LockNotAvailable
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from stationsapp import limits

LOCK = 7_220_000  # an advisory lock's number
TAKE = f"SELECT pg_try_advisory_xact_lock({LOCK})"
HOLDER = f"""
SELECT pid FROM pg_locks JOIN pg_database ON pg_database.oid = database
WHERE datname = current_database() AND locktype = 'advisory' AND (classid, objid) = (0, {LOCK})
"""
# Answers to searches may change with a function's new definition: none is told that it hasn't.
NEW_DATA_VERSION = """
DO $$ BEGIN IF to_regclass('station_versions') IS NOT NULL THEN
    INSERT INTO station_versions AS mine
    VALUES (-1, 1e6 * extract(epoch FROM clock_timestamp()))
    ON CONFLICT (shard) DO UPDATE SET version = greatest(mine.version + 1, excluded.version);
END IF; END $$
"""

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


def renew_tags(ctx, **_):
    """Have all answers sent anew after a migration."""
    ctx.impl.execute(NEW_DATA_VERSION)


arguments = {
    "on_version_apply": renew_tags,
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


@contextmanager
def alone():
    """Run what several processes begin at once in one of them; the others wait, and find it done.

    The lock is a transaction's, and a connection's of its own: with a pooler in between nobody
    would end a session's. Those who wait ask again and again, for a statement that waited would
    have a snapshot, and CREATE INDEX CONCURRENTLY waits for the end of those.
    """
    end = monotonic() + limits.MIGRATION_QUEUE
    waiting = False
    with target_db.engine.connect() as connection:
        if not connection.info.get(limits.SETTLED, True):
            logger.info("This takes two of the pooler's connections. If it doesn't have them,")
            logger.info("set DATABASE_URL to the address of the server itself.")
        while not connection.exec_driver_sql(TAKE).scalar_one():
            holder = connection.exec_driver_sql(HOLDER).scalar()
            connection.rollback()
            if monotonic() > end:
                raise CommandError(
                    f"Another upgrade has kept its lock for {limits.MIGRATION_QUEUE} seconds: wait "
                    f"for it, or end it with SELECT pg_terminate_backend({holder})"
                )
            if not waiting:
                logger.info("Waiting for another upgrade, which is the server's process %s", holder)
            waiting = True
            sleep(0.1)
        connection.exec_driver_sql(limits.local({"idle_in_transaction_session_timeout": 0}))
        yield


def bound(connection):
    """Give a migration's transaction its limits."""
    if not connection.connection.autocommit:
        connection.exec_driver_sql(limits.local(limits.MIGRATION_SESSION))


def run_migrations_online():
    """Run the migrations, those that find a table in use several times."""
    for tries in range(1, limits.MIGRATION_TRIES + 1):
        try:
            return run_once()
        except OperationalError as error:
            if not isinstance(error.orig, LockNotAvailable) or tries == limits.MIGRATION_TRIES:
                raise
            logger.info("The table is in use: trying again in %s s", limits.MIGRATION_PAUSE)
            sleep(limits.MIGRATION_PAUSE)


def run_once():
    with alone(), target_db.engine.connect() as connection:
        event.listen(connection, "begin", bound)
        context.configure(connection=connection, **arguments)
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
