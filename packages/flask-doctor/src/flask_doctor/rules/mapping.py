"""Models that SQLAlchemy can't use: which model, which attribute, and what was probably meant.

The catalogue's own words find the entry. What looks closer, by the models themselves and by the
lines that define them, may come to another entry.
"""

import re
from collections.abc import Callable

from sqlalchemy.exc import DBAPIError, NoReferenceError, SQLAlchemyError

from ..case import NOTHING, Case, Found
from ..catalogue import THEMES
from ..diagnosis import UNKNOWN, masked
from ..matching import by_text
from ..model_code import Subject, models_named, own_text, subject_of, written
from ..own_code import own_line, place, raised_in
from . import columns, relations

OWN = {entry.id for entry in THEMES["Models"]}

CLOSER: dict[str, Callable[[dict[str, str], BaseException, Subject], Found]] = {
    "primary-key-missing": columns.no_key,
    "tablename-missing": columns.no_table,
    "base-class-order": columns.base_order,
    "reserved-name": columns.reserved,
    "argument-unknown": columns.unknown_argument,
    "annotation-name-unknown": columns.unknown_annotation,
    "column-argument-wrong": columns.wrong_argument,
    "table-args-not-tuple": columns.no_tuple,
    "attribute-of-column": columns.of_column,
    "annotation-type-unknown": columns.unknown_type,
    "annotation-not-mapped": columns.not_mapped,
    "constraint-column-missing": columns.no_column,
    "table-defined-twice": columns.defined_twice,
    "attribute-unknown": columns.unknown_attribute,
    "relationship-name-unknown": relations.unknown_name,
    "foreign-key-table-unknown": relations.no_table,
    "foreign-key-column-unknown": relations.no_column,
    "foreign-key-to-class": relations.key_to_class,
    "foreign-key-missing": relations.no_key,
    "foreign-keys-ambiguous": relations.ambiguous,
    "back-populates-missing": relations.no_other_side,
    "same-direction": relations.same_direction,
    "option-unknown": relations.unknown_option,
    "relationship-target-wrong": relations.wrong_target,
    "not-a-model": columns.unmapped,
}


def mapping(error: BaseException, case: Case) -> Found | None:
    """Explain a model that SQLAlchemy can't use, or that is used in a way that it doesn't allow."""
    if isinstance(error, DBAPIError):
        return None
    error = getattr(error, "_configure_failed", None) or error  # an earlier one, which is the cause
    subject = subject_of(error)
    found = _unexpected(error, subject) or by_text(error, case)
    if found and found[0] not in OWN:
        return None
    if found and not _is_of_a_model(found[0], error):
        return NOTHING
    theirs = isinstance(error, SQLAlchemyError) or "sqlalchemy" in raised_in(error)
    if not found and not (subject.mapping and theirs):
        return None
    found = found or ("model-invalid", {})
    said = re.split(r"\s\(Background", str(error))[0]
    known = {
        "model": subject.model,
        "attribute": subject.attribute,
        "said": masked(" ".join(said.split())),
    }
    facts = known | {name: value for name, value in found[1].items() if value}
    facts["model"] = facts["model"].rpartition(".")[2]
    look = CLOSER.get(found[0])
    entry, closer = look(facts, error, subject) if look else (found[0], {})
    facts = {name: value for name, value in (facts | closer).items() if value}
    where = _where(facts, error, subject)
    return entry, {"where": where, "place": where or UNKNOWN["place"]} | facts


def _is_of_a_model(entry: str, error: BaseException) -> bool:
    """Tell Python's own words for bases that don't fit from those of any other class."""
    of_any = entry in ("metaclass-conflict", "base-class-order")
    return not of_any or re.search(r"Model|Base", f"{error} {own_line(error)}") is not None


def _where(facts: dict[str, str], error: BaseException, subject: Subject) -> str:
    """Return the line of the model, or else the one that the error came by."""
    inside = place(subject.file, subject.line) if subject.mapping and subject.file else ""
    if subject.body:
        return inside
    if not subject.mapping and not isinstance(error, NoReferenceError):
        return own_line(error)
    model, attribute = facts.get("model", ""), facts.get("attribute", "")
    if not attribute and inside:
        return inside
    return written(subject, model, attribute).where or inside or own_line(error)


def _unexpected(error: BaseException, subject: Subject) -> Found | None:
    """Take Python's own words for a wrong argument, which say nothing of models."""
    text = str(error)
    if not isinstance(error, TypeError):
        return None
    line = own_text(subject).text
    if subject.body and not re.search(r"\bdb\.|(Column|mapped_column|relationship)\(", line):
        return None  # a form's or another class's, which has fields of its own
    named = re.match(r"(?:(\w+)\.)?(\w+)\(\) got an unexpected keyword argument '(\w+)'", text)
    if named and subject.mapping:
        function = named[1] if named[2] == "__init__" else named[2]
        return "argument-unknown", {"function": function or "", "wrong": named[3]}
    lacking = re.match(r"(\w+)\.__init__\(\) missing .* argument: '(\w+)'", text)
    if lacking and subject.body:
        return "argument-missing", {"function": lacking[1], "wrong": lacking[2]}
    called = re.search(r"\b([A-Z]\w*)\(", own_line(error).partition(": ")[2])
    if not text.startswith("__init__() ") or not called or not models_named(called[1]):
        return None
    if "__init__" in vars(models_named(called[1])[0]) and "positional argument but" not in text:
        return "constructor-own", {"model": called[1], "attribute": "__init__"}
    return ("constructor-positional", {"model": called[1]}) if "positional" in text else None
