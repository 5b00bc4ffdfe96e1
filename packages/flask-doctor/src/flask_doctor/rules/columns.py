"""A closer look at a model's table, columns and annotations."""

import re
from inspect import signature
from typing import Any

import sqlalchemy
from sqlalchemy import Column, Table, inspect, orm
from sqlalchemy.sql.elements import ColumnClause
from sqlalchemy.sql.operators import ColumnOperators

from ..case import Found
from ..model_code import (
    Subject,
    attributes,
    edited,
    file_of,
    has_subclasses,
    like,
    model_of,
    models,
    models_named,
    own_text,
    prefix_of,
    source_of,
    spelt,
    table_of,
    tables,
    with_argument,
    written,
)
from ..pointing import misspelt, nearest

COLUMNS = Column, orm.MappedColumn
BASE = re.compile(r"^(Base|Abstract|Common)|(Base|Mixin)$")
# What other frameworks call it, or what is said in another place.
WORDS = {
    "null": "nullable",
    "blank": "nullable",
    "required": "nullable",
    "pk": "primary_key",
    "length": "String(...)",
    "max_length": "String(...)",
    "foreign_key": "ForeignKey(...)",
    "references": "ForeignKey(...)",
    "on_delete": "ForeignKey(..., ondelete=...)",
    "scheme": "schema",
}
NAMES = {"RelationshipProperty": "relationship"}
KINDS: dict[str, list[Any]] = {
    "Column": [orm.mapped_column],
    "__mapper_args__": [orm.Mapper],
    "__table_args__": [Table],
}
TYPES = {"str": "String", "int": "Integer", "float": "Float", "bool": "Boolean"}


def no_key(facts: dict[str, str], error: BaseException, subject: Subject) -> Found:
    """See why a model has no primary key: a slip, a class that only others inherit, or no key."""
    model = facts["model"]
    if found := comma(subject.cls, subject):
        return found
    for name, value in vars(subject.cls).items() if subject.cls else ():
        line = written(subject, model, name)
        if isinstance(value, ColumnClause) and not isinstance(value, Column):
            return "column-in-lower-case", {"attribute": name} | edited(line, "column", "Column")
    for column in getattr(table_of(subject.cls), "columns", ()):
        for wrong in column.dialect_kwargs:
            if WORDS.get(wrong) == "primary_key" or misspelt(wrong, ["primary_key"]):
                edit = edited(written(subject, model, column.key), wrong, "primary_key")
                known = {"function": "Column", "wrong": wrong, "attribute": column.key}
                return "argument-unknown", known | edit
    if BASE.search(model) or has_subclasses(subject, model):
        return "abstract-missing", {}
    line = written(subject, model, "id")
    if line.text:
        return "primary-key-unmarked", {"attribute": "id"} | with_argument(line, "primary_key=True")
    mapped = "id: Mapped[int] = mapped_column(primary_key=True)"
    classic = "id = db.Column(db.Integer, primary_key=True)"
    return "primary-key-missing", {"after": like(source_of(subject, model), mapped, classic)}


def comma(model: type | None, subject: Subject) -> Found | None:
    """Find a column that a comma has made a tuple of."""
    for name, value in vars(model).items() if model else ():
        if isinstance(value, tuple) and value and isinstance(value[0], COLUMNS):
            text = written(subject, model.__name__, name).text.rstrip(",")  # type: ignore[union-attr]
            known = {"model": model.__name__, "attribute": name}  # type: ignore[union-attr]
            return "comma-after-column", known | {"before": f"{text},", "after": text}
    return None


def no_table(facts: dict[str, str], error: BaseException, subject: Subject) -> Found:
    """See why a model has no table: a slip, a class that only others inherit, or no name."""
    model = facts["model"]
    if BASE.search(model) or has_subclasses(subject, model):
        return "abstract-missing", {}
    own = vars(subject.cls) if subject.cls else {}
    slip = next((n for n in own if misspelt(n, ["__tablename__"])), "")
    if slip:
        edit = edited(written(subject, model, slip), slip, "__tablename__")
        return "tablename-misspelt", {"attribute": slip, "wrong": slip} | edit
    return "tablename-missing", {"table": re.sub(r"(?<!^)(?=[A-Z])", "_", model).lower()}


def base_order(facts: dict[str, str], error: BaseException, subject: Subject) -> Found:
    """Let the second of two base classes come first."""
    line = own_text(subject).text
    after = re.sub(r"\(([\w.]+), *([\w.]+)\):", r"(\2, \1):", line)
    return "base-class-order", {"before": line, "after": after} if after != line else {}


