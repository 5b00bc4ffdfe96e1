"""A name that is wrong in Python: an attribute, an argument or a column that a model hasn't."""

import re
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import Mapper, mapperlib
from sqlalchemy.sql.operators import ColumnOperators

from ..case import Case, Found
from ..pointing import nearest

# What names the model or its table, and the attribute that it hasn't.
MESSAGES = (
    r"^Entity namespace for \"(?P<model>\w+)\" has no property \"(?P<name>\w+)\"",
    r"^Mapper 'Mapper\[(?P<model>\w+)\(.*' has no property '(?P<name>\w+)'",
    r"^'(?P<name>\w+)' is an invalid keyword argument for (?P<model>\w+)",
    r"^Unconsumed column names: (?P<name>\w+)(?P<model>)",
    r"^Could not locate column in row for column '(?P<model>)(?P<name>[\w.]+)'",
    r"^type object '(?P<model>\w+)' has no attribute '(?P<name>\w+)'",
    r"^'(?P<model>\w+)' object has no attribute '(?P<name>\w+)'",
)
OPERATOR = re.compile(
    r"^Neither '\w+' object nor '\w+' object associated with (?P<model>\w+)\.(?P<column>\w+) "
    r"has an attribute '(?P<name>\w+)'"
)
KINDS = ("AttributeError", "InvalidRequestError", "TypeError", "CompileError", "NoSuchColumnError")


def attributes(error: BaseException, case: Case) -> Found | None:
    """Explain an attribute or a column that is wrong in Python code, with the nearest right one."""
    if type(error).__name__ not in KINDS:
        return None
    message = str(error)
    if match := OPERATOR.match(message):
        return _operator(match)
    for pattern in MESSAGES:
        if match := re.match(pattern, message):
            return _attribute(error, match["name"], match["model"], message)
    return None


def _operator(match: re.Match[str]) -> Found:
    known = [name for name in dir(ColumnOperators) if not name.startswith("_")]
    near = nearest(match["name"], known)
    facts = match.groupdict() | (
        {"near": near, "before": match["name"], "after": near} if near else {}
    )
    return ("column-method-misspelled" if near else "column-method-unknown"), facts


def _attribute(error: BaseException, name: str, model: str, message: str) -> Found | None:
    mappers = _mappers_named(model) if model else _mappers()
    if isinstance(error, AttributeError) and error.obj is not None:
        mapper = _mapper_of(error.obj)
        mappers = [mapper] if mapper else []
    row = message.startswith("Could not locate column")
    if not mappers and not row:
        return None  # of something else than a model
    known = sorted({key for mapper in mappers for key in mapper.all_orm_descriptors.keys()})
    near = nearest(name, known)
    shown = mappers[0].class_.__name__ if len(mappers) == 1 else model
    facts = {"name": name, "model": shown or "the model", "listed": ", ".join(known[:15]) or "none"}
    if row:
        return "row-without-column", facts | _correction(name, near)
    if name == "query":
        return "model-without-query", facts
    return ("attribute-misspelled" if near else "attribute-unknown"), facts | _correction(
        name, near
    )


def _correction(name: str, near: str) -> dict[str, str]:
    return {"near": near, "before": name, "after": near} if near else {}


def _mapper_of(thing: Any) -> Mapper[Any] | None:
    found = inspect(thing, raiseerr=False)
    mapper = getattr(found, "mapper", None)
    return mapper if isinstance(mapper, Mapper) else None


def _mappers() -> list[Mapper[Any]]:
    return [mapper for registry in mapperlib._all_registries() for mapper in registry.mappers]


def _mappers_named(name: str) -> list[Mapper[Any]]:
    """Return the mappers of a class or of a table of this name."""
    return [
        m for m in _mappers() if name in (m.class_.__name__, getattr(m.local_table, "name", ""))
    ]
