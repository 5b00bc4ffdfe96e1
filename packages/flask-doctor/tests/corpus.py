"""Errors as they were met, rebuilt from what was recorded of them in `corpus/`.

Each was provoked with the versions that its file names; what it takes is the name of its classes,
its words, and what the server told beside them. Of its own libraries it needs none.
"""

import builtins
import importlib
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sqlalchemy.exc import DBAPIError

FOLDER = Path(__file__).with_name("corpus")
# Their classes are the real ones: the doctor brings these packages along.
REAL = {"builtins", "sqlalchemy", "flask", "click", "werkzeug"}
# What the servers' fields are called beside the ones that were recorded.
NO_FIELDS = dict.fromkeys(
    [
        *("message_primary", "message_detail", "message_hint", "schema_name", "table_name"),
        *("column_name", "datatype_name", "constraint_name", "context", "source_function"),
    ]
)


def recorded() -> Iterator[tuple[str, dict[str, Any]]]:
    """Return each recorded error by its family and the way in which it was provoked."""
    for file in sorted(FOLDER.glob("*.toml")):
        for record in tomllib.loads(file.read_text(encoding="utf-8"))["error"]:
            yield f"{file.stem}: {record['way']} ({record['by']})", record


def rebuilt(record: dict[str, Any]) -> BaseException:
    """Make an error that looks to the doctor as the recorded one did."""
    error = _error(record)
    if "wrapped" in record:
        kind: Any = _real(record["wrapped"])
        wrapper = kind.__new__(kind)
        arguments = (record.get("statement"), None, error)
        if issubclass(kind, DBAPIError):
            lost = record.get("invalidated", False)
            wrapper.__init__(*arguments, connection_invalidated=lost)
        else:
            wrapper.__init__(f"({record['classes'][0]}) {error}", *arguments)
        wrapper.__cause__ = error
        error = wrapper
    if record.get("migration"):
        error = _raised_in_a_migration(error)
    if "cause" in record:
        setattr(error, f"__{record.get('how', 'cause')}__", rebuilt(record["cause"]))
    return error


def _raised_in_a_migration(error: BaseException) -> BaseException:
    """Give an error a traceback that leads through a migration."""
    file = FOLDER / "migration.py"
    space: dict[str, Any] = {}
    exec(compile(file.read_text(), file, "exec"), space)
    try:
        space["upgrade"](error)
    except type(error):
        pass
    return error


def _error(record: dict[str, Any]) -> BaseException:
    kind: type[BaseException] = Exception
    bases = record["classes"]
    for name in reversed(bases):
        real = _real(name)
        if real is not None and issubclass(real, BaseException):
            # One with the same name, that says what was recorded however it says it else.
            own = {"__module__": real.__module__, "__str__": _said, "__init__": _as_it_is}
            kind = type(real.__name__, (real,), own) if name == bases[0] else real
        else:
            module, _, own_name = name.rpartition(".")
            kind = type(own_name, (kind,), {"__module__": module, "__str__": _said})
    error: Any = kind.__new__(kind, record["message"])
    error.recorded = record["message"]
    error.args = (record["message"],)
    if bases[0].startswith(("click.", "flask.cli.")):
        error.message, error.ctx = record["message"], None
    if "diag" in record:
        error.diag = SimpleNamespace(**(NO_FIELDS | record["diag"]))
        error.sqlstate = record["sqlstate"]
    for name, value in record.get("attributes", {}).items():
        setattr(error, name, value)
    return error


def _said(error: Any) -> str:
    return error.recorded


def _as_it_is(error: Any, *_: Any) -> None:
    pass


def _real(name: str) -> Any:
    module, _, own = name.rpartition(".")
    if module.partition(".")[0] not in REAL:
        return None
    return getattr(builtins if module == "builtins" else importlib.import_module(module), own, None)
