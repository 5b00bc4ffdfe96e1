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


THEMES = {theme: _read(name) for theme, name in FILES.items()}
ENTRIES = {entry.id: entry for entries in THEMES.values() for entry in entries}
