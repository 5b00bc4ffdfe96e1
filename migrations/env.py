"""Alembic's environment, based on Flask-Migrate's template. `flask db ...` runs it."""

# Before `flask db migrate`, run `flask db upgrade` (Flask-Doctor's docs/errors.md#database-behind).

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

LOCK = 7_220_000  # the key of the advisory lock
TAKE = f"SELECT pg_try_advisory_xact_lock({LOCK})"
HOLDER = f"""
SELECT pid FROM pg_locks JOIN pg_database ON pg_database.oid = database
WHERE datname = current_database() AND locktype = 'advisory' AND (classid, objid) = (0, {LOCK})
"""
# A migration may change what searches return, so all ETags must change.
NEW_DATA_VERSION = """
DO $$ BEGIN IF to_regclass('station_versions') IS NOT NULL THEN
    INSERT INTO station_versions AS mine
    VALUES (-1, 1e6 * extract(epoch FROM clock_timestamp()))
    ON CONFLICT (shard) DO UPDATE SET version = greatest(mine.version + 1, excluded.version);
END IF; END $$
"""

NO_SECOND = (
    "An upgrade needs two connections at a time, but there is only one. If DATABASE_URL is the "
    "address of a pooler, such as PgBouncer, set it to the server's own address for this command"
)

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


def renew_tags(ctx, **_):
    """Change all ETags after a migration."""
    ctx.impl.execute(NEW_DATA_VERSION)


arguments = {
    "on_version_apply": renew_tags,
    "target_metadata": target_db.metadata,
    "process_revision_directives": number_revision,
    # If a migration is interrupted, those before it are still done.
    "transaction_per_migration": True,
} | current_app.extensions["migrate"].configure_args


def run_migrations_offline():
    """Write the SQL instead of running it: `flask db upgrade --sql`."""
    context.configure(url=target_db.engine.url, literal_binds=True, **arguments)
    with context.begin_transaction():
        context.run_migrations()


@contextmanager
def alone():
    """Let only one process run the migrations at a time; the others wait and find them done.

    The lock belongs to a transaction on a separate connection, because a session's lock would
    survive behind a pooler. The others poll: a statement that waits for the lock would hold a
    snapshot, and CREATE INDEX CONCURRENTLY waits for all snapshots.
    """
    end = monotonic() + limits.MIGRATION_QUEUE
    waiting = False
    with target_db.engine.connect() as connection:
        while not connection.exec_driver_sql(TAKE).scalar_one():
            holder = connection.exec_driver_sql(HOLDER).scalar()
            connection.rollback()
            if monotonic() > end:
                raise CommandError(
                    f"Another upgrade has been running for {limits.MIGRATION_QUEUE} seconds: wait "
                    f"for it, or stop it with SELECT pg_terminate_backend({holder})"
                )
            if not waiting:
                logger.info("Waiting for another upgrade (process %s of the server)", holder)
            waiting = True
            sleep(0.1)
        connection.exec_driver_sql(limits.local({"idle_in_transaction_session_timeout": 0}))
        yield


def bound(connection):
    """Set the time limits of a migration's transaction."""
    if not connection.connection.autocommit:
        connection.exec_driver_sql(limits.local(limits.MIGRATION_SESSION | limits.command_time()))


def run_migrations_online():
    """Run the migrations. Try again if a table is in use."""
    for tries in range(1, limits.MIGRATION_TRIES + 1):
        try:
            return run_once()
        except OperationalError as error:
            if not isinstance(error.orig, LockNotAvailable) or tries == limits.MIGRATION_TRIES:
                raise
            logger.info("A table is in use: trying again in %s seconds", limits.MIGRATION_PAUSE)
            sleep(limits.MIGRATION_PAUSE)


def run_once():
    with alone(), target_db.engine.connect() as connection:
        if not limits.answers(connection, limits.MIGRATION_POOLER):
            raise CommandError(NO_SECOND)
        event.listen(connection, "begin", bound)
        context.configure(connection=connection, **arguments)
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
