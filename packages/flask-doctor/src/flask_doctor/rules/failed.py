"""A migration that failed: its statement, and the place in its file."""

import linecache
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..case import Case
from ..matching import fields_of
from ..own_code import frames
from ..pending import Operation, file_of, mentions
from .looking import rows

TABLE = re.compile(
    r"\s*(?:ALTER TABLE|CREATE TABLE|DROP TABLE)\s+(?:IF (?:NOT )?EXISTS )?([\w.\"]+)"
)
ON_TABLE = re.compile(r"CREATE (?:UNIQUE )?INDEX.*? ON ([\w.\"]+)")


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
        """Return the call of one of these names that this statement comes from; the nearest one."""
        found = [
            operation
            for operation in file_of(self.path).operations(self.function)
            if operation.name in names and mentions(operation, naming)
        ]
        return min(found, key=lambda o: abs(o.node.lineno - self.line), default=None)

    def call(self) -> Operation | None:
        """Return the call at the line that failed."""
        for call in file_of(self.path).operations(self.function):
            if call.node.lineno <= self.line <= (call.node.end_lineno or 0):
                return call
        return None

    def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """Ask the database; nothing where it may not or can't be asked."""
        return rows(self.case, query, **values)


def migration_of(error: BaseException) -> tuple[Path, int, str] | None:
    """Return the file, line and function of the migration that an error comes from."""
    found = None
    for code, number in frames(error):
        if code.co_name in ("upgrade", "downgrade", "<module>") and any(
            line.startswith("down_revision") for line in linecache.getlines(code.co_filename)
        ):
            found = Path(code.co_filename), number, code.co_name
    return found
