"""Migrations that can't even be run: their files, their order, and the commands."""

import os
import re
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
from flask.cli import ScriptInfo

from ..case import Case, Found
from ..editing import changed
from ..errors import sqlstate_of
from ..migrations import Finding, Tool, find_revision, followed, rows_facts, tool_of
from ..own_code import frames, own_line
from ..pending import constant, file_of
from .failed import migration_of
from .loading import PACKAGES
from .looking import rows

IMPORTS = {
    "sa": "import sqlalchemy as sa",
    "op": "from alembic import op",
    "postgresql": "from sqlalchemy.dialects import postgresql",
    "text": "from sqlalchemy import text",
}


def in_files(error: BaseException, case: Case) -> Found | None:
    """Explain an error that Python has with a migration's file."""
    if hasattr(error, "statement"):
        return None
    place = migration_of(error)
    if isinstance(error, SyntaxError) and _is_migration(error.filename):
        place = Path(error.filename or ""), error.lineno or 1, ""
    if place is None:
        return None
    path, line, function = place
    message = f"{type(error).__name__}: {error}"
    facts = {"place": f"{os.path.relpath(path)}, line {line}", "message": message}
    if isinstance(error, NameError | ModuleNotFoundError) and error.name:
        return _name(error, file_of(path).source, facts)
    if "ENUM type requires a name" in message:
        return "enum-without-name", facts
    if "Constraint must have a name" in message or "it has no name" in message:
        return "constraint-without-name", facts | _constraint(path, line, function, case)
    return "migration-broken", facts


def _is_migration(filename: str | None) -> bool:
    path = Path(filename or "/nowhere")
    return path.exists() and "\ndown_revision" in path.read_text(errors="replace")


def _name(error: Any, source: str, facts: dict[str, str]) -> Found:
    """Explain a name that isn't imported, or can't be."""
    name = error.name.partition(".")[0]
    facts |= {"name": name, "package": PACKAGES.get(name, name)}
    if isinstance(error, ModuleNotFoundError):
        return "migration-package-missing", facts
    used = re.search(rf"\b({name}(?:\.[a-z_0-9]+)*)\.\w+\(", source)
    found = name in PACKAGES or find_spec(name)
    statement = IMPORTS.get(name) or (f"import {used[1] if used else name}" if found else "")
    if not statement:
        return "migration-name-missing", facts
    old = "import sqlalchemy as sa"
    facts["edit"] = changed(old, f"{old}\n+ {statement}") if name != "sa" else f"+ {statement}"
    installed = name in IMPORTS or find_spec(name)
    return ("migration-import-missing" if installed else "migration-package-missing"), facts


def _constraint(path: Path, line: int, function: str, case: Case) -> dict[str, str]:
    """Name the constraint that the table has, where there is only one of its kind."""
    for operation in file_of(path).operations(function):
        if operation.name != "drop_constraint" or abs(operation.node.lineno - line) > 20:
            continue
        table = operation.table
        kind = constant(operation.keyword("type_")) or ""
        names = _names_of(table, kind, case)
        given = [constant(node) for node in operation.node.args]
        if given and given[0] is None and len(names) == 1:
            new = operation.source.replace("None", repr(names[0]), 1)
            return {"edit": changed(operation.source, new)}
        return {"there": f"Table {table} has: {', '.join(names)}." if names else ""}
    return {}


def _names_of(table: str, kind: str, case: Case) -> list[str]:
    letter = {"foreignkey": "f", "unique": "u", "check": "c", "primary": "p"}.get(kind, "")
    found = rows(
        case,
        "SELECT conname FROM pg_constraint WHERE conrelid = to_regclass(%(table)s)"
        " AND (contype::text = %(kind)s OR %(kind)s = '')",
        table=f'"{table}"',
        kind=letter,
    )
    return [name for (name,) in found]


