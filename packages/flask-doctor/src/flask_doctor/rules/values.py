"""Values that the server or the driver can't take: for which column, and what it takes."""

import enum
import re
from collections.abc import Callable
from typing import Any

from sqlalchemy import Column, DateTime

from .. import mapped
from ..case import Case, Found
from ..errors import sqlstate_of
from .looking import look
from .statement import Failed, shown

INVALID = re.compile(
    r'for type (?P<type>[\w ]+?)(?:: "(?P<value>.*?)")?\s*$|: "(?P<text>.*)"', re.M
)
ENUM = re.compile(r'for enum (?P<type>\S+): "(?P<value>.*?)"')
LABELS = (
    "SELECT string_agg(enumlabel, ', ' ORDER BY enumsortorder) FROM pg_enum "
    "WHERE enumtypid = to_regtype(%(type)s)"
)
LARGEST = {"smallint": 2**15, "integer": 2**31, "bigint": 2**63}
BIGGER = (
    (r"\bSmallInteger\b", "Integer"),
    (r"(?<!Big)(?<!Small)\bInteger\b", "BigInteger"),
    (r"(Mapped\[[^=]*\])$", r"\1 = mapped_column(BigInteger)"),
    (r"mapped_column\(\)", "mapped_column(BigInteger)"),
    (r"mapped_column\((?=\w+=)", "mapped_column(BigInteger, "),
)
WHOLE = "`int(value)`, or `<int:id>` in the route's URL; an empty text becomes `None`"
# What each type takes, in words, and how to make it of a text.
KINDS = {
    "integer": ("a whole number", WHOLE),
    "bigint": ("a whole number", WHOLE),
    "smallint": ("a whole number", WHOLE),
    "numeric": ("a number", "`Decimal(value)`; an empty text becomes `None`"),
    "double precision": ("a number", "`float(value)`; an empty text becomes `None`"),
    "uuid": ("a UUID", "`uuid.UUID(value)`, or `<uuid:id>` in the route's URL"),
    "boolean": ("true or false", "`value == 'on'` or the like, which gives `True` or `False`"),
    "json": ("JSON", "`json.dumps(value)`; a column of type JSON takes the dict itself"),
    "date": (
        "a date that exists",
        "`date.fromisoformat(value)`, or `datetime.strptime(value, '%d.%m.%Y')`",
    ),
    "time": ("a time", "`time.fromisoformat(value)`"),
    "timestamp": ("a date and time", "`datetime.fromisoformat(value)`"),
    "timestamp with time zone": ("a date and time", "`datetime.fromisoformat(value)`"),
    "interval": ("a length of time", "`timedelta(minutes=5)` or the like"),
}
# What a value is, by a look at it or at the name of its type, and what to give instead.
INSTEAD: tuple[tuple[Callable[[Any, str], bool], str], ...] = (
    (lambda v, n: hasattr(v, "_sa_instance_state"), "Give its id, such as `{0}.id`."),
    (lambda v, n: isinstance(v, enum.Enum), "Give `.name` or `.value` of it."),
    (
        lambda v, n: n == "dict",
        "Give one of its values; to store it whole, use a column of type JSON, or `json.dumps(...)` in raw SQL.",
    ),
    (
        lambda v, n: n == "list",
        "Give one of its items; to store it whole, use a column of type ARRAY or JSON.",
    ),
    (
        lambda v, n: n in ("set", "generator", "tuple", "range"),
        "Make a list of it, as `list(value)`, and compare with `= ANY(:name)`.",
    ),
    (lambda v, n: n == "Row", "It is a row of a result: give one of its columns, as `row.id`."),
    (lambda v, n: n.endswith("Field"), "It is a field of a form: give its `.data`."),
    (
        lambda v, n: n in ("function", "method", "builtin_function_or_method"),
        "Call it: `()` is missing after its name.",
    ),
    (lambda v, n: n == "FileStorage", "Give `.filename`, or the content by `.read()`."),
    (
        lambda v, n: n in ("InstrumentedAttribute", "Column"),
        "It is a column, not a value: give an object's attribute.",
    ),
    (
        lambda v, n: hasattr(v, "dtype") or re.match(r"numpy|u?int\d|float\d", n) is not None,
        "It is NumPy's: give `value.item()`.",
    ),
)


def value(error: BaseException, case: Case) -> Found | None:
    """Explain a value that the server refuses."""
    explain = EXPLAIN.get(sqlstate_of(error) or "")
    return explain(Failed(error, case)) if explain else None


def _too_long(failed: Failed) -> Found | None:
    limit = re.search(r"\((\d+)\)", str(failed.original))
    if not limit:
        return None
    most = int(limit[1])
    column, text = failed.culprit(lambda v, c: isinstance(v, str) and len(v) > most)
    facts = failed.facts(column) | {"limit": limit[1]}
    if not column:
        return "text-too-long", facts
    length = len(text)
    allowed = getattr(failed.table.c[column].type, "length", None)  # type: ignore[union-attr]
    if allowed is None or allowed >= length:
        drift = f"{failed.table_name}.{column} has {most} characters in the database"
        told = f"{allowed or 'any number of them'} in the models"
        return "model-drift", facts | {"detail": f"Differences: {drift}, {told}."}
    facts["what"] = (
        f"The text for {facts['model']}.{facts['attribute']} has {length} characters. It"
    )
    return "text-too-long", facts | failed.edit(column, (r"String\(\d+\)", f"String({length})"))


