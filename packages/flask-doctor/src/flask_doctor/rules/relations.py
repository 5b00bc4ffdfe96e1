"""A closer look at the relationships of models and the foreign keys below them."""

import re
import sys
from collections.abc import Iterator
from typing import Any

from sqlalchemy import ForeignKey, Table

from ..case import Found
from ..editing import literal
from ..model_code import (
    Subject,
    attributes,
    defined_beside,
    edited,
    file_of,
    like,
    model_of,
    models,
    models_named,
    own_text,
    prefix_of,
    registry_of,
    table_of,
    tables,
    with_argument,
    written,
)
from ..pointing import misspelt
from .columns import comma, unknown_attribute

TWO_TABLES = re.compile(r" between '([^']+)' and '([^']+)'")
# What options of a relationship take.
CASCADES = ("save-update", "merge", "expunge", "delete", "delete-orphan", "refresh-expire", "all")
LOADERS = ("select", "joined", "selectin", "subquery", "raise", "noload", "dynamic", "write_only")


def unknown_name(facts: dict[str, str], error: BaseException, subject: Subject) -> Found:
    """Find what a name in a relationship was meant to be: a column, a model or a table."""
    named = re.search(r"name '(\w+)' is not defined", str(error))
    wrong = named[1] if named else facts["wrong"]
    line = written(subject, facts["model"], subject.attribute)
    registry = registry_of(subject.cls)
    own = [m.__name__ for m in models() if registry_of(m) is registry]
    known = {"attribute": subject.attribute, "wrong": wrong, "names": ", ".join(sorted(own))}
    if any(registry_of(other) is not registry for other in models_named(wrong)):
        return "two-bases", known
    is_table = re.search(rf"secondary\s*=\s*[\"']{wrong}\b", line.text)
    near = misspelt(wrong, tables() if is_table else own) or model_of(wrong)
    if wrong in attributes(subject.cls):
        near = f"{facts['model']}.{wrong}"
    module = sys.modules.get(getattr(subject.cls, "__module__", ""))
    if not near and isinstance(getattr(module, wrong, None), type):
        bases = re.search(r"class \w+\((.+)\):", written(subject, facts["model"]).where)
        where = written(Subject(file=file_of(subject.cls)), wrong).where  # type: ignore[arg-type]
        return "not-a-model", {"wrong": wrong, "base": bases[1] if bases else "", "where": where}
    if not near and (elsewhere := defined_beside(subject, wrong)):
        return "model-not-imported", known | {"file": elsewhere[0], "module": elsewhere[1]}
    return "relationship-name-unknown", known | edited(line, wrong, near)


def no_table(facts: dict[str, str], error: BaseException, subject: Subject) -> Found:
    """Find the table that a foreign key was meant for."""
    column, wrong = facts.get("column", ""), facts.get("wrong", "")
    table, _, name = column.rpartition(".")
    known = tables()
    key = next((k for k in _keys(known.get(table)) if k.parent.name == name), None)
    return _unknown_table(key, wrong, subject) or ("foreign-key-table-unknown", {})


def _unknown_table(key: ForeignKey | None, wrong: str, subject: Subject) -> Found | None:
    """Find the table that this key was meant for; None where its table is known."""
    if key is None:
        return None
    known = tables()
    target, _, column = key.target_fullname.rpartition(".")
    if target in key.parent.table.metadata.tables:
        return None
    model = model_of(key.parent.table.fullname)
    line = written(subject, model, key.parent.key)
    facts = {
        "model": model,
        "attribute": key.parent.key,
        "column": f"{key.parent.table.fullname}.{key.parent.name}",
        "wrong": target or wrong,
    }
    if target in known:
        return "two-bases", facts
    by_class = [table_of(m).fullname for m in models_named(target) if table_of(m) is not None]
    of_schema = [name for name in known if name.rpartition(".")[2] == target]
    near = next(iter([*by_class, *of_schema]), "") or misspelt(target, known)
    edit = edited(line, f"{target}.{column}", near and f"{near}.{column}")
    return "foreign-key-table-unknown", facts | edit | {"names": ", ".join(sorted(known))}


def _keys(table: Table | None) -> list[ForeignKey]:
    return list(table.foreign_keys) if table is not None else []


def key_to_class(facts: dict[str, str], error: BaseException, subject: Subject) -> Found:
    """Name the table of the class that a foreign key names."""
    named = re.search(r"got <class '(?:.*\.)?(\w+)'>", str(error))
    line = own_text(subject)
    for model in models_named(named[1]) if named else ():
        target = f'"{table_of(model).fullname}.{_primary(table_of(model))}"'
        return "foreign-key-to-class", edited(line, model.__name__, target)
    return "foreign-key-to-class", {}


