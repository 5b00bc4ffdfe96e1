"""Which migration a database fits that knows of none: one that `create_all()` made."""

from typing import Any

from sqlalchemy import Connection, inspect

from . import pending
from .migrations import current_revisions, tool_of
from .state import State


def fitting(state: State, connection: Connection) -> dict[str, str] | None:
    """Return the last migration of which all tables and columns are there, and what is there.

    None where the database knows its revision, or where it doesn't fit any.
    """
    tool = tool_of(state)
    if tool is None or current_revisions(tool, connection):
        return None
    fits, seen = "", []
    for script in reversed([*tool.scripts().walk_revisions()]):
        made = [o for o in pending.file_of(script.path).operations() if _makes(o)]
        if not all(_is_there(connection, operation) for operation in made):
            break
        fits = script.revision
        seen += [o.table for o in made if o.name == "create_table"]
    return {"revision": fits, "seen": f"Already there: {', '.join(seen)}."} if seen else None


def _makes(operation: pending.Operation) -> bool:
    return operation.name in ("create_table", "add_column")


def _is_there(connection: Connection, operation: pending.Operation) -> bool:
    inspector = inspect(connection)
    schema: Any = pending.constant(operation.keyword("schema"))
    if not inspector.has_table(operation.table, schema=schema):
        return False
    there = {column["name"] for column in inspector.get_columns(operation.table, schema=schema)}
    wanted = {name for name in operation.columns if name}
    return wanted <= there
