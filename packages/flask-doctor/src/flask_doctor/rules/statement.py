"""What a failed statement was about: its table, and the values that it was given."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, Integer, Table
from sqlalchemy.orm import Mapper

from .. import mapped
from ..case import Case
from ..matching import fields_of
from ..pointing import SECRET
from .looking import look

LONGEST = 60  # characters of a value that are shown
# "Key (code)=(A1) already exists."; the words around it are in the server's language.
KEY = re.compile(r"\((?P<columns>[^=]+)\)=\((?P<values>.*?)\)(?=[ .]|$)", re.S)
DEFINITION = """
SELECT pg_get_constraintdef(oid) FROM pg_constraint
WHERE conname = %(name)s AND conrelid = to_regclass(%(table)s)
UNION ALL
SELECT pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
WHERE relname = %(name)s AND indrelid = to_regclass(%(table)s)
"""
TARGET = re.compile(
    r'\s*(?P<verb>INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+(?:ONLY\s+)?(?P<table>[\w."]+)'
    r"(?:\s*\((?P<columns>[^)]*)\))?",
    re.I,
)
# A program that meets an error a thousand times looks once.
_definitions: WeakKeyDictionary[Engine, dict[tuple[str, str], str]] = WeakKeyDictionary()


@dataclass
class Failed:
    """A statement that the server or the driver refused, seen from the models."""

    error: Any
    case: Case
    fields: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.original = getattr(self.error, "orig", None) or self.error
        self.sql = getattr(self.error, "statement", None) or ""
        self.target = TARGET.match(self.sql)
        self.fields = fields_of(self.original)
        self.hidden = getattr(self.error, "hide_parameters", False)
        if self.hidden:
            self.fields.pop("server_detail", None)

    @property
    def table_name(self) -> str:
        """The table that the server names, else the one that the statement writes to."""
        return self.fields.get("table") or self.written

    @cached_property
    def table(self) -> Table | None:
        """The same as the models have it."""
        return mapped.table_named(self.case.state, self.table_name, self.fields.get("schema"))

    @cached_property
    def mapper(self) -> Mapper[Any] | None:
        """What maps a class to the table."""
        return mapped.mapper_of(self.table)

    @property
    def quoted_table(self) -> str:
        """The table's whole name, for SQL."""
        return f'"{self.fields.get("schema", "public")}"."{self.table_name}"'

    @property
    def verb(self) -> str:
        """What the statement does: INSERT, UPDATE or DELETE."""
        return self.target["verb"].split()[0].upper() if self.target else ""

    @property
    def written(self) -> str:
        """The table that it does it to."""
        return self.target["table"].replace('"', "").rpartition(".")[2] if self.target else ""

    @property
    def primary_key(self) -> set[str]:
        """The columns of the table's primary key, as the models have it."""
        return {c.name for c in self.table.primary_key} if self.table is not None else set()

    def numbers(self, column: str) -> bool:
        """Tell whether a column is the whole primary key, of whole numbers."""
        if self.table is None:
            return column == "id"
        return self.primary_key == {column} and isinstance(self.table.c[column].type, Integer)

    def definition(self) -> str:
        """Return how the database defines the constraint."""
        constraint = self.fields.get("constraint", "")
        engine = self.case.engine
        if not constraint or engine is None:
            return ""
        known = _definitions.setdefault(engine, {})
        name = self.quoted_table, constraint
        if name not in known:
            row = look(self.case, DEFINITION, table=self.quoted_table, name=constraint)
            known[name] = row[0] if row else ""
        return known[name]

    def key(self) -> tuple[list[str], dict[str, str]]:
        """Return the columns of a key, and with their values as a text, where these are known.

        The server tells both, unless the role may not read the table.
        """
        told = KEY.search(self.fields.get("server_detail", ""))
        defined = None if told else re.search(r"\((.*?)\)", self.definition())
        listed = told["columns"] if told else defined[1] if defined else ""
        names = [name.strip(' "') for name in listed.split(",") if name]
        given = dict(self.values())
        values = told["values"].split(", ") if told else [given.get(name, "…") for name in names]
        if told and len(names) != len(values):  # one of them has a comma
            return names, {"columns": listed} | self.pair([(listed, told["values"])])
        return names, {"columns": listed} | self.pair(zip(names, values, strict=True))

    def pair(self, given: Iterable[tuple[str, Any]]) -> dict[str, str]:
        """Return columns and their values as a text."""
        told = " and ".join(f"{name} = {shown(name, value)}" for name, value in given)
        return {"pair": told} if told else {}

    def sets(self, column: str) -> bool:
        """Tell whether an INSERT gives a column a value of its own."""
        if re.search(r"\bDEFAULT\b|\bnextval\(", self.sql, re.I):
            return False
        columns = self.target["columns"] if self.target else None
        given = [name.strip(' "') for name in (columns or "").split(",")]
        return columns is None or column in given  # without a list, it is all of them

    @property
    def single(self) -> bool:
        """Tell whether the statement is about one row, so that its values are that row's."""
        parameters = getattr(self.error, "params", None)
        return isinstance(parameters, dict) and not any("__" in name for name in parameters)

    def values(self) -> Iterator[tuple[str, Any]]:
        """Yield the statement's values with their names; of many rows at once, each."""
        if self.hidden:
            return
        parameters = getattr(self.error, "params", None) or ()
        for row in parameters if isinstance(parameters, list) else [parameters]:
            if isinstance(row, dict):
                for name, value in row.items():
                    yield re.sub(r"__\d+$", "", name), value

    def culprit(self, fits: Callable[[Any], bool]) -> tuple[str, Any]:
        """Return the column and the value that the server can't take; no column if it isn't sure.

        `fits` says of a value whether it may be the one.
        """
        columns: Any = self.table.c if self.table is not None else {}
        found = [(n, v) for n, v in self.values() if fits(v)]
        names = {name for name, _ in found if name in columns}
        name = names.pop() if len(names) == 1 else ""
        return name, next((v for n, v in found if n == name or not name), None)

    def facts(self, column: str = "") -> dict[str, str]:
        """Return the names of what the statement was about, as far as they are known."""
        found = dict(self.fields)
        if self.table_name:
            found |= {"table": self.table_name, "model": self.table_name}
        if column:
            found |= {"column": column, "attribute": column}
            found["attribute"] = mapped.attribute_of(self.mapper, self.table, column)
        if self.mapper is not None:
            name = self.mapper.class_.__name__
            found |= {"model": name, "variable": name.lower()}
        return found

    def edit(self, column: str, *changes: tuple[str, str]) -> dict[str, str]:
        """Return a change of the line that defines a column, as `before` and `after`."""
        attribute = mapped.attribute_of(self.mapper, self.table, column)
        return mapped.edit(self.mapper, attribute, *changes) if column else {}


def shown(name: str, value: Any) -> str:
    """Write a value for a note: short, and nothing of what may be a secret."""
    if SECRET.search(name):
        return "***"
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def where(facts: dict[str, str]) -> str:
    """Name a column as the models do."""
    return f"{facts['model']}.{facts['attribute']}"


def literal(text: str) -> str:
    """Write a text for SQL."""
    return "'" + text.replace("'", "''") + "'"
