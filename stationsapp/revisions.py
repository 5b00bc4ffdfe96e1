"""Whether the database has all migrations: those of this release, or of a newer one."""

from collections.abc import Iterable

from alembic.script import ScriptDirectory
from flask import current_app

APPLIED = "SELECT version_num FROM alembic_version"
"""The query for the migrations that the database has."""


def is_up_to_date(applied: Iterable[str]) -> bool:
    """Tell whether all migrations have run; those of the next release may have run too."""
    current = set(applied)
    known = current_app.extensions.setdefault("revisions", _Revisions())
    return current == known.heads or not current <= known.all


class _Revisions:
    """The migrations of this release, read once."""

    def __init__(self) -> None:
        config = current_app.extensions["migrate"].migrate.get_config()
        scripts = ScriptDirectory.from_config(config)
        self.heads = set(scripts.get_heads())
        self.all = {script.revision for script in scripts.walk_revisions()}
