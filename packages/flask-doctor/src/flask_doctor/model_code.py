"""The models as they are written: which there are, and the lines that define them."""

import ast
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from traceback import walk_tb
from types import FrameType
from typing import Any, NamedTuple

from sqlalchemy import Table
from sqlalchemy.orm import Mapper, MapperProperty, mapperlib
from sqlalchemy.orm.instrumentation import manager_of_class

from .own_code import is_foreign, place

# Where SQLAlchemy defines a model, and where it connects the models with each other.
MAPPING = ("_as_declarative", "__init_subclass__", "_configure_registries")


class Written(NamedTuple):
    """A statement of the user's: its place, and its text in one line."""

    where: str
    text: str


class Subject(NamedTuple):
    """What was being defined or connected when an error arose."""

    model: str = ""
    attribute: str = ""
    cls: type | None = None
    file: str = ""  # the last one of the user's
    line: int = 0
    mapping: bool = False  # whether it was a model at all
    body: bool = False  # whether it was raised in the lines of the class themselves


def registries() -> list[Any]:
    """Return all the registries of models that there are."""
    return list(mapperlib._all_registries())  # no public way leads to them


def mappers() -> list[Mapper[Any]]:
    """Return what maps each model, whatever its base."""
    # One that failed to be mapped is among its base's, too; `registry.mappers` fails for it.
    managers = [m for registry in registries() for m in list(registry._managers)]
    return [manager.mapper for manager in managers if manager.is_mapped]


def models() -> list[type]:
    """Return all the models that SQLAlchemy knows, whatever their base."""
    return [mapper.class_ for mapper in mappers()]


def models_named(name: str) -> list[type]:
    """Return the models of this name."""
    return [model for model in models() if model.__name__ == name]


def tables() -> dict[str, Table]:
    """Return all the tables of all models, by name."""
    found: dict[str, Table] = {}
    for registry in registries():
        found |= registry.metadata.tables
    return found


def model_of(table: str) -> str:
    """Return the name of the model that has this table; nothing where there is none."""
    names = (m.__name__ for m in models() if getattr(table_of(m), "fullname", None) == table)
    return next(names, "")


def table_of(model: type | None) -> Any:
    """Return a model's table, None where it has none."""
    return getattr(model, "__table__", None)


def registry_of(model: type | None) -> Any:
    """Return the registry of a model's base, which an attribute `registry` of its own may hide."""
    return getattr(manager_of_class(model), "registry", None) if model else None


def subject_of(error: BaseException) -> Subject:
    """Find out from the frames of an error which model it is about."""
    found = Subject()
    for frame, line in walk_tb(error.__traceback__):
        found = _seen(found, frame, line)
    return found


def _seen(found: Subject, frame: FrameType, line: int) -> Subject:
    names, code = frame.f_locals, frame.f_code
    if not is_foreign(code.co_filename):
        found = found._replace(file=code.co_filename, line=line)
        if "__qualname__" in names and code.co_name != "<module>":  # the body of a class
            return found._replace(model=code.co_name, mapping=True, body=True)
        return found
    own, cls = names.get("self"), names.get("cls")
    if "sqlalchemy" in code.co_filename and code.co_name in MAPPING:
        found = found._replace(mapping=True, body=False)
    if isinstance(own, MapperProperty) and hasattr(own, "parent"):
        cls = own.parent.class_
        found = found._replace(attribute=own.key)
    elif isinstance(own, Mapper) and not found.attribute:
        cls = own.class_
    if isinstance(cls, type) and _is_users(cls):
        found = found._replace(cls=cls, model=cls.__name__)
    return found


def _is_users(cls: type) -> bool:
    """Tell whether a class is of the user's own; a module that failed is no longer there."""
    module = sys.modules.get(cls.__module__)
    return module is None or not is_foreign(getattr(module, "__file__", None) or "<")


def file_of(cls: type) -> str:
    """Return the file of a class; nothing where its module is no longer there."""
    return getattr(sys.modules.get(cls.__module__), "__file__", None) or ""


def written(subject: Subject, model: str, attribute: str = "") -> Written:
    """Return the statement that defines a model's attribute, or where the model begins."""
    classes = (
        [subject.cls] if subject.cls and subject.cls.__name__ == model else models_named(model)
    )
    for file in [*filter(None, map(file_of, classes)), subject.file]:
        for node in reversed(_classes_in(file)):  # the last one of a name is the one that counts
            if node.name == model:
                if attribute and (statement := _statement(node, attribute)):
                    text = " ".join(ast.unparse(statement).split())
                    source = " ".join((_source(file, statement) or text).split())
                    return Written(place(file, statement.lineno), source)
                return Written(place(file, node.lineno), "")
    return Written("", "")


def _classes_in(file: str) -> list[ast.ClassDef]:
    tree = parsed(file)
    return [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)] if tree else []


