"""A try of the migrations that are left to run: in a transaction that is always rolled back."""

import logging
import re
from itertools import takewhile
from pathlib import Path
from time import monotonic
from typing import Any
from unittest.mock import patch

from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError

from . import pending
from .editing import autocommitted
from .errors import sqlstate_of
from .migrations import Finding, Tool, current_revisions, pending_scripts, tool_of
from .state import State

# What a try may cost others: it waits half a second for a lock, and may hold one for some seconds.
LIMITS = {"lock_timeout": "500ms", "statement_timeout": "2s"}
BUDGET = 5.0  # seconds
TOO_LONG = "57014"  # query_canceled
# What env.py does to its connection, a try doesn't do.
ALONE = re.compile(r"\b(vacuum|index\s+concurrently)\b|postgresql_concurrently=True", re.I)
OWN_WAYS = ("search_path", "set role", "schema_translate_map", "engines")


class Untold(Exception):  # noqa: N818 - no fault of anything
    """That the try has to end without a result, and why."""


def attempt(state: State) -> str:
    """Run the pending migrations and roll them back; return what that showed, in a sentence.

    Raises what a migration raises.
    """
    tool, engine = tool_of(state), state.engine
    if tool is None or engine is None:
        return ""
    with engine.connect() as connection:
        current = current_revisions(tool, connection)
        connection.rollback()
        scripts = pending_scripts(tool.scripts(), current)
        whys = [(script, pending.untriable(script.path)) for script in scripts]
        able = [script for script, _ in takewhile(lambda pair: not pair[1], whys)]
        _alone([Path(script.path) for script in scripts], tool.folder / "env.py")
        why = _own_ways(tool) or next((why for _, why in whys if why), "")
        if not able or _own_ways(tool):
            return f"They were not tried: {why}."
        try:
            _run(tool, connection, able[-1].revision if why else "heads")
        except Untold as untold:
            return f"They were tried and rolled back, but not to the end: {untold}."
        except DBAPIError as error:
            if sqlstate_of(error) == TOO_LONG:
                return "They were tried and rolled back: they take more than 2 seconds."
            raise
        finally:
            connection.invalidate()  # nothing of a try is left on a connection of the pool
    if why:
        return (
            f"They were tried and rolled back up to {able[-1].revision}, without an error: {why}."
        )
    return "They were tried and rolled back: they run without an error."


def _alone(paths: list[Path], env: Path) -> None:
    """Raise Finding where a migration runs a command in a transaction that must stand outside."""
    files = [path for path in (env, *paths) if path.exists()]
    if any("autocommit" in file.read_text(encoding="utf-8").lower() for file in files):
        return
    for operation in (o for path in paths for o in pending.file_of(path).operations()):
        if ALONE.search(operation.source):
            facts = {"place": operation.place, "edit": autocommitted(operation)}
            said = "It cannot run inside a transaction block"
            raise Finding("migration-in-transaction", message=said, **facts)


def _own_ways(tool: Tool) -> str:
    env = tool.folder / "env.py"
    code = env.read_text(encoding="utf-8").lower() if tool.config and env.exists() else ""
    return next((f"{env.name} contains `{word}`" for word in OWN_WAYS if word in code), "")


def _run(tool: Tool, connection: Connection, target: str) -> None:
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    scripts = tool.scripts()
    transaction = connection.begin()
    _bound(connection)
    try:
        context = MigrationContext.configure(
            connection,
            opts={
                **tool.options,
                "transaction_per_migration": False,
                "fn": lambda current, _: scripts._upgrade_revs(target, current),
            },
        )
        # "Running upgrade" would be taken for the truth.
        alembic = logging.getLogger("alembic.runtime.migration")
        with Operations.context(context), patch.object(alembic, "disabled", True):
            context.run_migrations()
    finally:
        transaction.rollback()


def _bound(connection: Connection) -> None:
    """Bound the transaction, and make sure that it is one which can't be committed."""
    setting = text("SELECT set_config(:name, :value, true)")
    for name, value in LIMITS.items():
        connection.execute(setting, {"name": name, "value": value})
    if connection.execute(text("SHOW lock_timeout")).scalar_one() != LIMITS["lock_timeout"]:
        raise Untold("the connection has no transactions")  # AUTOCOMMIT, or a pooler's
    end = monotonic() + BUDGET

    def refuse(_: Connection) -> None:
        raise Untold("a migration commits")

    def check(*_: Any) -> None:
        if monotonic() > end:
            raise Untold(f"they take more than {BUDGET:.0f} seconds")

    event.listen(connection, "commit", refuse)
    event.listen(connection, "before_cursor_execute", check)
