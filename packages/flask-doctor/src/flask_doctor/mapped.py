"""What the models say of a table: its class, an attribute, and the line of code that defines it."""

import re
from typing import Any

from sqlalchemy import MetaData, Table
from sqlalchemy.orm import Mapper

from .model_code import Subject, mappers, registries, written
from .state import State


def table_named(state: State | None, name: str, schema: str | None = None) -> Table | None:
    """Return the table of the models that has this name."""
    metadatas: list[MetaData | None] = [registry.metadata for registry in registries()]
    for metadata in (state.metadata if state else None, *metadatas):
        for table in metadata.tables.values() if metadata is not None else ():
            if table.name == name and (schema is None or table.schema in (None, schema)):
                return table
    return None


def mapper_of(table: Table | None) -> Mapper[Any] | None:
    """Return what maps a class to the table; of several classes, the one the others inherit."""
    found = [m for m in mappers() if table is not None and m.persist_selectable is table]
    return min(found, key=lambda mapper: len([*mapper.iterate_to_root()]), default=None)


def attribute_of(mapper: Mapper[Any] | None, table: Table | None, column: str) -> str:
    """Return the name of the attribute that holds a column's values."""
    if mapper is None or table is None or column not in table.c:
        return column
    return mapper.get_property_by_column(table.c[column]).key


def edit(mapper: Mapper[Any] | None, attribute: str, *changes: tuple[str, str]) -> dict[str, str]:
    """Return the attribute's line as it is and as the first of the changes that fits makes it.

    The changes are regular expressions and what takes their place.
    """
    kinds = mapper.class_.__mro__ if mapper else ()
    lines = (written(Subject(cls=kind), kind.__name__, attribute) for kind in kinds)
    place, line = next((found for found in lines if found.text), ("", ""))
    for pattern, replacement in changes:
        after, count = re.subn(pattern, replacement, line, count=1)
        if count and after != line:
            where = place.partition(": ")[0]
            return {"before": line, "after": after, "in_model": f"in {where}"}
    return {}
