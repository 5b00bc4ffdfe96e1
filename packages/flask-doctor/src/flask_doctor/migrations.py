"""How far the database is migrated, and whether the models agree with it.

The migrations may be Flask-Migrate's, Flask-Alembic's, or plain Alembic's, by an `alembic.ini`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import Connection, Table, inspect

from .state import State

FLASK_ALEMBIC = {
    "upgrade": "upgrade",
    "migrate": "revision",
    "stamp": "stamp",
    "merge": "merge -m merge",
    "init": "mkdir",
}
ALEMBIC = {
    "upgrade": "alembic upgrade head",
    "migrate": "alembic revision --autogenerate -m",
    "stamp": "alembic stamp",
    "merge": "alembic merge heads -m merge",
    "init": "alembic init migrations",
}


class Finding(Exception):  # noqa: N818 - a finding, not a fault of the doctor's
    """A known error, by its id, and the facts that are known of it."""

    def __init__(self, entry: str, **facts: str) -> None:
        super().__init__(entry)
        self.entry = entry
        self.facts = facts


@dataclass(frozen=True)
class Tool:
    """What runs the migrations: its commands, and how Alembic is to be called.

    `made` is there once the folder of migrations was made.
    """

    made: Path
    scripts: Callable[[], Any]
    upgrade: Callable[[], None]
    commands: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)  # of Alembic's context.configure


def tool_of(state: State) -> Tool | None:
    """Return what runs an application's migrations, None where nothing is found."""
    app = state.app
    if "migrate" in app.extensions:
        return _flask_migrate(app)
    if "alembic" in app.extensions:
        extension = app.extensions["alembic"]
        return Tool(
            Path(app.root_path, app.config["ALEMBIC"]["script_location"]),
            lambda: extension.script_directory,
            extension.upgrade,
            {n: f"flask {extension.command_name} {c}" for n, c in FLASK_ALEMBIC.items()},
            app.config["ALEMBIC_CONTEXT"],
        )
    for folder in (Path(app.root_path), Path(app.root_path).parent, Path.cwd()):
        if (folder / "alembic.ini").exists():
            return _alembic(folder / "alembic.ini")
    return None


def _flask_migrate(app: Flask) -> Tool:
    from alembic.script import ScriptDirectory
    from flask_migrate import upgrade

    extension = app.extensions["migrate"]
    folder = Path(extension.directory)
    return Tool(
        folder / "alembic.ini",
        lambda: ScriptDirectory.from_config(extension.migrate.get_config(folder)),
        upgrade,
        options=extension.configure_args,
    )


def _alembic(ini: Path) -> Tool:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config(ini)
    return Tool(
        Path(config.get_main_option("script_location") or "", "env.py"),
        partial(ScriptDirectory.from_config, config),
        lambda: command.upgrade(config, "head"),
        ALEMBIC,
    )


def find_revision(state: State, connection: Connection) -> str:
    """Return the database's revision; raise Finding when it isn't the migrations' only head."""
    tool = tool_of(state)
    if tool is None:
        return "no migrations: neither Flask-Migrate nor Alembic is set up"
    if not tool.made.exists():
        if _missing(_tables(state), connection):
            raise Finding("no-migrations-folder")
        return "no folder of migrations; the tables of the models are there"
    scripts = tool.scripts()
    heads, current = set(scripts.get_heads()), _current(tool, connection)
    unknown = current - {revision.revision for revision in scripts.walk_revisions()}
    if unknown:
        raise Finding(
            "revision-unknown", detail=f"The database's revision: {', '.join(sorted(unknown))}."
        )
    if not heads and (missing := _missing(_tables(state), connection)):
        seen = f"Tables of the models: {', '.join(sorted(missing))}."
        raise Finding("no-migrations-yet", seen=seen)
    if current == heads:
        return f"at head, {', '.join(sorted(heads)) or 'none yet'}"
    if len(heads) > 1:
        raise Finding("several-heads")
    tables = _tables(state)
    if not current and len(_missing(tables, connection)) < len(tables):
        raise Finding("table-exists")
    raise Finding("database-behind")


def _tables(state: State) -> list[Table]:
    return list(state.metadata.tables.values()) if state.metadata is not None else []


def _missing(tables: list[Table], connection: Connection) -> set[str]:
    """Return the names of the tables that aren't there; a query each, so only for a failure."""
    inspector = inspect(connection)
    return {t.name for t in tables if not inspector.has_table(t.name, schema=t.schema)}


def is_behind(state: State, connection: Connection) -> bool:
    """Tell whether migrations are left to run."""
    tool = tool_of(state)
    return tool is not None and _current(tool, connection) != set(tool.scripts().get_heads())


def _current(tool: Tool, connection: Connection) -> set[str]:
    from alembic.migration import MigrationContext

    options = {name: tool.options[name] for name in _named(tool, "version_table")}
    return set(MigrationContext.configure(connection, opts=options).get_current_heads())


def _named(tool: Tool, *starts: str) -> list[str]:
    return [name for name in tool.options if name.startswith(starts)]


def find_drift(state: State, connection: Connection) -> str:
    """Return that models and database agree; raise Finding when they don't."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    tool = tool_of(state)
    if tool is None or state.metadata is None:
        return "not compared: there are no migrations, or no models are known"
    names = _named(tool, "compare_", "include_", "version_table")
    context = MigrationContext.configure(
        connection, opts={name: tool.options[name] for name in names}
    )
    changes = [*_flat(compare_metadata(context, state.metadata))]
    if changes:
        raise Finding("model-drift", detail=f"Differences: {'; '.join(map(_told, changes))}.")
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
