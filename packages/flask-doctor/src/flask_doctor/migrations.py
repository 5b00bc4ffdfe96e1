"""How far the database is migrated, and whether the models agree with it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import Connection, inspect

from .server import Found

NONE = "no Flask-Migrate"


def _scripts(app: Flask) -> ScriptDirectory:
    directory = Path(app.extensions["migrate"].directory)
    if not (directory / "alembic.ini").exists():
        raise Found("no-migrations-folder")
    return ScriptDirectory.from_config(app.extensions["migrate"].migrate.get_config(directory))


def _current(connection: Connection) -> set[str]:
    return set(MigrationContext.configure(connection).get_current_heads())


def up_to_date(app: Flask, connection: Connection) -> bool:
    """Tell whether no migration is left to run (or there are none at all)."""
    if "migrate" not in app.extensions:
        return True
    return _current(connection) == set(_scripts(app).get_heads())


def find_revision(app: Flask, connection: Connection) -> str:
    """Return the database's revision; raise Found when it isn't the migrations' only head."""
    if "migrate" not in app.extensions:
        return NONE
    scripts = _scripts(app)
    heads, current = set(scripts.get_heads()), _current(connection)
    if len(heads) > 1:
        raise Found("several-heads")
    known = {revision.revision for revision in scripts.walk_revisions()}
    if not current <= known:
        raise Found("revision-unknown")
    if current == heads:
        return f"at head, {', '.join(heads) or 'none yet'}"
    tables = set(app.extensions["sqlalchemy"].metadata.tables)
    if not current and tables & set(inspect(connection).get_table_names()):
        raise Found("table-exists")
    raise Found("database-behind")


def find_drift(app: Flask, connection: Connection) -> str:
    """Return that models and database agree; raise Found when they don't."""
    if "migrate" not in app.extensions:
        return NONE
    arguments = app.extensions["migrate"].configure_args
    options = {n: v for n, v in arguments.items() if n.startswith(("compare_", "include_"))}
    context = MigrationContext.configure(connection, opts=options)
    changes = [*_flat(compare_metadata(context, app.extensions["sqlalchemy"].metadata))]
    if changes:
        raise Found("model-drift", detail=f"Differences: {'; '.join(map(_told, changes))}.")
    return "models and database agree"


def _flat(changes: Iterable[Any]) -> Iterable[tuple[Any, ...]]:
    for change in changes:
        if isinstance(change, list):  # several changes of one column
            yield from change
        else:
            yield change


def _told(change: tuple[Any, ...]) -> str:
    """Say a change in words: `add column stations.code`."""
    names = [str(getattr(part, "name", part)) for part in change[1:] if not isinstance(part, dict)]
    if change[0].endswith("_column"):
        names = [f"{change[2]}.{change[3].name}"]
    elif change[0].startswith("modify_"):
        names = [f"{change[2]}.{change[3]}"]
    return f"{change[0].replace('_', ' ')} {names[0]}"
