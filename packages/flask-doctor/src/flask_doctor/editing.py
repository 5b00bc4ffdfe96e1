"""Edits of a migration's file, as lines before (`- `) and after (`+ `), taken from the file."""

import ast
import linecache
import re
from pathlib import Path

from .pending import File, Operation, constant, file_of, last_name, mentions

# What rows get that exist when a column comes, by the beginning of its type's name.
DEFAULTS = {
    r"(small|big)?(int|serial)|float|numeric|decimal|double|real|interval": "'0'",
    r"str|text|varchar|unicode|char": "''",
    r"bool": "'false'",
    r"date|time": "sa.text('now()')",
    r"json|array": "'{}'",
    r"uuid": "sa.text('gen_random_uuid()')",
}


def literal(text: str) -> str:
    """Return a text in which braces are no names of facts."""
    return text.replace("{", "{{").replace("}", "}}")


def prompt(query: str) -> str:
    """Return the line that runs a query in the application's database."""
    return f"{{database}}=# {literal(query)}"


def default_of(kind: str) -> str:
    """Return an SQL literal of a type, which rows can get that have no value."""
    found = _default(kind)
    return found.removeprefix("sa.text('").removesuffix("')") if "sa." in found else found


def _default(kind: str) -> str:
    return next((v for names, v in DEFAULTS.items() if re.match(names, kind, re.I)), "'VALUE'")


def changed(old: str, new: str) -> str:
    """Return an edit."""
    return literal(f"- {old}\n+ {new}")


def before(path: Path, line: int, *added: str) -> str:
    """Return the edit that puts lines before a line of a file; nothing without lines."""
    there = linecache.getline(str(path), line).rstrip()
    indent = there[: len(there) - len(there.lstrip())]
    if not added or not there:
        return ""
    return literal("\n".join([f"- {there}", *(f"+ {indent}{new}" for new in added), f"+ {there}"]))


def with_keyword(operation: Operation, keyword: str) -> str:
    """Return the edit that adds a keyword to a call."""
    return changed(operation.source, f"{operation.source[:-1].rstrip(', ')}, {keyword})")


def autocommitted(operation: Operation) -> str:
    """Return the edit that lets Alembic run a call outside its transaction."""
    block = f"with op.get_context().autocommit_block():\n+     {operation.source}"
    return changed(operation.source, block)


def with_default(operation: Operation) -> str:
    """Return the edit that gives a new column a default; nothing where each row needs its own."""
    columns = (n for n in operation.node.args if isinstance(n, ast.Call) and len(n.args) > 1)
    column, old, mark = next(columns, None), operation.source, "nullable=False"
    path = Path(operation.place.rpartition(", line ")[0])
    if column is None or mark not in old or _is_key(file_of(path), operation.column):
        return ""
    kind = column.args[1]
    name = last_name(kind.func if isinstance(kind, ast.Call) else kind)
    default = _default(name)
    if name.upper() == "ENUM" and isinstance(kind, ast.Call) and kind.args:
        default = repr(constant(kind.args[0]))
    return changed(old, old.replace(mark, f"{mark}, server_default={default}", 1))


def nullable(operation: Operation) -> str:
    """Return the edit that lets a new column be without a value."""
    return changed(operation.source, operation.source.replace("nullable=False", "nullable=True", 1))


def _is_key(file: File, column: str) -> bool:
    """Tell whether a file makes a column unique, or a foreign key."""
    return any(
        operation.name in ("create_foreign_key", "create_unique_constraint")
        and mentions(operation, column)
        for operation in file.operations()
    )
