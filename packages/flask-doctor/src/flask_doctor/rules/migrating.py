"""Why a migration fails: the rows or the objects that stand in its way, and an edit that helps."""

import linecache
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..case import Case, Found
from ..editing import (
    before,
    default_of,
    nullable,
    operation_of,
    prompt,
    with_default,
    with_keyword,
)
from ..errors import sqlstate_of
from ..matching import fields_of
from ..own_code import frames
from ..pending import Operation
from .existing import exists
from .looking import looking

log = logging.getLogger(__name__)

TABLE = re.compile(
    r"\s*(?:ALTER TABLE|CREATE TABLE|DROP TABLE)\s+(?:IF (?:NOT )?EXISTS )?([\w.\"]+)"
)
ON_TABLE = re.compile(r"CREATE (?:UNIQUE )?INDEX.*? ON ([\w.\"]+)")
REFERENCES = re.compile(r'FOREIGN KEY ?\(([^)]+)\) REFERENCES ([\w."]+) ?(?:\(([^)]+)\))?')


@dataclass(frozen=True)
class Failed:
    """A statement of a migration that failed, and the place in its file."""

    error: Any
    case: Case
    path: Path
    line: int
    function: str

    @property
    def message(self) -> str:
        """The server's message, in its first line."""
        return str(getattr(self.error, "orig", None) or self.error).partition("\n")[0]

    @property
    def statement(self) -> str:
        """The SQL that failed."""
        return getattr(self.error, "statement", None) or ""

    @property
    def fields(self) -> dict[str, str]:
        """What the server says beside its message."""
        return fields_of(getattr(self.error, "orig", None) or self.error)

    @property
    def table(self) -> str:
        """The table that the statement is about, as it is written in SQL."""
        match = TABLE.match(self.statement) or ON_TABLE.search(self.statement)
        return match[1] if match else self.fields.get("table", "TABLE")

    def operation(self, *names: str, naming: str = "") -> Operation | None:
        """Return the call in the file that this statement comes from."""
        return operation_of(self.path, self.function, names, naming, self.line)

    def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """Ask the database; nothing where it may not or can't be asked."""
        try:
            with looking(self.case) as cursor:
                cursor.execute(query, values or None)
                found: list[tuple[Any, ...]] = cursor.fetchall()
                return found
        except Exception:
            log.debug("no look at the database", exc_info=True)
            return []


def migrating(error: BaseException, case: Case) -> Found | None:
    """Explain an error that the database has with a migration."""
    sqlstate = sqlstate_of(error)
    place = migration_of(error) if sqlstate and hasattr(error, "statement") else None
    if not sqlstate or place is None:
        return None
    failed = Failed(error, case, *place)
    explain = next((e for s, e in EXPLAINED.items() if sqlstate.startswith(s)), None)
    found = explain(failed) if explain else None
    if found is None and not sqlstate.startswith(("22", "23", "2B", "0A", "42", "55", "58P01")):
        return None
    if found is None and sqlstate == "42501":
        return None
    entry, facts = found or ("migration-fails", {})
    facts = {"table": failed.table.strip('"'), "message": failed.message} | failed.fields | facts
    return entry, facts | {"place": f"{_relative(failed.path)}, line {failed.line}"}


def migration_of(error: BaseException) -> tuple[Path, int, str] | None:
    """Return the file, line and function of the migration that an error comes from."""
    found = None
    for code, number in frames(error):
        if code.co_name in ("upgrade", "downgrade", "<module>") and any(
            line.startswith("down_revision") for line in linecache.getlines(code.co_filename)
        ):
            found = Path(code.co_filename), number, code.co_name
    return found


def _relative(path: Path) -> str:
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def null(failed: Failed) -> Found:
    """Explain NOT NULL where a row has no value."""
    column, table = failed.fields.get("column", "COLUMN"), failed.table
    if re.search(r"\bADD COLUMN\b", failed.statement):
        operation = failed.operation("add_column", naming=column)
        if operation is None:
            return "null-in-new-column", {}
        edit = with_default(operation) or nullable(operation)
        return "null-in-new-column", {"edit": edit}
    kind = failed.rows(
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = to_regclass(%(table)s) AND attname = %(column)s",
        table=table,
        column=column,
    )
    value = default_of(kind[0][0] if kind else "")
    update = f"UPDATE {table} SET {column} = {value} WHERE {column} IS NULL"
    return "null-in-old-column", {
        "look": prompt(f"SELECT * FROM {table} WHERE {column} IS NULL"),
        "edit": before(failed.path, failed.line, f"op.execute({update!r})"),
        "value": value,
        **_counted(failed, f"SELECT count(*) FROM {table} WHERE {column} IS NULL"),
    }


