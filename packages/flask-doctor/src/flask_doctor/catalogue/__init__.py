"""The catalogue of known errors, as data: the doctor's texts are in the TOML files beside this.

A table for each error: its name is the entry's id, its keys are the fields of `Entry`.
"""

import tomllib
from pathlib import Path
from typing import Any

from .entry import Action, Entry

__all__ = ["ENTRIES", "THEMES", "Action", "Entry"]

FILES = {
    "Settings": "settings",
    "Connection": "connection",
    "Server": "server",
    "Names and privileges": "names",
    "SQL statements": "statements",
    "Migrations": "migrations",
    "Models": "mapping",
    "Values and constraints": "values",
    "Sessions and queries": "sessions",
    "Code": "code",
}


def _read(file: str) -> tuple[Entry, ...]:
    tables = tomllib.loads(Path(__file__).with_name(f"{file}.toml").read_text(encoding="utf-8"))
    return tuple(Entry(name, **_fields(table)) for name, table in tables.items())


def _fields(table: dict[str, Any]) -> dict[str, Any]:
    """Join the lines that prose is written in, and make tuples of lists."""
    texts = {n: " ".join(value.split()) for n, value in table.items() if isinstance(value, str)}
    return table | texts | {n: tuple(v) for n, v in table.items() if isinstance(v, list)}


THEMES: dict[str, tuple[Entry, ...]]
ENTRIES: dict[str, Entry]


def __getattr__(name: str) -> Any:
    """Read the files when they are first asked for: few starts need them."""
    if name not in ("THEMES", "ENTRIES"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    themes = {theme: _read(file) for theme, file in FILES.items()}
    entries = {entry.id: entry for known in themes.values() for entry in known}
    globals().update(THEMES=themes, ENTRIES=entries)
    return globals()[name]
