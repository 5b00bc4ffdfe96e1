"""What the models say of a table: its class, an attribute, and the line of code that defines it."""

import inspect
import os
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from sqlalchemy import MetaData, Table
from sqlalchemy.orm import Mapper, mapperlib

from .own_code import is_foreign
from .state import State


def table_named(state: State | None, name: str, schema: str | None = None) -> Table | None:
    """Return the table of the models that has this name."""
    for metadata in _metadatas(state):
        for table in metadata.tables.values():
            if table.name == name and (schema is None or table.schema in (None, schema)):
                return table
    return None


def _metadatas(state: State | None) -> Iterator[MetaData]:
    if state is not None and state.metadata is not None:
        yield state.metadata
    yield from (registry.metadata for registry in registries())


def registries() -> list[Any]:
    """Return all the registries of models that there are."""
    return list(mapperlib._all_registries())  # no public way leads to them


def mappers() -> list[Mapper[Any]]:
    """Return what maps each model, whatever its base."""
    # One that failed to be mapped is among its base's, too; `registry.mappers` fails for it.
    managers = [m for registry in registries() for m in list(registry._managers)]
    return [manager.mapper for manager in managers if manager.is_mapped]


def mapper_of(table: Table | None) -> Mapper[Any] | None:
    """Return what maps a class to the table; of several classes, the one the others inherit."""
    found = [m for m in mappers() if table is not None and m.persist_selectable is table]
    return min(found, key=lambda mapper: len([*mapper.iterate_to_root()]), default=None)


def is_model(name: str) -> bool:
    """Tell whether a class of this name is a model."""
    return any(mapper.class_.__name__ == name for mapper in mappers())


def attribute_of(mapper: Mapper[Any] | None, table: Table | None, column: str) -> str:
    """Return the name of the attribute that holds a column's values."""
    if mapper is None or table is None or column not in table.c:
        return column
    return mapper.get_property_by_column(table.c[column]).key


def edit(mapper: Mapper[Any] | None, attribute: str, *changes: tuple[str, str]) -> dict[str, str]:
    """Return the attribute's line as it is and as the first of the changes that fits makes it.

    The changes are regular expressions and what takes their place. Nothing where the attribute
    takes more than one line, or isn't to be found.
    """
    if mapper is None:
        return {}
    place, line = _line_of(mapper.class_, attribute)  # type: ignore[arg-type]
    for pattern, replacement in changes:
        after, count = re.subn(pattern, replacement, line, count=1)
        if count and after != line:
            return {"before": line, "after": after, "in_model": f"in {place}"}
    return {}


@lru_cache(64)  # to find a class, Python reads its whole module
def _line_of(model: type, attribute: str) -> tuple[str, str]:
    for kind in model.__mro__[:-1]:
        try:
            file = inspect.getsourcefile(kind) or "<"
            if is_foreign(file):
                continue
            lines, start = inspect.getsourcelines(kind)
        except (OSError, TypeError):
            continue
        for number, line in enumerate(lines, start):
            whole = line.count("(") == line.count(")")
            if re.match(rf"\s+{attribute}\b\s*[:=]", line) and whole:
                return f"{os.path.relpath(file)}, line {number}", line.strip()
    return "", ""
