"""The rows that stand in a migration's way: no value, twice the same, of another type."""

import re

from ..case import Found
from ..editing import before, default_of, nullable, prompt, with_default, with_keyword
from ..searching import plain
from .failed import Failed

CHECK = re.compile(r"\bADD (?:CONSTRAINT (?:\"[^\"]+\"|\w+) )?CHECK \((.+)\)\s*$", re.S)
REFERENCES = re.compile(r'FOREIGN KEY ?\(([^)]+)\) REFERENCES ([\w."]+) ?(?:\(([^)]+)\))?')


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
    filled = f"FROM {table} WHERE ({columns}) IS NOT NULL GROUP BY {columns} HAVING count(*) > 1"
    listed = f"SELECT * FROM {table} WHERE ({columns}) IN (SELECT {columns} {filled})"
    number = len(failed.rows(f"SELECT {columns} {filled}"))
    more = f", and {number - 1} other {'value is' if number == 2 else 'values are'} too"
    delete = f"DELETE FROM {table} a USING {table} b WHERE a.ctid > b.ctid AND " + " AND ".join(
        f"a.{c.strip()} = b.{c.strip()}" for c in columns.split(",")
    )
    by_columns = not re.search(r"[(:]", columns)
    return "duplicates-in-unique", {
        "columns": columns,
        "value": match[2],
        "more": more if number > 1 else "",
        "look": prompt(f"{listed} ORDER BY {columns}"),
        "edit": before(failed.path, failed.line, f"op.execute({delete!r})") if by_columns else "",
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


def check(failed: Failed) -> Found | None:
    """Explain a rule (CHECK) that rows break."""
    match = CHECK.search(failed.statement)
    if not match:
        return None
    where = f"WHERE NOT ({match[1]})"
    number = failed.rows(f"SELECT count(*) FROM {failed.table} {where}")
    table = failed.table.rpartition(".")[2].strip('"')
    operation = failed.operation("create_check_constraint", naming=table)
    return "rows-break-rule", {
        "rule": match[1],
        **({"count": f"{number[0][0]} rows break"} if number and number[0][0] > 1 else {}),
        "look": prompt(f"SELECT * FROM {failed.table} {where}"),
        "edit": with_keyword(operation, "postgresql_not_valid=True") if operation else "",
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
    using = f"postgresql_using={f'{plain(column)}::{kind}'!r}"
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
