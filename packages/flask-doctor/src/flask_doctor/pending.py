"""What the files of migrations do, read without running them."""

import ast
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Operation:
    """A call in the `upgrade()` of a migration, as it stands there; `table` where that is known."""

    name: str
    table: str
    node: ast.Call
    file: "File"

    @property
    def place(self) -> str:
        """Where it stands, for a reader."""
        return self.file.place(self.node)

    @property
    def source(self) -> str:
        """The call as it is written, in one line."""
        return " ".join((ast.get_source_segment(self.file.source, self.node) or "").split())

    @property
    def strings(self) -> list[str]:
        """The strings that it is called with, names for the most part."""
        return [value for value in map(constant, self.node.args) if isinstance(value, str)]

    @property
    def columns(self) -> list[str]:
        """The columns that it makes."""
        return [
            str(constant(node.args[0]))
            for node in self.node.args
            if isinstance(node, ast.Call) and last_name(node.func) == "Column" and node.args
        ]

    @property
    def column(self) -> str:
        """The column that it is about."""
        return next(iter([*self.columns, *self.strings[::-1]]), "")

    def keyword(self, name: str) -> ast.expr | None:
        """Return what a keyword is given."""
        return next((k.value for k in self.node.keywords if k.arg == name), None)


def constant(node: ast.expr | None) -> Any:
    """Return the constant that is written, also within `op.f(...)` and `sa.text(...)`."""
    if isinstance(node, ast.Call) and last_name(node.func) in ("f", "text", "dedent") and node.args:
        node = node.args[0]
    return node.value if isinstance(node, ast.Constant) else None


def last_name(node: ast.expr) -> str:
    """Return the last of the names in `a.b.c`."""
    return getattr(node, "attr", getattr(node, "id", ""))


def mentions(operation: Operation, name: str) -> bool:
    """Tell whether a name is among the strings of a call."""
    nodes = ast.walk(operation.node)
    return any(isinstance(node, ast.Constant) and node.value == name for node in nodes)


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Call):
        node = node.value if isinstance(node, ast.Attribute) else node.func
    return getattr(node, "id", "")


class File:
    """One migration's file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.source = path.read_text(encoding="utf-8")
        self.tree = ast.parse(self.source)
        self.functions = {n.name for n in ast.walk(self.tree) if isinstance(n, ast.FunctionDef)}
        self._constants = {
            target.id: node.value
            for node in self.tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant | ast.Call)
            for target in node.targets
            if isinstance(target, ast.Name)
        }

    @property
    def imports(self) -> set[str]:
        """The packages that it imports, by their first name."""
        nodes = list(ast.walk(self.tree))
        names = [a.name for n in nodes if isinstance(n, ast.Import) for a in n.names]
        names += [n.module or "." for n in nodes if isinstance(n, ast.ImportFrom)]
        return {name.partition(".")[0] for name in names}

    def place(self, node: ast.AST) -> str:
        """Return where a node is, for a reader."""
        return f"{os.path.relpath(self.path)}, line {getattr(node, 'lineno', 1)}"

    def operations(self, function: str = "upgrade") -> Iterator[Operation]:
        """Yield the calls of `upgrade()` in their order, each with the table that it is about."""
        for node in self.tree.body:
            if isinstance(node, ast.FunctionDef) and node.name == function:
                yield from self._calls(node, {})

    def _calls(self, node: ast.AST, tables: dict[str, str]) -> Iterator[Operation]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.withitem) and isinstance(child.optional_vars, ast.Name):
                call = child.context_expr
                if isinstance(call, ast.Call) and last_name(call.func) == "batch_alter_table":
                    tables[child.optional_vars.id] = str(constant(call.args[0]))
            if isinstance(child, ast.Call):
                yield self._operation(child, tables)
            yield from self._calls(child, tables)

    def _operation(self, call: ast.Call, tables: dict[str, str]) -> Operation:
        root, name = _root(call.func), last_name(call.func)
        known = root == "op" or root in tables
        first = str(constant(call.args[0]) or "") if call.args else ""
        table = tables.get(root) or first
        if name in ("create_index", "create_foreign_key", "create_unique_constraint") or (
            name in ("drop_constraint", "drop_index") and root == "op"
        ):
            table = tables.get(root) or str(
                constant(call.args[1] if len(call.args) > 1 else None) or ""
            )
        return Operation(name if known else f"{root}:{name}", table, call, self)

    def sql(self, operation: Operation) -> str | None:
        """Return the SQL that it runs: "" where it runs none, None where that can't be told."""
        if operation.name.rpartition(":")[2] not in ("execute", "exec_driver_sql", "scalar"):
            return ""
        node = operation.node.args[0] if operation.node.args else None
        if isinstance(node, ast.Name):
            node = self._constants.get(node.id)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Name):
            node = self._constants.get(node.args[0].id)
        text = constant(node)
        return text if isinstance(text, str) else None


@lru_cache(maxsize=256)
def _file(path: Path, changed: float) -> File:
    return File(path)


def file_of(path: str | Path) -> File:
    """Read a migration's file, unless it was read and hasn't changed."""
    path = Path(path)
    return _file(path, path.stat().st_mtime)


# What a migration that is tried and rolled back may import, and what it may not mention: nothing
# of it may outlast the transaction.
TRIABLE = {
    *("alembic", "sqlalchemy", "sqlalchemy_utils", "geoalchemy2", "pgvector", "sqlmodel"),
    *("typing", "collections", "datetime", "uuid", "enum", "json", "decimal", "textwrap", "re"),
}
OUTLASTING = re.compile(
    r"commit|concurrently|vacuum|\bcopy\b|setval|nextval|dblink|pg_terminate|create_engine|"
    r"\.engine\b|\bopen\(|import_module|__import__|\b(exec|eval)\(|\bcontext\b|"
    r"\b(database|tablespace|system)\b",
    re.I,
)


def untriable(path: str | Path) -> str:
    """Say why a migration can't be tried in a transaction; "" when it can."""
    file = file_of(path)
    if foreign := file.imports - TRIABLE:
        return f"{os.path.relpath(path)} imports {', '.join(sorted(foreign))}"
    code = "\n".join(line.partition("#")[0] for line in file.source.splitlines())
    match = OUTLASTING.search(code.replace(ast.get_docstring(file.tree) or "\0", ""))
    return f"{os.path.relpath(path)} contains `{match[0]}`" if match else ""
