"""The objects that stand in a migration's way: needed by others, locked, or not there."""

import re

from ..case import Found
from ..editing import autocommitted, before, prompt, with_keyword
from ..pending import file_of
from ..pointing import nearest
from ..searching import plain
from .failed import Failed
from .functions import extension_of

DEPENDS = re.compile(
    r"^(?:rule _RETURN on )?(constraint|view|materialized view|trigger|policy|default value for"
    r" column|function|table|column) (.+?)(?: on table (.+?))? depends on ",
    re.M,
)


def dependents(failed: Failed) -> Found | None:
    """Explain an object that others need, and drop those first."""
    if match := NOT_AVAILABLE.search(failed.message):
        name = match[1] or match[2]
        major = "".join(str(row[0])[:-4] for row in failed.rows("SHOW server_version_num"))
        package = PACKAGES.get(name, "").format(major or "VERSION")
        look = {"look": f"$ sudo apt install {package}"} if package else {}
        return "migration-extension-missing", {"extension": name} | look
    lines = []
    for kind, name, table in DEPENDS.findall(failed.fields.get("server_detail", "")):
        if kind == "constraint":
            lines.append(f"op.drop_constraint({name!r}, {table!r})")
        elif kind in ("view", "materialized view"):
            lines.append(f"op.execute({f'DROP {kind.upper()} {name}'!r})")
        elif kind in ("trigger", "policy"):
            lines.append(f"op.execute({f'DROP {kind.upper()} {name} ON {table}'!r})")
    if not lines:
        return None
    needed = re.search(r"cannot (?:drop|alter type of) (.+?)(?: because| used|$)", failed.message)
    views = re.findall(r"\bview (\S+) depends", failed.fields.get("server_detail", ""))
    return "needed-by-others", {
        "object": needed[1] if needed else "it",
        "edit": before(failed.path, failed.line, *lines),
        "server_detail": "; ".join(failed.fields["server_detail"].splitlines()) + ".",
        "views": f"Create {' and '.join(views)} again at the end of the migration: see its "
        f"definition with \\d+ {views[0]} in psql before."
        if views
        else "",
    }


NOT_AVAILABLE = re.compile(
    r'extension "(.+?)" is not available|could not open extension control file ".*/(.+)\.control"'
)
# Debian's, with the server's version.
PACKAGES = {
    "postgis": "postgresql-{}-postgis-3",
    "vector": "postgresql-{}-pgvector",
    "plpython3u": "postgresql-plpython3-{}",
}
HOLDERS = (
    "SELECT DISTINCT a.pid, a.state, coalesce(nullif(a.application_name, ''), 'no name'),"
    " date_trunc('second', now() - a.xact_start)::text FROM pg_locks l"
    " JOIN pg_stat_activity a ON a.pid = l.pid AND a.datname = current_database()"
    " WHERE l.relation = to_regclass(%(table)s) AND l.granted AND a.pid <> ALL(%(own)s)"
)


def locked(failed: Failed) -> Found | None:
    """Explain a lock, and name who holds it."""
    found = failed.rows(HOLDERS, table=failed.table, own=[0])
    if not found:
        return "migration-locked", {}
    told = [
        f"session {pid} ({state}, for {time or '?'}, {name})" for pid, state, name, time in found
    ]
    ends = "\n".join(prompt(f"SELECT pg_terminate_backend({pid})") for pid, *_ in found)
    return "migration-locked", {"holder": f"It is held by {' and '.join(told)}.", "ends": ends}


def enum_value(failed: Failed) -> Found | None:
    """Explain an enum's value that is used before the transaction that adds it has ended."""
    match = re.search(r'"(.+)" of enum type "?(.+?)"?$', failed.message)
    if not match:
        return None
    adds = re.compile(rf"ADD VALUE\b.*'{re.escape(match[1])}'", re.I | re.S)
    others = sorted(path for path in failed.path.parent.glob("*.py") if path != failed.path)
    for file in map(file_of, (failed.path, *others)):
        for operation in file.operations():
            if adds.search(file.sql(operation) or ""):
                facts = {"edit": autocommitted(operation), "added": operation.place}
                return "enum-value-too-new", {"value": match[1], "type": match[2]} | facts
    return None


def alone(failed: Failed) -> Found:
    """Explain a command that must stand outside a transaction."""
    call = failed.call()
    return "migration-in-transaction", {"edit": autocommitted(call) if call else ""}


NOT_THERE = re.compile(
    "(schema|type|table|relation|index|column|constraint|operator class|function) "
    r'"?([^"]+?)"?(?:\(.*\))?(?: of relation "(.+)"| for .+)? does not exist'
)


def missing(failed: Failed) -> Found | None:
    """Explain something that a migration expects and that isn't there."""
    match = NOT_THERE.search(failed.message)
    if not match:
        return None
    kind, name = match[1], match[2].rpartition(".")[2]
    extension = extension_of(name) if kind in ("type", "operator class", "function") else ""
    if extension:
        create = f"CREATE EXTENSION IF NOT EXISTS {plain(extension)}"
        return "extension-missing", {
            "extension": extension,
            "object": f"{kind} {name}",
            "edit": before(failed.path, failed.line, f"op.execute({create!r})"),
        }
    if kind == "schema":
        known = [row[0] for row in failed.rows("SELECT nspname FROM pg_namespace")]
        if near := nearest(name, known):
            edit = {"before": name, "after": near}
            return "schema-misspelled", {"schema": name, "near": near} | edit
        create = f"op.execute({f'CREATE SCHEMA IF NOT EXISTS {plain(name)}'!r})"
        edit = {"edit": before(failed.path, failed.line, create)}
        return "schema-missing", {"schema": name} | edit
    facts = {"object": f"{kind} {name}", "there": _there(failed, kind, match[3] or failed.table)}
    if kind == "type":
        created = failed.operation("add_column", "alter_column", naming=name)
        enum = re.search(rf"(?:sa|postgresql)\.(?:Enum|ENUM)\([^()]*name='{name}'[^()]*\)",
                         created.source if created else "")  # fmt: skip
        if enum:
            line = f"{enum[0]}.create(op.get_bind(), checkfirst=True)"
            return "enum-not-created", facts | {
                "type": name,
                "edit": before(failed.path, failed.line, line),
            }
    operation = failed.operation(
        "drop_table", "drop_column", "drop_index", "drop_constraint", naming=name
    )
    if operation:
        facts["edit"] = with_keyword(operation, "if_exists=True")
    return "missing-in-migration", facts


THERE = {
    "constraint": "SELECT conname FROM pg_constraint WHERE conrelid = to_regclass(%(table)s)",
    "index": "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema() LIMIT 9",
    "column": "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%(table)s)"
    " AND attnum > 0 AND NOT attisdropped",
}
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() LIMIT 9"


def _there(failed: Failed, kind: str, table: str) -> str:
    found = failed.rows(THERE.get(kind, TABLES), table=table)
    of = f"Table {table.strip(chr(34))} has" if kind in ("constraint", "column") else "There are"
    return f"{of}: {', '.join(name for (name,) in found)}." if found else ""
