"""Values that the server or the driver can't take: for which column, and what it takes."""

import enum
import re
from collections.abc import Callable
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from sqlalchemy import DateTime

from .. import mapped
from ..case import Case, Found
from ..errors import sqlstate_of
from .looking import look
from .statement import Failed, shown, where

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
    (r"\bInteger\b", "BigInteger"),
    (r"(Mapped\[[^=]*\])$", r"\1 = mapped_column(BigInteger)"),
    (r"mapped_column\(\)", "mapped_column(BigInteger)"),
    (r"mapped_column\((?=\w+=)", "mapped_column(BigInteger, "),
)
ZONED = (
    (r"\bDateTime\b(?:\(\))?", "DateTime(timezone=True)"),
    (r"(Mapped\[[^=]*\])$", r"\1 = mapped_column(DateTime(timezone=True))"),
    (r"mapped_column\((?=\w+=)", "mapped_column(DateTime(timezone=True), "),
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
    "date": ("a date", "`date.fromisoformat(value)`, or `strptime(value, '%d.%m.%Y')`"),
    "time": ("a time", "`time.fromisoformat(value)`"),
    "timestamp": ("a date and time", "`datetime.fromisoformat(value)`"),
    "timestamp with time zone": ("a date and time", "`datetime.fromisoformat(value)`"),
    "interval": ("a length of time", "`timedelta(minutes=5)` or the like"),
    "array": ("an array", "a Python list, such as `['a', 'b']`"),
}
NUMPY = re.compile(r"numpy\.|u?int\d|float\d")
# What to give instead of a value, by the name of its type.
INSTEAD = {
    "dict": "Use one of its values. To store it as a whole, use a column of type JSON, or "
    "`json.dumps(...)` in raw SQL.",
    "list": "Use one of its items. To store it as a whole, use a column of type JSON.",
    "set": "Convert it to a list: `list(value)`.",
    "generator": "Convert it to a list: `list(value)`.",
    "range": "Convert it to a list: `list(value)`.",
    "Row": "It is a row of a result: use one of its columns, such as `row.id`.",
    "FileStorage": "It is an uploaded file: use its `.filename`, or `.read()` for its content.",
    "InstrumentedAttribute": "It is a column: use an object's value instead.",
    "UUID": "Use `str(value)`, or compare with a column of type `Uuid`.",
}


def listed(error: BaseException, case: Case) -> Found | None:
    """Explain `IN :ids` with a list, which only SQLAlchemy's own `in_()` writes out."""
    if sqlstate_of(error) not in ("42601", "42883", "42804", "22P02"):
        return None
    failed = Failed(error, case)
    names = re.findall(r"\bIN\s*\(?\s*%\((\w+)\)s", failed.sql, re.I)
    lists = [n for n, v in failed.values() if n in names and isinstance(v, list | tuple)]
    return ("list-in-sql", {"parameter": lists[0]}) if lists else None


def numpy(error: BaseException, case: Case) -> Found | None:
    """Explain NumPy's numbers, as they write themselves since NumPy 2: `np.float64(1.5)`."""
    found = re.search(r"\bnp\.\w+\(", str(getattr(error, "orig", "")))
    return ("numpy-number", {}) if found and sqlstate_of(error) == "3F000" else None


def value(error: BaseException, case: Case) -> Found | None:
    """Explain a value that the server refuses."""
    explain = EXPLAIN.get(sqlstate_of(error) or "")
    return explain(Failed(error, case)) if explain else None


def _too_long(failed: Failed) -> Found | None:
    limit = re.search(r"\((\d+)\)", str(failed.original))
    if not limit:
        return None
    most = int(limit[1])
    column, text = failed.culprit(lambda v: isinstance(v, str) and len(v) > most)
    facts = failed.facts(column) | {"limit": limit[1]}
    if failed.table is None or not column:
        return "text-too-long", facts
    length = len(text)
    allowed = getattr(failed.table.c[column].type, "length", None)
    if allowed is None or allowed >= length:
        drift = f"{failed.table_name}.{column} has {most} characters in the database"
        told = f"{allowed or 'any number of them'} in the models"
        return "model-drift", facts | {"detail": f"Differences: {drift}, {told}."}
    facts["what"] = f"The text for {where(facts)} has {length} characters, and"
    return "text-too-long", facts | failed.edit(column, (r"String\(\d+\)", f"String({length})"))


def _too_large(failed: Failed) -> Found | None:
    kind = re.search(r"smallint|integer|bigint", str(failed.original))
    if not kind:
        return "number-too-large", _too_many_digits(failed)
    most = LARGEST[kind[0]]
    column, number = failed.culprit(lambda v: isinstance(v, int) and not -most <= v < most)
    facts = failed.facts(column)
    facts["holds"] = f"The largest number that fits into the column is {most - 1}."
    facts |= {"number": str(number)} if number is not None else {}
    if failed.verb not in ("INSERT", "UPDATE"):
        return "number-not-found", facts
    if kind[0] != "bigint":
        facts["larger"] = "`BigInteger` (`from sqlalchemy import BigInteger`)"
        facts |= failed.edit(column, *BIGGER)
    return "number-too-large", facts


