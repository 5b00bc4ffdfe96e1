"""What the migrations that are left to run would lose, as far as their files tell."""

import ast
import re
from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import Engine, text

from .editing import literal
from .migrations import current_revisions, pending_scripts, tool_of
from .pending import File, Operation, file_of, last_name
from .state import State

# Alembic's operations that lose nothing; `execute`, `alter_column` and those that drop are judged.
HARMLESS = re.compile(
    r"(create|batch_create|rename|add|batch_alter)_\w+|bulk_insert|f|get_bind|get_context|"
    r"drop_(constraint|index|table_comment)"
)
# Statements that lose nothing, and words that lose data (not those of triggers and foreign keys).
SQL_HARMLESS = (
    r"(CREATE|COMMENT|GRANT|REVOKE|INSERT|ALTER|SET|DROP|ANALYZE|REINDEX|VACUUM|REFRESH)\b"
)
SQL_LOSSES = {
    r"\bDROP\s+TABLE\s+(?:IF\s+EXISTS\s+)?([\w.\"]+)": "deletes table {} with its data",
    r"\bDROP\s+SCHEMA\s+(?:IF\s+EXISTS\s+)?([\w.\"]+)": "deletes schema {} with what is in it",
    r"\bDROP\s+COLUMN\s+(?:IF\s+EXISTS\s+)?([\w.\"]+)": "deletes column {} with its data",
    r"\bDROP\s[^;]*?([\w.\"]+)\s+CASCADE\b": "deletes {} and what depends on it",
    r"\bDELETE\s+FROM\s+([\w.\"]+)": "deletes rows of table {}",
    r"\bTRUNCATE\s+(?:TABLE\s+)?(?!(?:ON|OR)\b)([\w.\"]+)": "deletes all rows of table {}",
    r"\bUPDATE\s+([\w.\"]+)\s+SET\b": "changes rows of table {}",
    r"\bALTER\s+(?:COLUMN\s+)?([\w.\"]+)\s+(?:SET\s+DATA\s+)?TYPE\b": "changes column {}'s type",
}
FUNCTION = re.compile(
    r"(CREATE\s+(?:OR\s+REPLACE\s+)?FUNCTION\b.*?)\$(\w*)\$.*?\$\2\$", re.I | re.S
)
# Between types of one kind nothing is lost: what doesn't fit is an error.
KINDS = ("string varchar text unicode", "smallinteger integer biginteger smallint bigint")
USERS_TABLES = text(
    "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace "
    "WHERE relkind IN ('r', 'p') AND nspname NOT IN ('pg_catalog', 'information_schema') "
    "AND nspname !~ '^pg_t' AND relname NOT IN ('alembic_version', 'spatial_ref_sys')"
)


def _pending(state: State, engine: Engine) -> list[Path]:
    """Return the files of the migrations that are left to run, where they could lose anything."""
    tool = tool_of(state)
    if tool is None:
        return []
    with engine.connect() as connection:
        current = current_revisions(tool, connection)
        if not current and not connection.execute(USERS_TABLES).scalar_one():
            return []
    return [Path(script.path) for script in pending_scripts(tool.scripts(), current)]


def pending_losses(state: State, engine: Engine) -> list[str]:
    """Say what the migrations that are left to run would lose, or that it can't be told."""
    return losses(_pending(state, engine))


def warnings(state: State, engine: Engine) -> list[str]:
    """Return the lines of a fix that say what is lost; none where nothing is."""
    files = _pending(state, engine)
    if not (found := losses(files)):
        return []
    lines = [line for path in files for line in _renames(file_of(path))]
    lines.append(f"Careful, this may lose data: {'; '.join(found)}. Make a copy first:")
    return [literal(line) for line in lines]


def _renames(file: File) -> list[str]:
    """Take a column that goes while another comes for one that was renamed in the model."""
    calls = list(file.operations())
    for gone in (call for call in calls if call.name == "drop_column"):
        new = [c for c in calls if c.name == "add_column" and c.table == gone.table]
        old = [c for c in calls if c.name == "drop_column" and c.table == gone.table]
        if len(new) == len(old) == 1:
            edit = f"op.alter_column({gone.table!r}, {gone.column!r}, new_column_name="
            return [
                f"If you renamed {gone.column} to {new[0].column}, change {gone.place}; this keeps "
                "the data:",
                f"- {new[0].source}",
                f"- {gone.source}",
                f"+ {edit}{new[0].column!r})",
            ]
    return []


def losses(paths: Iterable[str | Path]) -> list[str]:
    """Say what these migrations lose, or that it can't be told: sentences without a full stop."""
    found = []
    for path in paths:
        file = file_of(path)
        for operation in file.operations():
            if loss := _loss(file, operation):
                found.append(f"{operation.place}, {loss}")
    return found


def _loss(file: File, operation: Operation) -> str:
    """Say what an operation loses, "" where that is nothing."""
    name, table = operation.name, operation.table
    sql = file.sql(operation)
    if sql is None:
        return "runs SQL that can't be read ahead"
    if sql:
        return _lost_by(sql)
    if name == "drop_table":
        return f"deletes table {table} with its data"
    if name == "drop_column":
        return f"deletes column {operation.column} of table {table} with its data"
    if name == "alter_column":
        new, old = operation.keyword("type_"), operation.keyword("existing_type")
        cast = operation.keyword("postgresql_using") or (new and not _is_alike(old, new))
        return f"changes the type of column {operation.column} of table {table}" if cast else ""
    root, _, _ = name.rpartition(":")
    if not root:
        return "" if HARMLESS.fullmatch(name) else f"calls {name}(), which can't be read ahead"
    return f"calls {root}(), which can't be read ahead" if root in file.functions else ""


def _lost_by(sql: str) -> str:
    plain = FUNCTION.sub(r"\1", re.sub(r"--[^\n]*", "", sql)).strip()
    for words, loss in SQL_LOSSES.items():
        if match := re.search(words, plain, re.I):
            return loss.format(match[1].strip('"'))
    known = re.match(SQL_HARMLESS, plain, re.I)
    return "" if known else f"runs {' '.join(plain.split())[:60]!r}"


def _is_alike(old: ast.expr | None, new: ast.expr) -> bool:
    names = {last_name(n.func if isinstance(n, ast.Call) else n).lower() for n in (old, new) if n}
    return old is not None and any(names <= set(kind.split()) for kind in KINDS)