def _counted(failed: Failed, query: str) -> dict[str, str]:
    found = failed.rows(query)
    if not found:
        return {"count": "Some rows have"}
    number = found[0][0]
    return {"count": "1 row has" if number == 1 else f"{number} rows have"}


def duplicates(failed: Failed) -> Found | None:
    """Explain a unique constraint or index over values that are there twice."""
    match = re.match(r"Key \((.+)\)=\((.*)\) is duplicated", failed.fields.get("server_detail", ""))
    if not match:
        return None
    table, columns = failed.table, match[1]
    query = f"SELECT {columns}, count(*) FROM {table} GROUP BY {columns} HAVING count(*) > 1"
    listed = f"SELECT * FROM {table} WHERE ({columns}) IN (SELECT {columns} FROM {table} " + (
        f"GROUP BY {columns} HAVING count(*) > 1) ORDER BY {columns}"
    )
    number = len(failed.rows(query))
    more = f", and {number - 1} other {'value is' if number == 2 else 'values are'} too"
    delete = f"DELETE FROM {table} a USING {table} b WHERE a.ctid > b.ctid AND " + " AND ".join(
        f"a.{c.strip()} = b.{c.strip()}" for c in columns.split(",")
    )
    plain = not re.search(r"[(:]", columns)
    return "duplicates-in-unique", {
        "columns": columns,
        "value": match[2],
        "more": more if number > 1 else "",
        "look": prompt(listed),
        "edit": before(failed.path, failed.line, f"op.execute({delete!r})") if plain else "",
    }


def orphans(failed: Failed) -> Found | None:
    """Explain a foreign key over values that lead nowhere."""
    match = REFERENCES.search(failed.statement)
    if not match:
        return None
    own = [name.strip() for name in match[1].split(",")]
    others = [name.strip() for name in (match[3] or match[1]).split(",")]
    table, pairs = failed.table, zip(own, others, strict=False)
    joined = " AND ".join(f"there.{other} = {table}.{mine}" for mine, other in pairs)
    filled = " AND ".join(f"{name} IS NOT NULL" for name in own)
    where = f"{filled} AND NOT EXISTS (SELECT FROM {match[2]} AS there WHERE {joined})"
    required = failed.rows(
        "SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass(%(table)s) AND attnotnull"
        " AND attname = ANY(%(names)s)",
        table=table,
        names=[name.strip('"') for name in own],
    )
    change = ", ".join(f"{name} = NULL" for name in own)
    mend = f"DELETE FROM {table}" if required else f"UPDATE {table} SET {change}"
    return "orphans-in-foreign-key", {
        "columns": ", ".join(own),
        "other": match[2],
        "look": prompt(f"SELECT * FROM {table} WHERE {where}"),
        "loses": f"this deletes these rows of {table}"
        if required
        else f"this empties {', '.join(own)} in these rows",
        "edit": before(failed.path, failed.line, f"op.execute({f'{mend} WHERE {where}'!r})"),
        **_counted(failed, f"SELECT count(*) FROM {table} WHERE {where}"),
    }


CAST = re.compile(r'column "(.+)" cannot be cast automatically to type (.+)')


def cast(failed: Failed) -> Found | None:
    """Explain a change of type for which PostgreSQL wants to be told how."""
    match = CAST.search(failed.message)
    if not match:
        return None
    column, kind = match[1], match[2]
    operation = failed.operation("alter_column", naming=column)
    if failed.message.startswith("default for"):
        inside = operation.source.partition("alter_column(")[2] if operation else ""
        first = inside.partition("type_")[0].partition("existing_")[0].rstrip(", ")
        call = operation.source.partition("alter_column(")[0] if operation else "op."
        line = f"{call}alter_column({first}, server_default=None)"
        return "default-of-other-type", {
            "column": column,
            "type": kind,
            "edit": before(failed.path, operation.node.lineno, line) if operation else "",
        }
    quoted = column if re.fullmatch(r"[a-z_][a-z0-9_]*", column) else f'"{column}"'
    using = f"postgresql_using={f'{quoted}::{kind}'!r}"
    edit = with_keyword(operation, using) if operation else f"+ {using}"
    return "cast-needed", {"column": column, "type": kind, "edit": edit}