def _statement(node: ast.ClassDef, attribute: str) -> ast.stmt | None:
    for statement in node.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                if name == attribute:
                    return statement
    return None


def source_of(subject: Subject, model: str) -> str:
    """Return the lines of a model's class, in the file that an error came from."""
    nodes = [node for node in _classes_in(subject.file) if node.name == model]
    return (_source(subject.file, nodes[-1]) or "") if nodes else ""


def _source(file: str, node: ast.AST) -> str | None:
    return ast.get_source_segment(_text(file), node)


def defined_beside(subject: Subject, model: str) -> tuple[str, str] | None:
    """Return the file and the module that define a class, beside the file of another model."""
    if subject.cls is None or not (known := file_of(subject.cls)):
        return None
    folder, package = Path(known).parent, subject.cls.__module__.rpartition(".")[0]
    for file in sorted(folder.glob("*.py")):
        if str(file) != known and any(node.name == model for node in _classes_in(str(file))):
            return os.path.relpath(file), ".".join(filter(None, [package, file.stem]))
    return None


def own_text(subject: Subject) -> Written:
    """Return the line of the user's own that an error came by last."""
    where = place(subject.file, subject.line) if subject.file else ""
    return Written(where, where.partition(": ")[2])


def has_subclasses(subject: Subject, model: str) -> bool:
    """Tell whether another class of the same file has this one as its base."""
    return any(
        isinstance(base, ast.Name) and base.id == model
        for node in _classes_in(subject.file)
        for base in node.bases
    )


def attributes(model: type | None) -> Iterator[str]:
    """Return the names of a model's attributes, without those of its base."""
    for cls in model.__mro__ if model else ():
        if not is_foreign(file_of(cls) or "<"):
            yield from (name for name in vars(cls) if not name.startswith("_"))


def defined_in(file: str) -> list[str]:
    """Return the names that a module has once it is run; nothing where that can't be known."""
    tree, path = parsed(file), Path(file)
    package = path.name == "__init__.py"
    own = path.parent.name if package else path.stem
    names = [p.stem for p in path.parent.glob("*.py") if p != path] if package else []
    nodes: list[ast.AST] = [*tree.body] if tree else []
    while nodes:
        match node := nodes.pop():
            case ast.FunctionDef(name="__getattr__") | ast.ImportFrom(names=[ast.alias(name="*")]):
                return []
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.append(node.name)
            case ast.Name(ctx=ast.Store()):
                names.append(node.id)
            case ast.ImportFrom() if (node.module or own).rpartition(".")[2] == own:
                pass  # what it wants of itself, it needn't have
            case ast.Import() | ast.ImportFrom():
                names += [(n.asname or n.name).partition(".")[0] for n in node.names]
            case _:
                nodes += ast.iter_child_nodes(node)
    return sorted(set(names)) if tree else []


def parsed(file: str) -> ast.Module | None:
    """Return a file's tree, without running it; None where it can't be read."""
    try:
        return ast.parse(_text(file))
    except (SyntaxError, ValueError, OSError):
        return None


def _text(file: str) -> str:
    with open(file, "rb") as opened:
        return opened.read().decode(errors="replace")


def edited(line: Written, wrong: str, right: str) -> dict[str, str]:
    """Return a line before and after a name in it is put right; nothing where that isn't known."""
    if not right:
        return {}
    changed = re.sub(rf"(?<!\w){re.escape(wrong)}(?!\w)", lambda _: right, line.text)
    before = line.text if changed != line.text else wrong
    after = changed if before == line.text else right
    return {"before": before, "after": after, "right": right, "but": f", but it has `{right}`"}


def prefix_of(line: Written, subject: Subject) -> str:
    """Return what stands before names of SQLAlchemy in a line, or in its file: `db.`, `sa.`."""
    if "db." in line.text:
        return "db."
    alias = re.search(r"^import sqlalchemy as (\w+)", _text(subject.file), re.M)
    return f"{alias[1]}." if alias else ""


def spelt(name: str, subject: Subject) -> str:
    """Return a function of SQLAlchemy as the model's file calls it: `so.relationship`, perhaps."""
    found = re.search(rf"(\w+\.)?\b{name}(?=\()", _text(subject.file)) if subject.file else None
    return found[0] if found else name


def with_argument(line: Written, argument: str, first: bool = False) -> dict[str, str]:
    """Return an attribute before and after its call is given one more argument."""
    head, bracket, rest = line.text.partition("(")
    if not bracket or not rest.endswith(")"):
        after = f"{line.text} = mapped_column({argument})" if line.text else argument
        return {"before": line.text or "...", "after": after}
    inside = rest[:-1].strip().removesuffix(",")
    parts = [argument, inside] if first else [inside, argument]
    return {"before": line.text, "after": f"{head}({', '.join(filter(None, parts))})"}


def like(text: str, mapped: str, classic: str) -> str:
    """Return an attribute in the style of the line that stands beside it."""
    return classic if "db." in text and "Mapped[" not in text else mapped