def no_column(facts: dict[str, str], error: BaseException, subject: Subject) -> Found:
    """Find the column that a foreign key was meant for."""
    target, wrong = facts["target"], facts["wrong"]
    columns = list(tables()[target].columns.keys()) if target in tables() else []
    key = next(
        (k for k in _keys(tables().get(facts["table"])) if k.target_fullname == facts["key"]), None
    )
    model = model_of(facts["table"])
    attribute = key.parent.key if key is not None else ""
    known = {"model": model, "attribute": attribute, "names": ", ".join(columns)}
    line = written(subject, model, attribute)
    if "." not in facts["key"]:  # a table alone
        edit = edited(line, target, f"{target}.{_primary(tables()[target])}")
        return "foreign-key-column-unknown", known | edit
    near = misspelt(wrong, columns) or ("id" if wrong.endswith("id") and "id" in columns else "")
    edit = edited(line, f"{target}.{wrong}", near and f"{target}.{near}")
    return "foreign-key-column-unknown", known | edit


def no_key(facts: dict[str, str], error: BaseException, subject: Subject) -> Found:
    """See why no key connects two tables: a wrong name, a column that is no key, or none at all."""
    one, other = _two_tables(error)
    if one is None or other is None:
        return "foreign-key-missing", {}
    for key in _keys(one) + _keys(other):
        if found := _unknown_table(key, "", subject):
            return found
    for model in (model_of(one.fullname), model_of(other.fullname)):
        for cls in models_named(model):
            if found := comma(cls, subject):
                return found
    relation = facts["model"], facts["attribute"]
    known = {"table": one.fullname, "other": other.fullname}
    for child, parent, column in _candidates(one, other, relation[1]):
        line = written(subject, model_of(child.fullname), column)
        if line.text:
            prefix = prefix_of(line, subject)
            target = f'{prefix}ForeignKey("{parent.fullname}.{_primary(parent)}")'
            typed = re.search(r"\((?!\s*\w+\s*=|\s*\))", line.text)
            edit = with_argument(line, target, first=True)
            if typed:  # which must come first
                after = re.sub(r"\((\w[\w.]*(\([^)]*\))?)", rf"(\1, {target}", line.text, count=1)
                edit = {"before": line.text, "after": after}
            named = {"column": f"{child.fullname}.{column}"}
            return "foreign-key-unmarked", known | edit | named
    if "secondary table" in facts["said"] or model_of(one.fullname) == "":
        return "foreign-key-missing-secondary", known
    line = written(subject, *relation)
    many = re.search(r"[Ll]ist\[|[Ss]et\[", line.text) or relation[1].endswith("s")
    child, parent = (other, one) if many else (one, other)
    name = f"{misspelt(parent.name, [model_of(parent.fullname)]) or parent.name}_id".lower()
    to = f'ForeignKey("{parent.fullname}.{_primary(parent)}")'
    after = like(
        line.text,
        f"{name}: Mapped[int] = mapped_column({to})",
        f"{name} = db.Column(db.{to})",
    )
    return "foreign-key-missing", known | {"target": model_of(child.fullname), "after": after}


def _two_tables(error: BaseException) -> tuple[Any, Any]:
    named = TWO_TABLES.search(str(error.__cause__ or error.__context__ or error))
    known = tables()
    return (known.get(named[1]), known.get(named[2])) if named else (None, None)


def _candidates(one: Table, other: Table, attribute: str) -> Iterator[tuple[Table, Table, str]]:
    """Find columns that are named as a key of one table to the other would be."""
    for child, parent in ((one, other), (other, one)):
        name = model_of(parent.fullname) or parent.name
        for column in child.columns:
            stem = column.name.removesuffix("_id").removesuffix("id")
            alike = misspelt(stem, [name, parent.name, attribute])
            if stem != column.name and stem and not column.foreign_keys and alike:
                yield child, parent, column.key


def _primary(table: Table) -> str:
    return next(iter(table.primary_key.columns.keys()), "id")


