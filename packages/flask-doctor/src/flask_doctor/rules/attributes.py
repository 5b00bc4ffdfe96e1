"""A name that is wrong in Python: an attribute, an argument or a column that a model hasn't."""

import re
from typing import Any

from sqlalchemy import Row, inspect
from sqlalchemy.orm import Mapper
from sqlalchemy.sql.operators import ColumnOperators

from .. import mapped
from ..case import Case, Found
from ..pointing import nearest

# What names the model or its table, and the attribute that it hasn't.
MESSAGES = (
    r"Entity namespace for \"(?P<model>\w+)\" has no property \"(?P<name>\w+)\"",
    r"None of the FROM clause entities have a property \"(?P<name>\w+)\"\. Searched entities: "
    r"Mapper\[(?P<model>\w+)\(\w+\)\]$",
    r"'(?P<name>\w+)' is an invalid keyword argument for (?P<model>\w+)",
    r"Unconsumed column names: (?P<name>\w+)(?P<model>)",
    r"type object '(?P<model>\w+)' has no attribute '(?P<name>\w+)'",
    r"'(?P<model>\w+)' object has no attribute '(?P<name>\w+)'",
)
OPERATOR = re.compile(
    r"Neither '\w+' object nor '\w+' object associated with (?P<model>\w+)\.(?P<column>\w+) "
    r"has an attribute '(?P<name>\w+)'"
)
KINDS = ("AttributeError", "InvalidRequestError", "TypeError", "CompileError")


def attributes(error: BaseException, case: Case) -> Found | None:
    """Explain an attribute or a column that is wrong in Python code, with the nearest right one."""
    if type(error).__name__ not in KINDS:
        return None
    if isinstance(error, AttributeError) and isinstance(error.obj, Row):
        return _row(error.name or "", error.obj)
    message = str(error)
    match = OPERATOR.match(message)
    if match and match["column"] != "query":  # which hides the model's own
        near = nearest(match["name"], [n for n in dir(ColumnOperators) if not n.startswith("_")])
        facts = match.groupdict() | _correction(match["name"], near)
        return ("column-method-misspelled", facts) if near else None
    found = (re.match(pattern, message) for pattern in MESSAGES)
    named = next(filter(None, found), None)
    return _attribute(error, named["name"], named["model"]) if named else None


def _attribute(error: BaseException, name: str, model: str) -> Found | None:
    mappers = [m for m in mapped.mappers() if model in (m.class_.__name__, *_table(m), "")]
    if isinstance(error, AttributeError):
        mapper = getattr(inspect(error.obj, raiseerr=False), "mapper", None)
        if model == "NoneType" and error.obj is None:
            owners = [m.class_.__name__ for m in mapped.mappers() if name in m.all_orm_descriptors]
            return ("nothing-found", {"name": name, "model": owners[0]}) if owners else None
        mappers = [mapper] if isinstance(mapper, Mapper) else []
    if not mappers:
        return None  # of something else than a model
    known = sorted({key for mapper in mappers for key in mapper.all_orm_descriptors.keys()})  # noqa: SIM118 - not a dict
    near = nearest(name, known)
    owners = [m.class_.__name__ for m in mappers if not near or near in m.all_orm_descriptors]
    facts = {"name": name, "listed": ", ".join(known[:15]) or "none"} | _correction(name, near)
    facts |= {"model": owners[0]} if len(owners) == 1 else {}
    if name == "query":
        return "model-without-query", facts
    return f"model-attribute-{'misspelled' if near else 'unknown'}", facts


def _row(name: str, row: Any) -> Found:
    for value in row:
        mapper = getattr(inspect(value, raiseerr=False), "mapper", None)
        if isinstance(mapper, Mapper) and name in mapper.all_orm_descriptors:
            return "row-holds-model", {"name": name, "model": mapper.class_.__name__}
    return "row-without-column", {
        "name": name,
        "listed": ", ".join(row._fields),
        **_correction(name, nearest(name, [*row._fields])),
    }


def _correction(name: str, near: str) -> dict[str, str]:
    return {"near": near, "before": name, "after": near} if near else {}


def _table(mapper: Mapper[Any]) -> list[str]:
    return [getattr(mapper.local_table, "name", "")]