def reserved(facts: dict[str, str], error: BaseException, subject: Subject) -> Found:
    """Rename the attribute that SQLAlchemy needs for itself; its column may keep the name."""
    model = facts["model"] or own_text(subject).text.partition("(")[0].removeprefix("class ")
    for name in ("metadata", "registry"):
        line = written(subject, model, name)
        if line.text:
            edit = with_argument(line, f'"{name}"', first=True)
            known = {"model": model, "attribute": name, "before": line.text}
            return "reserved-name", known | {"after": edit["after"].replace(name, f"{name}_", 1)}
    return "reserved-name", {}


def unknown_argument(facts: dict[str, str], error: BaseException, subject: Subject) -> Found:
    """Find the argument of a column, a relationship or a type that was meant."""
    function, wrong = facts.get("function", "Column"), facts["wrong"]
    function = NAMES.get(function, function)
    line = own_text(subject)
    if function == "column":
        return "column-in-lower-case", edited(line, "column", "Column")
    if subject.mapping and not subject.body:
        function = "__mapper_args__" if function == "Mapper" else "__table_args__"
        line = written(subject, facts["model"], function)
    known = {"function": function}
    if function == "Column" and wrong in WORDS and "(" in WORDS[wrong]:
        return "argument-elsewhere", known | {"right": WORDS[wrong]}
    kinds = [getattr(module, function, None) for module in (sqlalchemy, orm)]
    kinds += KINDS.get(function, [])
    names = {name for kind in kinds if kind for name in _parameters(kind)}
    right = WORDS.get(wrong, "") if WORDS.get(wrong) in names else misspelt(wrong, names)
    return "argument-unknown", known | edited(line, wrong, right)


def _parameters(kind: object) -> list[str]:
    target = kind.__init__ if isinstance(kind, type) else kind  # type: ignore[misc]
    names = [name for name in signature(target).parameters if name != "self"]  # type: ignore[arg-type]
    return [*names, "schema", "comment"] if kind is Table else names


def unknown_type(facts: dict[str, str], error: BaseException, subject: Subject) -> Found:
    """Find the type of column for a type of Python: a list, a dict, or another model."""
    text = facts["python_type"].removeprefix("<class '").removesuffix("'>").replace("typing.", "")
    container, _, inside = text.lower().rstrip("]").partition("[")
    inner = re.split(r"[\[\].,' ]", facts["python_type"].rstrip("]'>"))[-1]
    line = written(subject, facts["model"], facts["attribute"])
    known = {"python_type": text}
    if models_named(inner) or inner == facts["model"]:
        bare = re.sub(r"\s*=.*", "", line.text) or f"{facts['attribute']}: Mapped[{text}]"
        edit = {"before": line.text or bare, "after": f"{bare} = relationship()"}
        return "annotation-needs-relationship", known | {"target": inner} | edit
    if container == "list" and inside in TYPES:
        right = f"ARRAY({TYPES[inside]})"
    elif container in ("list", "dict", "set", "tuple"):
        right = "JSONB"
    else:
        return "annotation-type-unknown", known
    edit = with_argument(line, right, first=True)
    call = f"= {spelt('mapped_column', subject)}("
    edit["after"] = edit["after"].replace("= mapped_column(", call)
    module = "sqlalchemy.dialects.postgresql" if right == "JSONB" else "sqlalchemy"
    names = right.replace("(", ", ").removesuffix(")")
    known["right"] = f"from {module} import {names}"
    return "annotation-needs-type", known | edit


def not_mapped(facts: dict[str, str], error: BaseException, subject: Subject) -> Found:
    """Put the annotation of an attribute into `Mapped[...]`."""
    line = written(subject, facts["model"], facts["attribute"])
    name, colon, rest = line.text.partition(":")
    annotation, _, value = rest.strip().partition(" = ")
    call = re.fullmatch(r"(?:db\.)?(Column|mapped_column)\(.*\)", annotation)
    if not colon or annotation in ("Mapped", "db.Mapped"):
        return "annotation-not-mapped", {}
    if call:  # a colon where an equals sign was meant
        after = f"{name} = {annotation}"
    else:
        kept = re.sub(r"^Optional\[Mapped\[(.*)\]\]$", r"Optional[\1]", annotation)
        after = f"{name}: Mapped[{kept}]" + (value and f" = {value}")
    return "annotation-not-mapped", {"before": line.text, "after": after}


def no_column(facts: dict[str, str], error: BaseException, subject: Subject) -> Found:
    """Find the column that a constraint or an index was meant for."""
    table = tables().get(facts["table"])
    own = {n: v for n, v in vars(subject.cls or object).items() if isinstance(v, COLUMNS)}
    columns = [getattr(value, "name", None) or name for name, value in own.items()]
    if table is not None:
        columns = list(table.columns.keys())
    near = misspelt(facts["wrong"], columns)
    known = {"columns": ", ".join(columns), "attribute": "__table_args__"}
    line = written(subject, facts["model"], "__table_args__")
    return "constraint-column-missing", known | edited(line, facts["wrong"], near)


