"""A name of Python that is misspelt or not imported: a model, or something of SQLAlchemy's."""

import os
import re
from traceback import walk_tb
from types import ModuleType
from typing import Any

import sqlalchemy
from sqlalchemy import orm

from ..case import Case, Found
from ..model_code import defined_in, models
from ..own_code import is_foreign, own_line
from ..pointing import misspelt

MODULES: dict[str, Any] = {"sqlalchemy.orm": orm, "sqlalchemy": sqlalchemy}
OF_PYTHON = {"Optional": "typing", "List": "typing", "Decimal": "decimal"}
OF_PYTHON |= dict.fromkeys(("date", "datetime", "time", "timedelta"), "datetime")
# A line in which a name such as `Text` or `select` is surely SQLAlchemy's.
OF_SQLALCHEMY = re.compile(
    r"[Cc]olumn\(|relationship\(|Mapped\[|ForeignKey|Declarative|create_engine\(|"
    r"\b(Table|select|query|execute|scalars?)\(|\bfunc\."
)


def imported(error: BaseException, case: Case) -> Found | None:
    """Explain a name that isn't there by those that are; other names are Python's own matter."""
    name, owner = getattr(error, "name", None) or "", getattr(error, "obj", None)
    where, _, line = own_line(error).partition(": ")
    if isinstance(error, AttributeError) and type(owner).__name__ == "SQLAlchemy":
        lite = "-lite" if "lite" in type(owner).__module__ else ""
        known = {*_names(sqlalchemy), *_names(orm), "Model", "session", "engine"}
        near = misspelt(name, sorted(known - {"column", "table"}))  # `Column` is meant
        unknown = name and name[0] != "_" and (lite or name == str(error))
        edit = {"before": f"db.{name}", "after": f"db.{near}"} if near else {}
        return (f"db-name-unknown{lite}", {"wrong": name} | edit) if unknown else None
    if isinstance(error, AttributeError) and owner in MODULES.values():
        right = misspelt(name, _names(owner))
    elif type(error) is NameError:
        homes = _homes(line)
        file, module = where.rpartition(", line ")[0], homes.get(name, "")
        if module and not os.path.splitext(file)[0].endswith(module.replace(".", os.sep)):
            return "name-not-imported", {"right": name, "module": module, "file": file}
        right = misspelt(name, [*_in_scope(error), *homes])
        right = right if right in homes and right[0].isupper() == name[0].isupper() else ""
    else:
        return None
    if not right:
        return None
    after = re.sub(rf"\b{name}\b", right, line)
    return "name-misspelt", {"wrong": name, "right": right, "before": line, "after": after}


def from_module(error: BaseException, case: Case) -> Found | None:
    """Explain a name that a file of the user's doesn't have, and so isn't only late."""
    wanted = re.match(r"cannot import name '(\w+)' from", str(error))
    file = getattr(error, "path", None) or ""
    if not isinstance(error, ImportError) or not wanted or not file or is_foreign(file):
        return None
    known = defined_in(file)
    if not known or wanted[1] in known:
        return None
    facts = {"wrong": wanted[1], "file": os.path.relpath(file), "names": ", ".join(known[:15])}
    right = misspelt(wanted[1], known)
    line = own_line(error).partition(": ")[2]
    after = re.sub(rf"\b{wanted[1]}\b", right, line)
    edit = {"right": right, "before": line, "after": after}
    return ("name-misspelt", facts | edit) if right else ("name-not-in-module", facts)


def _names(module: Any) -> list[str]:
    values = vars(module).items()
    return [n for n, v in values if n[0] != "_" and not isinstance(v, ModuleType)]


def _homes(line: str) -> dict[str, str]:
    """Return the modules of the models, and of what a line may need of SQLAlchemy."""
    homes = {model.__name__: model.__module__ for model in models()}
    for module, own in MODULES.items() if OF_SQLALCHEMY.search(line) else ():
        homes |= dict.fromkeys(_names(own), module)
    return homes | (OF_PYTHON if "Mapped[" in line else {})


def _in_scope(error: BaseException) -> list[str]:
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    return [*frames[-1].f_locals, *frames[-1].f_globals] if frames else []