def _too_many_digits(failed: Failed) -> dict[str, str]:
    """Return which number has more digits before the point than its column takes."""
    told = re.search(r"(\d+)\D+(-?\d+)\D", failed.fields.get("server_detail", ""))
    if not told:
        return failed.facts()
    most, scale = int(told[1]), int(told[2])
    column, number = failed.culprit(
        lambda v: isinstance(v, int | float | Decimal) and abs(v) >= 10 ** (most - scale)
    )
    if not column:
        return failed.facts()
    larger = f"Numeric({len(str(abs(int(number)))) + scale}, {scale})"
    edit = failed.edit(column, (r"Numeric\(\d+, *\d+\)", larger))
    return failed.facts(column) | {"number": str(number), "larger": f"`{larger}`"} | edit


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
    takes, how = KINDS.get("array" if "array" in message else kind, ("", ""))
    column, _ = failed.culprit(lambda v: str(v) == text)
    facts = failed.facts(column) | ({"takes": takes, "how": how} if takes else {})
    if found["value"] is not None or text:
        facts["value"] = f'"{shown(column, text)}"'
    facts["place_of"] = f"It is meant for {where(facts)}." if column else ""
    return "text-not-a-value", facts


def _enum(failed: Failed, kind: str, text: str) -> Found:
    columns = failed.table.c if failed.table is not None else ()
    column = next((c for c in columns if getattr(c.type, "name", None) == kind), None)
    facts = failed.facts(column.name if column is not None else "") | {"type": kind, "value": text}
    (told,) = look(failed.case, LABELS, type=f'"{kind}"') or (None,)
    if not told:
        return "enum-value-unknown", facts
    labels = {label.lower(): label for label in told.split(", ")}
    near = get_close_matches(text.lower(), labels, 1)
    facts |= {"labels": told, "near": f"Did you mean {labels[near[0]]}?" if near else ""}
    members = getattr(getattr(column, "type", None), "enum_class", None)
    if members is not None:
        facts["member"] = f"{members.__name__}.{labels[near[0]] if near else 'NAME'}"
    return "enum-value-unknown", facts


def adapting(error: BaseException, case: Case) -> Found | None:
    """Explain a value that the driver can't send, and say what to give in its place."""
    found = re.search(r"(?:can't|cannot) adapt type '([\w.]+)'", str(getattr(error, "orig", error)))
    if not found:
        return None
    name = found[1].rpartition(".")[2]
    failed = Failed(error, case)
    column, one = failed.culprit(lambda v: type(v).__name__ == name)
    facts = failed.facts(column) | {"type": found[1]}
    advice = _instead(one, name, found[1])
    facts |= {"instead": advice} if advice else {}
    return "type-not-sent", facts | ({"what": f" for {where(facts)}"} if column else {})


def _instead(one: Any, name: str, whole: str) -> str:
    if hasattr(one, "_sa_instance_state"):
        return f"Give its id: `{name.lower()}.id`."
    if isinstance(one, enum.Enum):
        return "Use its `.name` or its `.value`."
    if NUMPY.match(whole):
        return "It is a NumPy value: use `value.item()`."
    if name.endswith("Field"):
        return "It is a form field: use its `.data`."
    if callable(one):
        return "It is a function or a class, not its result: perhaps `()` is missing after it."
    return INSTEAD.get(name, "")


def encoding(error: BaseException, case: Case) -> Found | None:
    """Explain a value that a column of type JSON can't hold; a view's answer is another case."""
    found = re.search(r"Object of type (\w+) is not JSON serializable", str(error))
    if case.engine is None or not found:
        return None
    return "json-not-serializable", {"type": found[1]}


def times(error: BaseException, case: Case) -> Found | None:
    """Explain a time with a time zone beside one without, and name the columns that have none."""
    if not isinstance(error, TypeError) or "offset-naive and offset-aware" not in str(error):
        return None
    tables = case.state.tables if case.state else ()
    bare = [c for table in tables for c in table.c if isinstance(c.type, DateTime)]
    bare = [column for column in bare if not column.type.timezone]  # type: ignore[attr-defined]
    if not bare:
        return "times-mixed", {}
    mapper = mapped.mapper_of(bare[0].table)
    attribute = mapped.attribute_of(mapper, bare[0].table, bare[0].name)
    detail = f"Without a time zone: {', '.join(str(column) for column in bare[:5])}."
    return "times-mixed", {"detail": detail} | mapped.edit(mapper, attribute, *ZONED)


EXPLAIN: dict[str, Callable[[Failed], Found | None]] = {
    "22001": _too_long,
    "22003": _too_large,
    "22007": _invalid,
    "22008": _invalid,
    "22P02": _invalid,
}