def defined_twice(facts: dict[str, str], error: BaseException, subject: Subject) -> Found:
    """Tell two models of one table from one module that is imported under two names."""
    metadata = getattr(subject.cls, "metadata", None)
    for model in models():
        table = table_of(model)
        same = metadata is None or table is None or table.metadata is metadata
        if same and getattr(table, "fullname", "") == facts["table"]:
            place = written(Subject(file=subject.file), model.__name__).where
            first = {"target": model.__name__, "other": f"The first is {place.rstrip(':')}."}
            second = getattr(subject.cls, "__module__", "")
            if second and model.__module__ != second and file_of(model) == subject.file:
                names = {"first": model.__module__, "second": second}
                return "module-imported-twice", first | names
            return "table-defined-twice", first
    return "table-defined-twice", {}


def unknown_attribute(facts: dict[str, str], error: BaseException, subject: Subject) -> Found:
    """Find the attribute of a model that was meant."""
    model = model_of(facts["table"]) if "table" in facts else facts["model"]
    found = models_named(model)
    names = sorted(attributes(found[0] if found else None))
    line = own_text(subject)
    if subject.mapping:
        line = written(subject, subject.model, subject.attribute)
    known = {"model": model, "names": ", ".join(names), "where": line.where}
    return "attribute-unknown", known | edited(
        line, facts["wrong"], misspelt(facts["wrong"], names)
    )


def wrong_argument(facts: dict[str, str], error: BaseException, subject: Subject) -> Found:
    """Find the type of SQLAlchemy for an argument of a column that is none."""
    line, wrong = own_text(subject), facts["wrong"]
    kind = re.fullmatch(r"<(?:class|enum) '(?:.*\.)?(\w+)'>", wrong)
    if wrong.startswith("{"):
        return "table-args-order", {"attribute": "__table_args__"}
    name = kind[1] if kind else ""
    right = f"Enum({name})" if wrong.startswith("<enum") else TYPES.get(name)
    if not right:
        return "column-argument-wrong", {}
    edit = edited(line, name, prefix_of(line, subject) + right)
    return "column-type-python", {"wrong": name} | edit


def no_tuple(facts: dict[str, str], error: BaseException, subject: Subject) -> Found:
    """Make a tuple of `__table_args__`."""
    line = written(subject, facts["model"], "__table_args__")
    inner = re.sub(r"^\(([^,]*)\)$|^\[(.*)\]$", r"\1\2", line.text.partition("=")[2].strip())
    edit = {"before": line.text, "after": f"__table_args__ = ({inner.rstrip(', ')},)"}
    return "table-args-not-tuple", {"attribute": "__table_args__"} | edit


def unknown_annotation(facts: dict[str, str], error: BaseException, subject: Subject) -> Found:
    """Find the name in an annotation that isn't known, and the attribute."""
    inner: BaseException | None = error
    while inner:
        named = re.search(r"name '(\w+)' is not defined|Could not locate name (\w+)", str(inner))
        if named:
            wrong = named[1] or named[2]
            lines = source_of(subject, facts["model"]).splitlines()
            uses = [text.strip() for text in lines if re.search(rf":.*\b{wrong}\b", text)]
            attribute = uses[0].partition(":")[0] if uses else ""
            return "annotation-name-unknown", {"wrong": wrong, "attribute": attribute}
        inner = inner.__cause__ or inner.__context__
    return "annotation-name-unknown", {}


def unmapped(facts: dict[str, str], error: BaseException, subject: Subject) -> Found:
    """Tell a relationship to something else from an object of something else in the session."""
    wrong = facts["wrong"].removeprefix("builtins.")
    if given := re.search(r"was a class \((?:.*\.)?(\w+)\) supplied", facts["said"]):
        return "class-instead-of-object", {"wrong": given[1]}
    if subject.mapping and subject.attribute:
        return "relationship-target-wrong", {"attribute": subject.attribute}
    entry = "not-a-model-value" if wrong in ("list", "tuple", "str", "dict", "NoneType") else ""
    return entry or "not-a-model", {"wrong": wrong.rpartition(".")[2]}


def of_column(facts: dict[str, str], error: BaseException, subject: Subject) -> Found:
    """Tell a column that is called `query` from other attributes, and from a slip."""
    if facts["attribute"] == "query":
        return "query-is-a-column", {}
    near = nearest(facts["wrong"], [n for n in dir(ColumnOperators) if n[0] != "_"])
    if near:
        return "column-method-misspelled", edited(own_text(subject), facts["wrong"], near)
    for model in models_named(facts["model"]):
        relationships: Any = inspect(model).relationships
        if facts["attribute"] in relationships:
            target = relationships[facts["attribute"]].mapper.class_.__name__
            return "attribute-of-relationship", {"target": target}
    return "attribute-of-column", {}
