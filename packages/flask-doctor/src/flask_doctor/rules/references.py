"""Rows that point to other rows: a parent that isn't there, or children that stand in the way."""

import re

from sqlalchemy import Table
from sqlalchemy.orm import RelationshipDirection

from .. import mapped
from ..case import Found
from .statement import Failed

CASCADE = (
    (r"^(.*\brelationship)\(\)$", r'\1(cascade="all, delete-orphan")'),
    (r"^(?!.*cascade=)(.*\brelationship\(.+)\)$", r'\1, cascade="all, delete-orphan")'),
)
ON_DELETE = (r"ForeignKey\(((?:(?!ondelete)[^()])*)\)", r'ForeignKey(\1, ondelete="CASCADE")')


def foreign_key(failed: Failed) -> Found:
    """Explain a row that points nowhere, or one that can't go because others point to it."""
    names, pair = failed.key()
    detail = failed.fields.get("server_detail", "")
    other = failed.verb != "INSERT" and failed.written not in ("", failed.table_name)
    if failed.verb == "DELETE" or other or "still referenced" in detail:
        column = _pointing(failed)
        facts = failed.facts(column) | pair | parent_of(failed, column)
        return "children-left", facts | failed.edit(column, ON_DELETE)
    column = names[0] if len(names) == 1 else ""
    quoted = re.findall(r'"([^"]+)"', detail)
    found = {"parent": quoted[-1]} if quoted else {}
    found |= parent_of(failed, column)
    return "parent-missing", failed.facts(column) | pair | found


def parent_of(failed: Failed, column: str) -> dict[str, str]:
    """Return the names of the table that a column points to, and of the relationships between."""
    table = failed.table
    keys = table.c[column].foreign_keys if table is not None and column in table.c else ()
    key = next(iter(keys), None)
    if key is None:
        return {}
    parent = key.column.table
    mapper = mapped.mapper_of(parent)
    facts = {"parent": parent.name, "parent_model": parent.name, "parent_column": key.column.name}
    if mapper is None:
        return facts
    name = mapper.class_.__name__
    facts |= {"parent_model": name, "parent_variable": name.lower()}
    for many in mapper.relationships:
        if key.parent in many.remote_side and many.direction is RelationshipDirection.ONETOMANY:
            facts |= {"children": many.key} | mapped.edit(mapper, many.key, *CASCADE)
    return facts


def _pointing(failed: Failed) -> str:
    """Return the column that points to the row; nothing where several do together."""
    keys = failed.table.foreign_keys if isinstance(failed.table, Table) else ()
    names = {key.parent.name for key in keys if key.column.table.name == failed.written}
    if len(names) != 1:
        defined = re.match(r"FOREIGN KEY \((.*?)\)", failed.definition())
        names = {defined[1].strip('"')} if defined and "," not in defined[1] else set()
    return names.pop() if names else ""
