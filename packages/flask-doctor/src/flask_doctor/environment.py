"""Alembic as an application's own `env.py` sets it up: with its options, hooks and filters."""

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from threading import Lock
from typing import Any
from unittest.mock import patch

from sqlalchemy import URL

from .migrations import Tool

_one_at_a_time = Lock()  # Alembic keeps its environment in a global


def differences(tool: Tool) -> list[tuple[Any, ...]]:
    """Return what autogenerate would write: how the models differ from the database."""
    from alembic.autogenerate import RevisionContext

    assert tool.config is not None  # noqa: S101
    asked = dict.fromkeys(("message", "branch_label", "version_path", "rev_id", "depends_on"))
    asked |= {"autogenerate": True, "sql": False, "head": "heads", "splice": False}
    revisions = RevisionContext(tool.config(), tool.scripts(), asked)
    _run(tool, revisions.run_autogenerate, revisions.template_args, revisions)
    return [
        change
        for revision in revisions.generated_revisions
        for upgrade in revision.upgrade_ops_list
        for change in upgrade.as_diffs()
    ]


def where(tool: Tool) -> list[URL]:
    """Return the databases that the migrations are run on."""
    found: list[URL] = []
    _run(tool, lambda _, context: found.append(context.connection.engine.url))
    return found


def _run(
    tool: Tool, work: Callable[[Any, Any], None], arguments: Any = None, more: Any = None
) -> None:
    """Run the environment with this in the place of migrations; nothing in the database changes."""
    from alembic.runtime.environment import EnvironmentContext

    def instead(current: Any, context: Any) -> list[Any]:
        work(current, context)
        return []

    assert tool.config is not None  # noqa: S101
    config, scripts = tool.config(), tool.scripts()
    environment = EnvironmentContext(
        config,
        scripts,
        fn=instead,
        dont_mutate=True,
        template_args=arguments or {},
        revision_context=more,
    )
    # What env.py prints, and how it sets up logging, is no business of an examination.
    with (
        _one_at_a_time,
        patch("logging.config.fileConfig"),
        patch("logging.config.dictConfig"),
        redirect_stdout(sys.stderr),
        environment,
    ):
        scripts.run_env()
