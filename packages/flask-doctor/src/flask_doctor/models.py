"""Which models there are, and which ones the migrations don't see."""

import ast
import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Column, MetaData
from sqlalchemy.exc import SAWarning
from sqlalchemy.orm import MappedColumn
from sqlalchemy.sql.elements import ColumnClause

from .case import facts_of
from .diagnosis import Diagnosis
from .model_code import models as all_models
from .model_code import parsed, registry_of, table_of
from .state import State

COLUMNS = (Column, MappedColumn)
COPY = re.compile(r"^test_|^conftest$|copy|backup|_old$")
SKIPPED = {"migrations", "tests", "test", "node_modules", "build", "dist", "site-packages", "venv"}


def known_models(state: State) -> list[str]:
    """Return the models that the migrations see, each with its module, or else their tables."""
    seen = _own_models(state)
    if seen or state.metadata is None:
        return sorted(f"{model.__name__} ({model.__module__})" for model in seen)
    return sorted(state.metadata.tables)


def _own_models(state: State) -> list[type]:
    """Return the models of this application, which may not be the only one in the process."""
    base = getattr(state.app.extensions.get("sqlalchemy"), "Model", None)
    if base is not None:
        return [model for model in all_models() if issubclass(model, base)]
    own = state.metadata
    return [m for m in all_models() if own is not None and _metadata_of(table_of(m)) is own]


def _metadata_of(thing: object) -> object:
    with suppress(RuntimeError):  # Flask's `request` and its like, outside of their context
        return getattr(thing, "metadata", None)
    return None


def connect_models(state: State) -> list[str]:
    """Let SQLAlchemy connect the models with each other, as the first query would.

    It raises what is wrong with them. What SQLAlchemy only warns of, and what is surely a slip, is
    returned.
    """
    own = _own_models(state)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", SAWarning)
        for registry in {registry_of(model) for model in own}:
            registry.configure(cascade=True)
    told = [str(w.message).split(". ")[0] for w in caught if issubclass(w.category, SAWarning)]
    return [*told, *(slip for model in own for slip in _slips(model))]


def _slips(model: type) -> Iterator[str]:
    """Find what a model says and SQLAlchemy passes over."""
    for name, value in vars(model).items():
        if isinstance(value, tuple) and len(value) == 1 and isinstance(value[0], COLUMNS):
            yield f"{model.__name__}.{name} isn't a column, because a comma follows it"
        elif isinstance(value, ColumnClause) and not isinstance(value, Column):
            yield f"{model.__name__}.{name} isn't a column: it says `column` instead of `Column`"
    for column in getattr(table_of(model), "columns", ()):
        default = getattr(column.default, "arg", None)
        called = {datetime: "datetime.now()", UUID: "uuid4()"}.get(type(default))
        recent = not isinstance(default, datetime) or default.date() >= date.today()
        if called and recent:
            yield (
                f"default={called} of {model.__name__}.{column.key} is the same for every row: "
                f"without the brackets it is called for each"
            )


def missing_models(state: State) -> list[str]:
    """Return the models that the migrations don't see, each with the reason."""
    root = Path(state.app.root_path)
    return [*_of_another_db(state.app.extensions.get("sqlalchemy"), root), *_never_imported(state)]


def explain_no_changes(state: State) -> str:
    """Say which models the migrations know, and what is missing."""
    seen = f"Models known: {', '.join(known_models(state)) or 'none'}."
    missing = missing_models(state)
    if not missing:
        return f"{seen} The database matches them."
    facts = {"seen": seen, "missing": "; ".join(missing)}
    entry = state.entries["nothing-to-migrate"]
    return Diagnosis(entry, facts_of(state, None) | facts).text()


def _of_another_db(db: Any, root: Path) -> Iterator[str]:
    """Find the models of a second `SQLAlchemy()` of Flask-SQLAlchemy that no application has."""
    if not hasattr(db, "Model"):
        return
    others = {
        id(value): (value, name, module.__name__)
        for module in list(sys.modules.values())
        if str(getattr(module, "__file__", None)).startswith(os.path.join(root, ""))
        for name, value in list(vars(module).items())
        if isinstance(value, type(db)) and value is not db
    }
    for other, name, module in others.values():
        if len(getattr(other, "_app_engines", ())):  # it is another application's
            continue
        for mapper in other.Model.registry.mappers:
            model = mapper.class_
            yield f"{model.__name__} ({model.__module__}) belongs to `{name}` of {module}"