def values(failed: Failed) -> Found | None:
    """Explain values that don't fit a new type."""
    match = re.search(
        r'ALTER COLUMN ("[^"]+"|\w+) (?:SET DATA )?TYPE (.+?)(?: USING .+)?$',
        failed.statement.strip(),
    )
    if not match:
        return None
    column, kind, table = match[1], match[2].lower(), failed.table
    if length := re.search(r"(?:var)?char(?:acter varying)?\((\d+)\)", kind):
        where = f"length({column}) > {length[1]}"
    elif re.match("(small|big)?int", kind):
        where = rf"{column}::text !~ '^\s*[-+]?\d+\s*$'"
    elif re.match("numeric|float|double|real", kind):
        where = rf"{column}::text !~ '^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$'"
    else:
        version = failed.rows("SHOW server_version_num")
        new = bool(version) and int(version[0][0]) >= 160000
        name = kind.replace("'", "''")
        where = f"NOT pg_input_is_valid({column}::text, '{name}')" if new else ""
    shown = f" WHERE {where}" if where else ""
    update = f"UPDATE {table} SET {column} = 'VALUE'{shown or ' WHERE CONDITION'}"
    return "values-of-other-type", {
        "column": column.strip('"'),
        "type": kind,
        "look": prompt(f"SELECT {column}, count(*) FROM {table}{shown} GROUP BY {column}"),
        "edit": before(failed.path, failed.line, f"op.execute({update!r})"),
    }


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
        package = PACKAGES.get(name, "postgresql-{}").format(major or "VERSION")
        return "extension-not-installed", {"extension": name, "package": package}
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
        "views": f"Create {' and '.join(views)} again at the end of the migration: see its "
        f"definition with \\d+ {views[0]} in psql before."
        if views
        else "",
    }


NOT_AVAILABLE = re.compile(
    r'extension "(.+?)" is not available|could not open extension control file ".*/(.+)\.control"'
)
# Debian's, with the server's version; all others are in the server's own package.
PACKAGES = {"postgis": "postgresql-{}-postgis-3", "vector": "postgresql-{}-pgvector"}
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


EXTENSIONS = {
    **dict.fromkeys(("geometry", "geography", "raster"), "postgis"),
    **dict.fromkeys(("citext", "vector", "hstore", "ltree"), ""),
    **dict.fromkeys(("gin_trgm_ops", "gist_trgm_ops"), "pg_trgm"),
    **dict.fromkeys(("uuid_generate_v4", "uuid_generate_v1"), "uuid-ossp"),
}


def missing(failed: Failed) -> Found | None:
    """Explain something that a migration expects and that isn't there."""
    match = re.search(r'(type|table|relation|index|column|constraint|operator class|function) '
                      r'"?([^"]+?)"?(?:\(.*\))?(?: of relation "(.+)"| for .+)? does not exist',
                      failed.message)  # fmt: skip
    if not match:
        return None
    kind, name = match[1], match[2].rpartition(".")[2]
    if name in EXTENSIONS:
        extension = EXTENSIONS[name] or name
        quoted = f'"{extension}"' if "-" in extension else extension
        create = f"CREATE EXTENSION IF NOT EXISTS {quoted}"
        return "extension-missing", {
            "extension": extension,
            "object": f"{kind} {name}",
            "edit": before(failed.path, failed.line, f"op.execute({create!r})"),
        }
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


def _there(failed: Failed, kind: str, table: str) -> str:
    queries = {
        "constraint": "SELECT conname FROM pg_constraint WHERE conrelid = to_regclass(%(table)s)",
        "column": "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%(table)s)"
        " AND attnum > 0 AND NOT attisdropped",
        "index": "SELECT indexname FROM pg_indexes WHERE indexrelname IS NOT NULL",
    }
    if kind == "index":
        found = failed.rows(
            "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema() LIMIT 9"
        )
    elif kind in ("table", "relation", "type"):
        found = failed.rows(
            "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
            " AND relkind IN ('r', 'p') LIMIT 9"
        )
    else:
        found = failed.rows(queries.get(kind, queries["column"]), table=table)
    of = f"Table {table.strip(chr(34))} has" if kind in queries and kind != "index" else "There are"
    return f"{of}: {', '.join(name for (name,) in found)}." if found else ""


EXPLAINED: dict[str, Callable[[Failed], Found | None]] = {
    "23502": null,
    "23505": duplicates,
    "23503": orphans,
    "42804": cast,
    "22": values,
    "2BP01": dependents,
    "0A000": dependents,
    "58P01": dependents,
    "55P03": locked,
    "40P01": locked,
    "42P07": exists,
    "42710": exists,
    "42701": exists,
    "42723": exists,
    "42P01": missing,
    "42703": missing,
    "42704": missing,
    "42883": missing,
}