def _too_large(failed: Failed) -> Found | None:
    kind = re.search(r"smallint|integer|bigint", str(failed.original))
    if not kind:
        return "number-too-large", failed.facts()
    most = LARGEST[kind[0]]
    column, number = failed.culprit(lambda v, c: isinstance(v, int) and not -most <= v < most)
    facts = failed.facts(column)
    facts["holds"] = f"The largest number that the column takes is {most - 1}."
    if kind[0] != "bigint":
        facts["larger"] = "`BigInteger` (`from sqlalchemy import BigInteger`)"
    if number is not None:
        facts["number"] = str(number)
    if failed.verb not in ("INSERT", "UPDATE"):
        return "number-not-found", facts
    edit = failed.edit(column, *BIGGER) if column and kind[0] != "bigint" else {}
    return "number-too-large", facts | edit


def _invalid(failed: Failed) -> Found | None:
    message = str(failed.original).partition("\nLINE")[0].partition("\nCONTEXT")[0]
    if choice := ENUM.search(message):
        return _enum(failed, choice["type"].strip('"'), choice["value"])
    found = INVALID.search(message)
    if not found:
        return None
    kind, text = found["type"] or "", found["value"] or found["text"] or ""
    if sqlstate_of(failed.error) == "22008":
        kind = "date"
    takes, how = KINDS.get(kind, (f"of type {kind}" if kind else "", ""))
    if "array" in message:
        takes, how = "an array", "a Python list, such as `['a', 'b']`"
    column, _ = failed.culprit(lambda v, c: str(v) == text)
    facts = failed.facts(column)
    if found["value"] is not None or text:
        facts["value"] = f'"{shown(column, text)}"'
    facts |= {"takes": takes} if takes else {}
    facts |= (
        {"place_of": f"It is meant for {facts['model']}.{facts['attribute']}."} if column else {}
    )
    return "text-not-a-value", facts | ({"how": how} if how else {})


def _enum(failed: Failed, kind: str, text: str) -> Found:
    columns = failed.table.c if failed.table is not None else ()
    column = next((c for c in columns if getattr(c.type, "name", None) == kind), None)
    facts = failed.facts(column.name if column is not None else "") | {"type": kind, "value": text}
    if column is not None and text in getattr(column.type, "enums", ()):
        return "enum-value-new", facts
    row = look(failed.case, LABELS, type=f'"{kind}"')
    labels = (
        row[0].split(", ")
        if row and row[0]
        else getattr(getattr(column, "type", None), "enums", [])
    )
    facts |= {"labels": ", ".join(labels)} if labels else {}
    near = [label for label in labels if label.lower() == text.lower()]
    return "enum-value-unknown", facts | ({"near": f"Did you mean {near[0]}?"} if near else {})


def adapting(error: BaseException, case: Case) -> Found | None:
    """Explain a value that the driver can't send, and say what to give in its place."""
    found = re.search(r"(?:can't|cannot) adapt type '([\w.]+)'", str(getattr(error, "orig", error)))
    if not found:
        return None
    name = found[1].rpartition(".")[2]
    failed = Failed(error, case)
    column, one = failed.culprit(lambda v, c: type(v).__name__ == name)
    facts = failed.facts(column) | {"type": found[1]}
    what = f"{facts['model']}.{facts['attribute']}" if column else ""
    for is_it, advice in INSTEAD:
        if is_it(one, found[1] if found[1].startswith("numpy") else name):
            facts["instead"] = advice.format(name.lower())
            break
    return "type-not-sent", facts | ({"what": f" for {what}"} if what else {})


def times(error: BaseException, case: Case) -> Found | None:
    """Explain a time with a time zone beside one without, and name the columns that have none."""
    if not isinstance(error, TypeError) or "offset-naive and offset-aware" not in str(error):
        return None
    metadata = case.state.metadata if case.state else None
    bare: list[Column[Any]] = [
        column
        for table in (metadata.tables.values() if metadata is not None else ())
        for column in table.c
        if isinstance(column.type, DateTime) and not column.type.timezone
    ]
    if not bare:
        return "times-mixed", {}
    mapper = mapped.mapper_of(bare[0].table)
    attribute = mapped.attribute_of(mapper, bare[0].table, bare[0].name)
    changes = (
        (r"\bDateTime\b(?:\(\))?", "DateTime(timezone=True)"),
        (r"(Mapped\[[^=]*\])$", r"\1 = mapped_column(DateTime(timezone=True))"),
        (r"mapped_column\((?=\w+=)", "mapped_column(DateTime(timezone=True), "),
    )
    names = ", ".join(str(column) for column in bare[:5])
    edit = mapped.edit(mapper, attribute, *changes)
    return "times-mixed", {"detail": f"Without a time zone: {names}."} | edit


EXPLAIN: dict[str, Callable[[Failed], Found | None]] = {
    "22001": _too_long,
    "22003": _too_large,
    "22007": _invalid,
    "22008": _invalid,
    "22P02": _invalid,
}
