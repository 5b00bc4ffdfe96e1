"""Pastes a printed fix as it stands, and sees whether anything was lost by it."""

import re
from itertools import groupby
from typing import Any
from urllib.parse import quote

import psycopg2

from .server import query
from .world import World

# What isn't a fix but a look; and what stands for a name that the doctor doesn't know.
LOOKS = re.compile(
    r"\$ (?:\S*flask\b.* (?:routes|doctor|run|shell)\b|getent|ping|ss |lsof|docker|env\b|cat |"
    r"ls |grep |pg_lscl|.*getpass|git (?:log|status|show)|"
    r"\S*flask db (?:heads|history|current)|\S*alembic (?:heads|history|current)|.*psql .*-c '?\"?"
    r"(?:SELECT (?!setval|pg_term|pg_reload)|SHOW|\\[dlu]))"
)
# The world's own, by whatever path the doctor calls it: the real one would change this environment.
PIP = re.compile(r"\S*python[\d.]* -m pip\b")
PLACEHOLDER = re.compile(
    r"\b(?:HOST|PORT|NAME|NEW_DATABASE|VALUE|PASSWORD(?! ')|YOUR_\w+|[A-Z]+_NAME)\b|\.\.\."
    r"|\"(?:TABLE|COLUMN|ROLE|DATABASE|CONSTRAINT|SCHEMA)\"|-d DATABASE\b|-U ROLE\b|TO ROLE\b"
)


def apply(world: World, fix: list[str]) -> tuple[str, str]:
    """Paste a fix; return `pasted`, `by hand` or `failed`, and what was done."""
    lines = [line for line in fix if line.startswith(("$ ", "- ", "+ ")) and not LOOKS.match(line)]
    if any("SHOW hba_file" in line for line in fix) and not _admit(world, fix):
        return "by hand", "\n".join(fix)
    if not any(line.startswith(("$ ", "- ")) for line in lines):
        return "by hand", "\n".join(fix)
    if any(PLACEHOLDER.search(line) for line in lines):
        return "by hand", "\n".join(fix)
    if all("start" in line and "postgresql" in line for line in lines) and _runs(world):
        return "by hand", "\n".join(fix)
    done = []
    for commands, part in groupby(lines, lambda line: line.startswith("$ ")):
        if not commands:
            for before, after in _pairs([*part]):
                done.append(f"{before!r} -> {after!r}: {_edit(world, before, after)}")
            continue
        own = [PIP.sub("pip", line[2:]) for line in part]
        script = "\n".join(f'{line}\necho "[exit $?]"' for line in own)
        # What a shell is told to export, later commands see.
        script += '\nenv -0 > "$HOME/after"'
        output, _ = world.run(script, answers=f"{world.url['password']}\n" * 4)
        done.append("\n".join(own) + f"\n{output}")
        _keep_environment(world)
    return "pasted", "\n".join(done)


def _admit(world: World, fix: list[str]) -> bool:
    """Add the line that a fix has for pg_hba.conf; return whether there is one."""
    line = next((line[2:] for line in fix if re.match(r"\+ (host|local)\b", line)), "")
    file = world.cluster.data / "pg_hba.conf"
    file.write_text(f"{line}\n{file.read_text()}")
    return bool(line)


def _runs(world: World) -> bool:
    """Tell whether the server runs, so that it is the address that must be corrected."""
    return (world.cluster.data / "postmaster.pid").exists()


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
    """Replace a line, several, or a part of one, however they are broken; in the settings too."""
    secret = quote(world.url["password"], safe="")  # which nobody prints
    before, after = before.replace("***", secret), after.replace("***", secret)
    for name, value in world.environment.items():
        # In quotes, with escapes, where white space would not be seen.
        if before in (f"{name}={value}", f'{name}="{ascii(value)[1:-1]}"'):
            world.environment[name] = after.partition("=")[2]
            return name
    words = map(re.escape, before.split())
    pattern = re.compile(r"([ \t]*)(?<!\w)" + r"\s*".join(words) + r"(?!\w)")
    own = world.folder
    files = [*own.glob("*.py"), *own.glob("*/*.py"), *own.glob(f"{world.setup.versions}/*.py")]
    for file in [*files, *own.glob(".env")]:
        content = file.read_text(errors="replace")
        if found := pattern.search(content):
            indented = f"\n{found[1]}".join(after.splitlines())
            file.write_text(content[: found.start()] + found[1] + indented + content[found.end() :])
            return str(file.relative_to(own))
    for name, value in world.environment.items():
        if name.startswith(("DATABASE", "FLASK", "PG")) and pattern.search(value):
            world.environment[name] = pattern.sub(lambda _: after, value, count=1)
            return name
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
    counts: dict[tuple[str, str], int] = {}
    for table, column in columns:
        ((count,),) = query(world.cluster, f"SELECT count({column}) FROM {table}", database)
        key = table.rpartition(".")[2], column  # a table that is moved to another schema isn't lost
        counts[key] = counts.get(key, 0) + count
    return counts


def destroyed(before: dict[str, Any], after: dict[str, Any], meant: set[str]) -> list[str]:
    """Return what was there before a fix and isn't after it, and databases that nobody meant."""
    if not before:
        return []
    lost = [f"database {name} appeared" for name in after if name not in {*before, *meant}]
    for name, counts in before.items():
        if name not in after:
            lost.append(f"database {name} is gone")
            continue
        for (table, column), count in counts.items():
            if after[name].get((table, column), 0) < count:
                lost.append(f"{count} values of {name}: {table}.{column}")
    return lost
