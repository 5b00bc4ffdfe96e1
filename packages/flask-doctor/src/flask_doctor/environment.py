"""Alembic as an application's own `env.py` sets it up: with its options, hooks and filters."""

import sys
from contextlib import redirect_stdout
from threading import Lock
from typing import Any
from unittest.mock import patch

from .migrations import Tool

_one_at_a_time = Lock()  # Alembic keeps its environment in a global


def differences(tool: Tool) -> list[tuple[Any, ...]]:
    """Return what autogenerate would write: how the models differ from the database."""
    from alembic.autogenerate import RevisionContext
    from alembic.runtime.environment import EnvironmentContext

    assert tool.config is not None  # noqa: S101
    config, scripts = tool.config(), tool.scripts()
    asked = dict.fromkeys(("message", "branch_label", "version_path", "rev_id", "depends_on"))
    asked |= {"autogenerate": True, "sql": False, "head": "heads", "splice": False}
    revisions = RevisionContext(config, scripts, asked)

    def compare(current: Any, context: Any) -> list[Any]:
        revisions.run_autogenerate(current, context)
        return []

    # What env.py prints, and how it sets up logging, is no business of an examination.
    with (
        _one_at_a_time,
        patch("logging.config.fileConfig"),
        patch("logging.config.dictConfig"),
        redirect_stdout(sys.stderr),
        EnvironmentContext(
            config,
            scripts,
            fn=compare,
            dont_mutate=True,
            template_args=revisions.template_args,
            revision_context=revisions,
        ),
    ):
        scripts.run_env()
    return [
        change
        for revision in revisions.generated_revisions
        for upgrade in revision.upgrade_ops_list
        for change in upgrade.as_diffs()
    ]
