"""Which models the migrations know, and which ones they miss."""

import ast
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .case import facts_of
from .diagnosis import Diagnosis
from .state import State

SKIPPED = {"migrations", "tests", "node_modules", "build", "dist", "site-packages"}


def known_models(state: State) -> list[str]:
    """Return the models that the migrations see, each with its module, or else their tables."""
    base = getattr(state.app.extensions.get("sqlalchemy"), "Model", None)
    if base is None:
        return sorted(state.metadata.tables) if state.metadata is not None else []
    models = [mapper.class_ for mapper in base.registry.mappers]
    return sorted(f"{model.__name__} ({model.__module__})" for model in models)


def missing_models(state: State) -> list[str]:
    """Return the models that the migrations don't see, each with the reason."""
    root = Path(state.app.root_path)
    return [*_of_another_db(state.app.extensions.get("sqlalchemy"), root), *_never_imported(root)]


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
    """Find the models of a second `SQLAlchemy()` of Flask-SQLAlchemy."""
    if not hasattr(db, "Model"):
        return
    others = {
        id(value): (value, name, module.__name__)
        for module in list(sys.modules.values())
        if Path(getattr(module, "__file__", None) or "/").is_relative_to(root)
        for name, value in list(vars(module).items())
        if isinstance(value, type(db)) and value is not db
    }
    for other, name, module in others.values():
        for mapper in other.Model.registry.mappers:
            model = mapper.class_
            yield f"{model.__name__} ({model.__module__}) belongs to `{name}` of {module}"


def _never_imported(root: Path) -> Iterator[str]:
    """Find models in the application's package; of a single file, in the folder that it lies in."""
    imported = {
        Path(file).resolve()
        for module in list(sys.modules.values())
        if (file := getattr(module, "__file__", None))
    }
    for file in _files(root):
        if file.resolve() not in imported:
            for model in _models_in(file):
                yield f"{model}: nothing imports {file.relative_to(root)}"


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in SKIPPED and not f.startswith("."))
        if "pyvenv.cfg" in names:  # a virtual environment by whatever name
            folders.clear()
        yield from (Path(folder, name) for name in sorted(names) if name.endswith(".py"))


def _models_in(file: Path) -> Iterator[str]:
    """Find the classes that name a table, or are a `db.Model`, without running the file."""
    try:
        tree = ast.parse(file.read_text())
    except (SyntaxError, ValueError, OSError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and _is_model(node):
            yield node.name


def _is_model(node: ast.ClassDef) -> bool:
    names = {
        target.id
        for statement in node.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    base = any(ast.unparse(base).endswith("db.Model") for base in node.bases)
    return "__tablename__" in names or (base and "__abstract__" not in names)