def ambiguous(facts: dict[str, str], error: BaseException, subject: Subject) -> Found:
    """Name the columns of which one must be chosen, and choose one in each relationship."""
    one, other = _two_tables(error)
    keys = [
        (child, parent, key.parent.key)
        for child, parent in ((one, other), (other, one))
        for key in _keys(child)
        if parent is not None and key.target_fullname.rpartition(".")[0] == parent.fullname
    ]
    if "secondary" in facts["said"]:
        table = other.fullname if other is not None else ""
        return "foreign-keys-ambiguous-secondary", {"table": table}
    names = {name.removesuffix("_id"): (child, parent, name) for child, parent, name in keys}
    if not names or not facts["attribute"]:
        return "foreign-keys-ambiguous-join", {"columns": ", ".join(n for *_, n in keys)}
    parents = [n for _, parent, _ in keys for n in (model_of(parent.fullname), parent.name)]
    near = next(filter(None, (misspelt(n, names) for n in [facts["attribute"], *parents])), "")
    child, parent, column = names[near or min(names)]
    ends = model_of(child.fullname), model_of(parent.fullname)
    argument = f'foreign_keys="{ends[0]}.{column}"'
    edit = []
    for model in dict.fromkeys([facts["model"], *ends]):
        for name in [n for cls in models_named(model) for n in attributes(cls)]:
            line = written(subject, model, name)
            between = {model, *re.findall(r"\w+", line.text)} >= {*ends}
            if re.search(r"relationship\((?!.*foreign_keys)", line.text) and between:
                edit += ["- {before}\n+ {after}".format(**with_argument(line, argument))]
    columns = " and ".join(sorted({f"{model_of(c.fullname)}.{n}" for c, _, n in keys}))
    return "foreign-keys-ambiguous", {"columns": columns, "edit": "\n".join(edit)}


def no_other_side(facts: dict[str, str], error: BaseException, subject: Subject) -> Found:
    """Find the relationship that `back_populates` was meant for, or write the one it asks for."""
    other, wrong = facts["model"], facts["wrong"]
    model, attribute = subject.model, subject.attribute
    line = written(subject, model, attribute)
    if not attribute or "back_populates" not in line.text:
        return unknown_attribute(facts, error, subject)
    known = {"model": model, "attribute": attribute, "target": other}
    for one in models_named(other):
        columns = table_of(one).columns.keys() if table_of(one) is not None else ()
        relationships = [name for name in attributes(one) if name not in columns]
        # One that refers back to this relationship is meant, whatever it is called.
        refers = re.compile(rf"back_populates\s*=\s*[\"']{attribute}[\"']")
        back = [n for n in relationships if refers.search(written(subject, other, n).text)]
        near = next(iter(back), "") or misspelt(wrong, relationships)
        if near:
            return "back-populates-missing", known | edited(line, wrong, near)
    side = f'relationship("{model}", back_populates="{attribute}")'
    mapped = f'{wrong}: Mapped[list["{model}"]] = relationship(back_populates="{attribute}")'
    if not wrong.endswith("s"):
        mapped = mapped.replace(f'list["{model}"]', f'"{model}"')
    return "back-populates-missing", known | {
        "edit": literal(f"+ {like(line.text, mapped, f'{wrong} = db.{side}')}")
    }


def same_direction(facts: dict[str, str], error: BaseException, subject: Subject) -> Found:
    """Find the side of a tree that refers to the parent: that with the name of the foreign key."""
    model = facts["model"]
    table = next((table_of(m) for m in models_named(model)), None)
    keys = [key.parent.key.removesuffix("_id") for key in _keys(table)]
    sides = [facts["attribute"], facts["other"].rpartition(".")[2]]
    side = next((s for s in sides if misspelt(s, keys)), sides[0])
    line = written(subject, model, side)
    argument = f'remote_side="{model}.{_primary(table) if table is not None else "id"}"'
    return "same-direction", {"attribute": side, **with_argument(line, argument)}


def unknown_option(facts: dict[str, str], error: BaseException, subject: Subject) -> Found:
    """Find the value of `cascade` or `lazy` that was meant."""
    option, values = ("cascade", CASCADES) if "cascade" in facts["said"] else ("lazy", LOADERS)
    known = {"option": option, "names": ", ".join(values)}
    near = misspelt(facts["wrong"].replace("_", "-"), values)
    return "option-unknown", known | {"right": f"`{near}`" if near else "one of these values"}


def wrong_target(facts: dict[str, str], error: BaseException, subject: Subject) -> Found:
    """Find the model that a relationship was meant to lead to, where it names a table."""
    line = written(subject, facts["model"], subject.attribute)
    known = {"attribute": subject.attribute, "names": ", ".join(m.__name__ for m in models())}
    for named in re.findall(r"[\"']([\w.]+)[\"']", line.text):
        if near := model_of(named):
            edit = edited(line, named, near)
            return "relationship-name-unknown", known | {"wrong": named} | edit
    return "relationship-target-wrong", known
