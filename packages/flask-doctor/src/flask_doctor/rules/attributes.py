"""A name that is wrong in Python: an attribute, an argument or a column that a model hasn't."""

import re
from traceback import walk_tb
from typing import Any

from sqlalchemy import Row, inspect
from sqlalchemy.orm import Mapper

from ..case import Case, Found
from ..model_code import mappers
from ..own_code import is_foreign, own_line
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
KINDS = ("AttributeError", "InvalidRequestError", "TypeError", "CompileError")


def attributes(error: BaseException, case: Case) -> Found | None:
    """Explain an attribute or a column that is wrong in Python code, with the nearest right one."""
    if type(error).__name__ not in KINDS:
        return None
    if isinstance(error, AttributeError) and isinstance(error.obj, Row):
        return _row(error, error.name or "", error.obj)
    message = str(error)
    if message.startswith("tuple indices must be integers") and _of_a_row(error):
        return "row-by-text", {}
    found = (re.match(pattern, message) for pattern in MESSAGES)
    named = next(filter(None, found), None)
    return _attribute(error, named["name"], named["model"]) if named else None


def _attribute(error: BaseException, name: str, model: str) -> Found | None:
    found = [
        m for m in mappers() if model in (m.class_.__name__, getattr(m.local_table, "name", ""), "")
    ]
    if isinstance(error, AttributeError):
        mapper = getattr(inspect(error.obj, raiseerr=False), "mapper", None)
        if model == "NoneType" and error.obj is None:
            owners = [m.class_.__name__ for m in mappers() if name in m.all_orm_descriptors]
            return ("nothing-found", {"name": name, "model": owners[0]}) if owners else None
        found = [mapper] if isinstance(mapper, Mapper) else []
    if not found:
        return None  # of something else than a model
    line = own_line(error)
    found = [m for m in found if re.search(rf"\b{m.class_.__name__}\b", line)] or found
    known = sorted({key for mapper in found for key in mapper.all_orm_descriptors.keys()})  # noqa: SIM118 - not a dict
    near = nearest(name, known)
    owners = [m.class_.__name__ for m in found if not near or near in m.all_orm_descriptors]
    facts = {"wrong": name, "right": near, "names": ", ".join(known[:15]) or "none"}
    facts["model"] = " or ".join(dict.fromkeys(owners))
    if name == "query":
        return "model-without-query", facts
    return "attribute-unknown", facts | _correction(error, name, near)


def _of_a_row(error: BaseException) -> bool:
    """Tell whether what has names in brackets, in the line of an error, is a row of a result."""
    known: dict[str, Any] = {}
    for frame, _ in walk_tb(error.__traceback__):
        if not is_foreign(frame.f_code.co_filename):
            known = frame.f_globals | frame.f_locals
    names = re.findall(r"(\w+)\[[\"']", own_line(error))
    return any(isinstance(known.get(name), Row) for name in names)


def _row(error: BaseException, name: str, row: Any) -> Found:
    for value in row:
        mapper = getattr(inspect(value, raiseerr=False), "mapper", None)
        if isinstance(mapper, Mapper) and name in mapper.all_orm_descriptors:
            return "row-holds-model", {"name": name, "model": mapper.class_.__name__}
    return "row-without-column", {
        "name": name,
        "listed": ", ".join(row._fields),
        **_correction(error, name, nearest(name, [*row._fields])),
    }


def _correction(error: BaseException, name: str, near: str) -> dict[str, str]:
    """Return the user's own line before and after an attribute or a keyword of it is put right."""
    line = own_line(error).partition(": ")[2]
    after = re.sub(rf"(?<=[.\"']){name}\b|\b{name}(?=\s*=(?!=))", near, line)
    edit = {"before": line, "after": after} if after != line else {"before": name, "after": near}
    return edit | {"near": near, "but": f", but it has `{near}`"} if near else {}
