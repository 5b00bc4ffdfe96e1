"""Whether the database has all migrations: those of this release, or of a newer one."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from flask import current_app

APPLIED = "SELECT version_num FROM alembic_version"
"""The query for the migrations that the database has."""


class _Revisions(NamedTuple):
    heads: set[str]
    all: set[str]


def is_up_to_date(applied: Iterable[str]) -> bool:
    """Tell whether all migrations have run; those of the next release may have run too."""
    current = set(applied)
    known = _known(Path(current_app.root_path).with_name("migrations"))
    return current == known.heads or not current <= known.all


@cache
def _known(folder: Path) -> _Revisions:
    """Read the migrations of this release."""
    from alembic.script import ScriptDirectory  # takes an eighth of the time of a start

    scripts = ScriptDirectory(folder)
    return _Revisions(
        set(scripts.get_heads()), {script.revision for script in scripts.walk_revisions()}
    )