def _never_imported(state: State) -> Iterator[str]:
    """Find models in the application's package; of a single file, in the folder that it lies in.

    Only those count whose base is this application's, and whose table it doesn't know.
    """
    root, metadata = Path(state.app.root_path), state.metadata
    if metadata is None:
        return
    package = _package_of(state.app.import_name)
    files = {
        ".".join([*package, *file.relative_to(root).with_suffix("").parts]): file
        for file in _files(root)
    }
    origins = [str(getattr(module, "__file__", None)) for module in list(sys.modules.values())]
    names = {file.name for file in files.values()}  # it takes long to resolve all
    loaded = {Path(path).resolve() for path in origins if os.path.basename(path) in names}
    known = {model.__name__ for model in all_models()} | set(metadata.tables)
    left = {module: file for module, file in files.items() if file.resolve() not in loaded}
    found = [
        (module, name)
        for module, file in left.items()
        if (tree := parsed(str(file))) is not None
        for name, table in _models_in(tree, _bases(tree, module, metadata))
        if not {name, table, name.lower()} & known
    ]
    if not found:
        return
    # What a function imports only when it is called may be meant to be so.
    trees = {module: parsed(str(file)) for module, file in files.items()}
    named = {name for module, tree in trees.items() if tree for name, *_ in _imports(tree, module)}
    for module, name in found:
        if module.removesuffix(".__init__") not in named:
            yield f"{name}: nothing imports {files[module].relative_to(root)}"


def _package_of(module: str) -> list[str]:
    """Return the names of the package that an application's files belong to; none for a folder."""
    is_package = hasattr(sys.modules.get(module), "__path__")
    return module.split(".") if is_package else module.split(".")[:-1]


def _files(root: Path) -> Iterator[Path]:
    """Return the files of the application, without other programs and virtual environments."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in SKIPPED and not f.startswith("."))
        files = [Path(folder, name) for name in sorted(names) if name.endswith(".py")]
        others = Path(folder) != root and any(b"Flask(" in _bytes(file) for file in files)
        if "pyvenv.cfg" in names or others:
            folders.clear()
            continue
        yield from (f for f in files if not COPY.search(f.stem) and b"__main__" not in _bytes(f))


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


def _imports(tree: ast.Module, module: str) -> Iterator[tuple[str, str, str, str]]:
    """Return what a module imports anywhere: `a.b` and `a.b.c` for `from a.b import c as d`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "", "", "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = module.split(".")[: -node.level] if node.level else []
            origin = ".".join([*parents, *filter(None, [node.module])])
            yield origin, "", "", ""
            for alias in node.names:
                yield f"{origin}.{alias.name}", origin, alias.name, alias.asname or alias.name


def _bases(tree: ast.Module, module: str, metadata: MetaData) -> set[str]:
    """Return the names in a module, as `db`, that are this application's base for models."""
    return {
        own
        for _, origin, name, own in _imports(tree, module)
        if name and _metadata_of(getattr(sys.modules.get(origin), name, None)) is metadata
    }


def _models_in(tree: ast.Module, bases: set[str]) -> Iterator[tuple[str, str]]:
    """Return the models of a file that have one of these bases, each with its table's name."""
    for node in (n for n in tree.body if isinstance(n, ast.ClassDef)):
        values = {
            target.id: statement.value
            for statement in node.body
            if isinstance(statement, ast.Assign)
            for target in statement.targets
            if isinstance(target, ast.Name)
        }
        if not {ast.unparse(base).removesuffix(".Model") for base in node.bases} & bases:
            continue
        if "__abstract__" in values:
            bases.add(node.name)
            continue
        table = values.get("__tablename__")
        yield node.name, str(table.value) if isinstance(table, ast.Constant) else ""