def in_order(error: BaseException, case: Case) -> Found | None:
    """Explain revisions that the table of them can't hold, or that aren't there (a KeyError)."""
    statement = str(getattr(error, "statement", ""))
    if sqlstate_of(error) == "22001" and re.match(
        r"(INSERT INTO|UPDATE) .*\bversion_num\b", statement
    ):
        return "revision-too-long", {}
    tool = tool_of(case.state)
    if tool and "Multiple head" in str(error):
        return _twice(tool)
    if tool and (asked := re.search(r"identified by '(.+)'", str(error))):
        with suppress(RuntimeError), case.state.engine.connect() as connection:  # type: ignore[union-attr]
            try:
                find_revision(case.state, connection)  # type: ignore[arg-type]
            except Finding as finding:
                if asked[1] in finding.facts.get("revision", ""):
                    return finding.entry, finding.facts
            return "revision-not-here", {"revision": asked[1]}
    overlaps = r"Requested revision (\S+) overlaps with other requested revisions (\S+)"
    if two := re.search(overlaps, str(error)):
        return "revision-rows", rows_facts(two[1], two[2])
    if not isinstance(error, KeyError) or case.state is None:
        return None
    *_, (last, _) = frames(error)
    if tool is None or not last.co_filename.endswith(str(Path("script", "revision.py"))):
        return None
    revision = str(error.args[0])
    for path in sorted(Path(tool.scripts().versions).glob("*.py")):
        match = re.search(
            rf"^down_revision.*?=.*?['\"]{re.escape(revision)}['\"]", _text(path), re.M
        )
        if match:
            known = _revisions(path.parent, path)
            facts = {"revision": revision, "place": os.path.relpath(path)}
            if len(known) == 1:
                facts["edit"] = changed(match[0], match[0].replace(revision, known[0]))
            return "parent-revision-missing", facts
    return None


def _twice(tool: Tool) -> Found | None:
    """Take two files of one revision for the reason why there are two heads."""
    try:
        followed(tool.scripts())
    except Finding as finding:
        return finding.entry, finding.facts
    return None


def of_folder(error: BaseException, case: Case) -> Found | None:
    """Explain a file of Flask-Migrate's folder that isn't there, though the migrations are."""
    tool = tool_of(case.state)
    folder = tool.made.parent if tool and not tool.commands else Path("nowhere")
    if isinstance(error, ImportError | OSError | RuntimeError) or "Path doesn't" in str(error):
        for name in ("alembic.ini", "env.py", "script.py.mako"):
            file = folder / name
            if (folder / "versions").is_dir() and not file.exists():
                return "migrations-file-missing", {"file": os.path.relpath(file), "name": name}
    return None


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _revisions(folder: Path, but: Path) -> list[str]:
    """Return the revisions that no other one refers to, and so might be the missing parent."""
    texts = (_text(path) for path in folder.glob("*.py") if path != but)
    whole = "\n".join(texts)
    ids = re.findall(r"^revision.*?=\s*['\"](.+?)['\"]", whole, re.M)
    downs = " ".join(re.findall(r"^down_revision.*$", whole, re.M))
    return [name for name in ids if not re.search(rf"['\"]{re.escape(name)}['\"]", downs)]


def no_command(error: BaseException, case: Case) -> Found | None:
    """Explain `flask db`, where it is no command, or Flask-Migrate doesn't know the application."""
    if isinstance(error, KeyError) and error.args == ("migrate",):
        bound = all("flask_migrate" not in code.co_filename for code, _ in frames(error))
        return None if bound else ("migrate-not-bound", {})
    match = re.search(r"No such command '(\w+)'", str(error))
    context: Any = getattr(error, "ctx", None)
    if not isinstance(error, click.UsageError) or not match or match[1] != "db" or context is None:
        return None
    try:
        info = context.ensure_object(ScriptInfo)
        app = info.load_app()
    except (Exception, SystemExit):
        return None  # the application's own error says more, and comes before this one
    if "migrate" in app.extensions:
        return None
    return ("migrate-not-bound" if find_spec("flask_migrate") else "migrate-not-installed"), {}


def in_environment(error: BaseException, case: Case) -> Found | None:
    """Explain an error of an env.py that nothing else explains, unless it explains itself."""
    place = own_line(error).partition(": ")[0]
    is_message = type(error).__name__ == "CommandError"  # Alembic's: for who types the command
    if is_message or Path(place.rpartition(", line ")[0]).name != "env.py":
        return None
    return "env-broken", {"place": place, "message": f"{type(error).__name__}: {error}"}
