"""Pastes a printed fix as it stands, and sees whether anything was lost by it."""

import re
from typing import Any

import psycopg2

from .server import query
from .world import World

# What isn't a fix but a look; and what stands for a name that the doctor doesn't know.
LOOKS = re.compile(
    r"\$ (?:\S*flask\b.* (?:routes|doctor|run)\b|getent|ping|ss |lsof|docker|env\b|cat |ls |pg_lscl|"
    r"\S*flask db (?:heads|history|current)|\S*alembic (?:heads|history|current)|.*psql .*-c '?\"?"
    r"(?:SELECT (?!setval|pg_term|pg_reload)|SHOW|\\[dlu]))"
)
PLACEHOLDER = re.compile(
    r"\b(?:HOST|PORT|DATABASE_NAME|NAME|PASSWORD|ROLE_NAME|YOUR_\w+|[A-Z]+_NAME)\b"
    r"|\"(?:TABLE|COLUMN|ROLE|DATABASE|CONSTRAINT|SCHEMA)\"|-d DATABASE\b|-U ROLE\b"
)


def apply(world: World, fix: list[str]) -> tuple[str, str]:
    """Paste a fix; return `pasted`, `by hand` or `failed`, and what was done."""
    lines = [line for line in fix if line.startswith(("$ ", "- ", "+ ")) and not LOOKS.match(line)]
    if not any(line.startswith(("$ ", "- ")) for line in lines):
        return "by hand", "\n".join(fix)
    if any(PLACEHOLDER.search(line) for line in lines):
        return "by hand", "\n".join(fix)
    done = []
    commands, edits = [], []
    for line in lines:
        (commands if line.startswith("$ ") else edits).append(line)
    for before, after in _pairs(edits):
        done.append(f"{before!r} -> {after!r}: {_edit(world, before, after)}")
    if commands:
        script = "\n".join(f"{line[2:]}\necho \"[exit $?]\"" for line in commands)
        # What a shell is told to export, later commands see.
        script += '\nenv -0 > "$HOME/after"'
        output, _ = world.run(script, answers=f"{world.password}\n" * 4)
        done.append("\n".join(commands) + f"\n{output}")
        _keep_environment(world)
    return "pasted", "\n".join(done)


def _keep_environment(world: World) -> None:
    file = world.root / "home" / "after"
    if file.exists():
        pairs = (item.partition("=") for item in file.read_text().split("\0") if item)
        kept = {name: value for name, _, value in pairs}
        if "PATH" in kept:
            world.environment = kept | {"PATH": world.environment["PATH"]}
        file.unlink()


def _pairs(edits: list[str]) -> list[tuple[str, str]]:
    """Return what stands before and after each edit; several lines are one."""
    found: list[tuple[list[str], list[str]]] = []
    for line in edits:
        if line.startswith("- "):
            if not found or found[-1][1]:
                found.append(([], []))
            found[-1][0].append(line[2:])
        elif found:
            found[-1][1].append(line[2:])
    return [("\n".join(before), "\n".join(after)) for before, after in found]


def _edit(world: World, before: str, after: str) -> str:
    files = [
        *world.folder.glob("*.py"),
        *world.folder.glob("*/*.py"),
        *world.folder.glob(f"{world.setup.versions}/*.py"),
        *world.folder.glob(".env"),
    ]
    for file in files:
        content = file.read_text(errors="replace")
        found = re.search(rf"^([ \t]*){re.escape(before.strip())}[ \t]*$", content, re.M)
        if found:
            indented = "\n".join(found[1] + line for line in after.strip().splitlines())
            file.write_text(content[: found.start()] + indented + content[found.end() :])
            return file.name
    return "no file has it"


def snapshot(world: World) -> dict[str, Any]:
    """Count the values of each column of each of the databases; empty where none can be asked."""
    try:
        names = world.server.databases()
        return {name: _counts(world, name) for name in names}
    except psycopg2.Error:
        return {}


def _counts(world: World, database: str) -> dict[tuple[str, str], int]:
    columns = query(
        world.cluster,
        "SELECT quote_ident(table_schema) || '.' || quote_ident(table_name), "
        "quote_ident(column_name) FROM information_schema.columns JOIN information_schema.tables "
        "USING (table_schema, table_name) WHERE table_type = 'BASE TABLE' AND table_schema "
        "NOT IN ('pg_catalog', 'information_schema') AND table_name <> 'alembic_version'",
        database,
    )
    counts = {}
    for table, column in columns:
        ((count,),) = query(world.cluster, f"SELECT count({column}) FROM {table}", database)
        counts[table, column] = count
    return counts


def destroyed(before: dict[str, Any], after: dict[str, Any], meant: str) -> list[str]:
    """Return what was there before a fix and isn't after it, and databases that nobody meant."""
    if not before:
        return []
    lost = [f"database {name} appeared" for name in after if name not in before and name != meant]
    for name, counts in before.items():
        if name not in after:
            lost.append(f"database {name} is gone")
            continue
        for (table, column), count in counts.items():
            if after[name].get((table, column), 0) < count:
                lost.append(f"{count} values of {name}: {table}.{column}")
    return lost
