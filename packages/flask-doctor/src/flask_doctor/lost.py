"""How a database and what migrations make fit together: what is there, and what is lost."""

from typing import Any

from sqlalchemy import Column, Connection, Table, inspect
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from .case import Found
from .diagnosis import quoted
from .migrations import current_revisions, tool_of
from .pending import Operation, constant, file_of
from .state import State

MAKES = ("create_table", "add_column")


def lost(
    state: State, connection: Connection, table: Table, column: Column[Any] | None = None
) -> Found | None:
    """Return why a table or a column isn't there that a migration makes; None if none does."""
    tool = tool_of(state)
    scripts = [*reversed([*tool.scripts().walk_revisions()])] if tool else []
    for number, script in enumerate(scripts):
        for operation in file_of(script.path).operations():
            if _makes(operation, table.name, column is not None and column.name):
                thing = f"Column {column.name} of table" if column is not None else "Table"
                facts = {"thing": f"{thing} {table.name}", "made": operation.place}
                later = [o for s in scripts[number:] for o in file_of(s.path).operations()]
                if not any(_is_there(connection, o) for o in later if o.name in MAKES):
                    return "migration-stamped", facts | before(script)
                return "dropped-by-hand", facts | _again(state, connection, table, column)
    return None


def fitting(state: State, connection: Connection) -> dict[str, str] | None:
    """Return the last migration that a database fits which knows of none, and what is there.

    That is one of `create_all()`. None where it knows its revision, or where it fits none.
    """
    tool = tool_of(state)
    if tool is None or current_revisions(tool, connection):
        return None
    fits, seen = "", []
    for script in reversed([*tool.scripts().walk_revisions()]):
        made = [o for o in file_of(script.path).operations() if o.name in MAKES]
        if not all(_is_there(connection, o, whole=True) for o in made):
            break
        fits = script.revision
        seen += [o.table for o in made if o.name == "create_table"]
    return {"revision": fits, "seen": f"Already there: {', '.join(seen)}."} if seen else None


def _is_there(connection: Connection, operation: Operation, whole: bool = False) -> bool:
    """Tell whether the table is there that an operation makes, or the columns that it adds.

    `whole` asks for the columns of the table as well.
    """
    inspector = inspect(connection)
    schema: Any = constant(operation.keyword("schema"))
    if not inspector.has_table(operation.table, schema=schema):
        return False
    there = inspector.get_columns(operation.table, schema=schema)
    columns = operation.columns if whole or operation.name == "add_column" else ()
    return {*columns} <= {column["name"] for column in there}


def before(script: Any) -> dict[str, str]:
    """Return the fact of the revision that comes before a migration."""
    earlier = script.down_revision or "base"
    return {"before": earlier if isinstance(earlier, str) else earlier[0]}


def _makes(operation: Operation, table: str, column: str | bool) -> bool:
    if operation.table != table or operation.name not in MAKES:
        return False
    return column in operation.columns if column else operation.name == "create_table"


def _again(
    state: State, connection: Connection, table: Table, column: Column[Any] | None
) -> dict[str, str]:
    """Return the SQL that names it again as it was called, or that makes it again."""
    dialect = connection.dialect
    name = dialect.identifier_preparer.format_table(table)
    if column is not None:
        there = inspect(connection).get_columns(table.name, schema=table.schema)
        others = {c["name"]: c["type"]._type_affinity for c in there if c["name"] not in table.c}
        alike = [n for n, kind in others.items() if kind is column.type._type_affinity]
        if len(alike) == 1:
            sql = f"ALTER TABLE {name} RENAME COLUMN {quoted(alike[0])} TO {quoted(column.name)}"
            return {"sql": sql, "other": f"column {alike[0]}"}
        return {"later": adding(table, column, dialect)}
    if other := _renamed(state, connection, table):
        new = dialect.identifier_preparer.quote(table.name)
        sql = f"{dialect.identifier_preparer.quote(other)} RENAME TO {new}"
        return {"sql": f"ALTER TABLE {sql}", "other": f"table {other}"}
    role = connection.exec_driver_sql("SELECT current_user").scalar_one()
    made: list[Any] = [CreateTable(table), *map(CreateIndex, table.indexes)]
    sql = "; ".join(" ".join(str(one.compile(dialect=dialect)).split()) for one in made)
    return {"later": f"SET ROLE {quoted(role)}; {sql}"}


def adding(table: Table, column: Column[Any], dialect: Any) -> str:
    """Return the SQL that adds a column of the models, which is NULL in the rows that are there."""
    copy = column._copy()
    copy.primary_key, copy.nullable = False, True
    spec = str(CreateColumn(copy).compile(dialect=dialect)).strip()
    return f"ALTER TABLE {dialect.identifier_preparer.format_table(table)} ADD COLUMN {spec}"


def _renamed(state: State, connection: Connection, table: Table) -> str:
    """Return the table that has the columns of this one and belongs to no model."""
    inspector = inspect(connection)
    known = {t.name for t in state.tables}
    wanted = set(table.c.keys())
    for name in inspector.get_table_names(schema=table.schema):
        columns = inspector.get_columns(name, schema=table.schema) if name not in known else ()
        if wanted <= {column["name"] for column in columns}:
            return name
    return ""
