"""Which models the migrations know, and which ones they miss."""

import ast
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask import Flask, current_app
from flask_sqlalchemy import SQLAlchemy

from .catalogue import ENTRIES
from .diagnosis import Diagnosis, command_facts

SKIPPED = {"migrations", "tests", "node_modules", "build", "dist", "site-packages"}


def known_models(app: Flask) -> list[str]:
    """Return the models of the application's `SQLAlchemy()`, each with its module."""
    mappers = app.extensions["sqlalchemy"].Model.registry.mappers
    return sorted(f"{mapper.class_.__name__} ({mapper.class_.__module__})" for mapper in mappers)


def missing_models(app: Flask) -> list[str]:
    """Return the models that the migrations don't see, each with the reason."""
    db = app.extensions["sqlalchemy"]
    return [*_of_another_db(db, Path(app.root_path)), *_never_imported(app)]


def explain_no_changes() -> str:
    """Say which models the migrations know, and what is missing."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    seen = f"Models known: {', '.join(known_models(app)) or 'none'}."
    missing = missing_models(app)
    if not missing:
        return f"{seen} The database has all that they say."
    facts = {"seen": seen, "missing": "; ".join(missing)}
    return Diagnosis(ENTRIES["nothing-to-migrate"], command_facts() | facts).text()


def _of_another_db(db: SQLAlchemy, root: Path) -> Iterator[str]:
    others = {
        id(value): (value, name, module.__name__)
        for module in list(sys.modules.values())
        if Path(getattr(module, "__file__", None) or "/").is_relative_to(root)
        for name, value in list(vars(module).items())
        if isinstance(value, SQLAlchemy) and value is not db
    }
    for other, name, module in others.values():
        base: Any = other.Model
        for mapper in base.registry.mappers:
            model = mapper.class_
            yield f"{model.__name__} ({model.__module__}) belongs to `{name}` of {module}"


def _never_imported(app: Flask) -> Iterator[str]:
    # The package of the application; for one that is a single file, the folder that it lies in.
    root = Path(app.root_path)
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
