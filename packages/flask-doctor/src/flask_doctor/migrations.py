"""How far the database is migrated.

The migrations may be Flask-Migrate's, Flask-Alembic's, or plain Alembic's, by an `alembic.ini`.
"""

import ast
import os
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import Connection, inspect

from .editing import prompt
from .state import State

FLASK_ALEMBIC = {
    "upgrade": "upgrade",
    "migrate": "revision",
    "revise": "revision --empty",
    "stamp": "stamp",
    "merge": "merge -m merge",
    "init": "mkdir",
}
ALEMBIC = {
    "upgrade": "alembic upgrade head",
    "migrate": "alembic revision --autogenerate -m",
    "revise": "alembic revision -m",
    "stamp": "alembic stamp",
    "merge": "alembic merge heads -m merge",
    "init": "alembic init migrations",
}
# Of what an env.py configures Alembic with, what is read without running it.
OPTIONS = ("version_table", "version_table_schema", "version_table_pk", "include_schemas")


class Finding(Exception):  # noqa: N818 - a finding, not a fault of the doctor's
    """A known error, by its id, and the facts that are known of it."""

    def __init__(self, entry: str, **facts: str) -> None:
        super().__init__(entry)
        self.entry = entry
        self.facts = facts


@dataclass(frozen=True)
class Tool:
    """What runs the migrations: its commands, and how Alembic is to be called.

    `made` is there once the folder of migrations was made; `config` is None without an `env.py`.
    """

    made: Path
    scripts: Callable[[], Any]
    upgrade: Callable[[], None]
    commands: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)  # of Alembic's context.configure
    config: Callable[[], Any] | None = None

    @property
    def folder(self) -> Path:
        """The folder of the migrations."""
        return Path(self.scripts().dir)


def tool_of(state: State | None) -> Tool | None:
    """Return what runs an application's migrations, None where nothing is found."""
    if state is None:
        return None
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

    def config() -> Any:
        return extension.migrate.get_config(folder)

    return Tool(
        folder / "alembic.ini",
        lambda: ScriptDirectory.from_config(config()),
        upgrade,
        options=_written(folder / "env.py") | extension.configure_args,
        config=config,
    )


def _alembic(ini: Path) -> Tool:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config(ini)
    env = Path(config.get_main_option("script_location") or "", "env.py")
    return Tool(
        env,
        partial(ScriptDirectory.from_config, config),
        lambda: command.upgrade(config, "head"),
        ALEMBIC,
        _written(env),
        lambda: config,
    )


def _written(env: Path) -> dict[str, Any]:
    """Return the constants that an env.py configures Alembic with, without running it."""
    return _constants(env, env.stat().st_mtime) if env.exists() else {}


@lru_cache(maxsize=16)
def _constants(env: Path, changed: float) -> dict[str, Any]:
    try:
        tree = ast.parse(env.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError):
        return {}
    return {
        keyword.arg: keyword.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "configure"
        for keyword in node.keywords
        if keyword.arg in OPTIONS and isinstance(keyword.value, ast.Constant)
    }


def find_revision(state: State, connection: Connection) -> str:
    """Return the database's revision; raise Finding when it isn't the migrations' only head."""
    tool = tool_of(state)
    if tool is None:
        return "no migrations: neither Flask-Migrate nor Alembic is set up"
    if not tool.made.exists():
        if tool.made.with_name("versions").is_dir():
            file = os.path.relpath(tool.made)
            raise Finding("migrations-file-missing", file=file, name=tool.made.name)
        if _missing(state, connection):
            raise Finding("no-migrations-folder")
        return "no folder of migrations; the tables of the models are there"
    scripts = tool.scripts()
    before = followed(scripts)
    heads, current = set(scripts.get_heads()), current_revisions(tool, connection)
    if unknown := current - before.keys():
        raise _unknown(state, connection, ", ".join(sorted(unknown)))
    for newer in current:
        if older := current & before[newer]:
            raise Finding("revision-rows", **rows_facts(newer, min(older)))
    if not heads and (missing := _missing(state, connection)):
        seen = f"Tables of the models: {', '.join(sorted(missing))}."
        raise Finding("no-migrations-yet", seen=seen)
    if current == heads:
        return f"at head, {', '.join(sorted(heads)) or 'none yet'}"
    if len(heads) > 1:
        raise Finding("several-heads", heads=", ".join(sorted(heads)))
    if not current and len(missing := _missing(state, connection)) < len(state.tables):
        seen = ", ".join(sorted({t.name for t in state.tables} - missing))
        raise Finding("table-exists", seen=f"Already there: {seen}.")
    raise Finding("database-behind", detail=f"Not run yet: {_named(scripts, current)}.")


def rows_facts(newer: str, older: str) -> dict[str, str]:
    """Return the facts of two rows in `alembic_version` of which the older is one too many."""
    delete = f"DELETE FROM alembic_version WHERE version_num = '{older}'"
    return {"revision": newer, "older": older, "look": prompt(delete)}


def followed(scripts: Any) -> dict[str, set[str]]:
    """Return all migrations, each with those that come before it; two of one name are a finding."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = list(scripts.walk_revisions())
    for warning in said:
        if twice := re.search(r"Revision (\S+) is present more than once", str(warning.message)):
            raise Finding("revision-twice", revision=twice[1], files=_files(scripts, twice[1]))
    before: dict[str, set[str]] = {}
    for script in reversed(found):
        parents = script._all_down_revisions
        before[script.revision] = set(parents).union(*(before.get(p, set()) for p in parents))
    return before


def _files(scripts: Any, revision: str) -> str:
    named = re.compile(rf"^revision\b.*=\s*['\"]{re.escape(revision)}['\"]", re.M)
    files = sorted(Path(scripts.dir, "versions").glob("**/*.py"))
    return " and ".join(os.path.relpath(f) for f in files if named.search(f.read_text("utf-8")))


def _unknown(state: State, connection: Connection, revision: str) -> Finding:
    """Tell a migration's file that is missing from another application's database."""
    if state.tables and len(_missing(state, connection)) == len(state.tables):
        return Finding("other-applications-database", revision=revision)
    return Finding("revision-unknown", revision=revision)


def _named(scripts: Any, current: set[str]) -> str:
    found = [
        f"{script.revision} ({script.doc})" if script.doc else script.revision
        for script in pending_scripts(scripts, current)
    ]
    return ", ".join(found)


def _missing(state: State, connection: Connection) -> set[str]:
    """Return the names of the tables that aren't there; a query each, so only for a failure."""
    inspector = inspect(connection)
    return {t.name for t in state.tables if not inspector.has_table(t.name, schema=t.schema)}


def is_behind(state: State, connection: Connection) -> bool:
    """Tell whether migrations are left to run."""
    tool = tool_of(state)
    if tool is None or not tool.made.exists():
        return False
    return current_revisions(tool, connection) != set(tool.scripts().get_heads())


def current_revisions(tool: Tool, connection: Connection) -> set[str]:
    """Return the revisions that a database is at."""
    from alembic.migration import MigrationContext

    options = {n: v for n, v in tool.options.items() if n.startswith("version_table")}
    return set(MigrationContext.configure(connection, opts=options).get_current_heads())


def give_back(connection: Connection) -> None:
    """End the session on the server, as a pool, a role or a database may allow a single one.

    An `env.py` opens its own. The connection opens another one when it is used again.
    """
    connection.rollback()
    connection.invalidate()


def pending_scripts(scripts: Any, current: set[str]) -> list[Any]:
    """Return the migrations that are left to run, the first to run first."""
    return [*scripts.iterate_revisions("heads", tuple(current) or "base")][::-1]
