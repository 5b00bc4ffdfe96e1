"""What lies in the folder where a command was started: applications, environments, settings."""

import ast
import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

NOT_SEARCHED = {"node_modules", "tests", "migrations", "site-packages", "venv", "env", "build"}
FOUND_BY_FLASK = ("app", "application", "create_app", "make_app")
ENVIRONMENTS = (".venv", "venv", "env", ".env", ".virtualenv")
# What editors, Windows and people make of the name `.env`.
MISNAMED = re.compile(r"(?:[._]|dot)?env(?:rc|[._-]\w+)?|\w+\.env", re.I)
NO_SETTINGS = (".env", ".env.example", ".env.sample", ".env.template", "env.py")
ENOUGH = 200  # files that are read


@dataclass(frozen=True)
class Application:
    """A place in a file where a Flask application is made."""

    file: str
    name: str
    is_factory: bool
    needed: tuple[str, ...] = ()  # a factory's arguments without a default
    returns: bool = True

    @property
    def option(self) -> str:
        """What `--app` must be for it."""
        found = self.name in FOUND_BY_FLASK and not self.needed
        arguments = f"({', '.join(map(str.upper, self.needed))})" if self.needed else ""
        return self.file + ("" if found else f":{self.name}{arguments}")


def applications(folder: Path) -> list[Application]:
    """Return the Flask applications that files here, and one or two folders below, make."""
    return [found for file in _sources(folder) for found in applications_in(file)]


def _sources(folder: Path) -> list[Path]:
    files: list[Path] = []
    for place, folders, names in os.walk(folder):
        depth = len(Path(place).relative_to(folder).parts)
        folders[:] = sorted(
            f for f in folders if depth < 2 and f[0] not in "._" and f not in NOT_SEARCHED
        )
        files += [Path(place, name) for name in sorted(names) if name.endswith(".py")]
    return files[:ENOUGH]


def applications_in(file: Path) -> list[Application]:
    """Return the Flask applications that a file makes, by its code alone: it isn't run."""
    try:
        source = file.read_text(encoding="utf-8")
        tree = ast.parse(source) if "Flask(" in source else ast.Module([], [])
    except (OSError, SyntaxError, ValueError):
        return []
    return [*_made_in(tree, os.path.relpath(file))]


def _made_in(tree: ast.Module, file: str) -> Iterator[Application]:
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value and _makes(node.value):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name):
                yield Application(file, target.id, is_factory=False)
        elif isinstance(node, ast.FunctionDef) and _makes(node):
            names = [a.arg for a in (*node.args.posonlyargs, *node.args.args)]
            needed = tuple(names[: len(names) - len(node.args.defaults)])
            returns = any(isinstance(n, ast.Return) and n.value for n in ast.walk(node))
            yield Application(file, node.name, True, needed, returns)


def _makes(node: ast.AST) -> bool:
    calls = (n.func for n in ast.walk(node) if isinstance(n, ast.Call))
    return any(getattr(f, "id", getattr(f, "attr", "")) == "Flask" for f in calls)


def environment_with(package: str) -> Path | None:
    """Return the virtual environment of this project, if it isn't in use and has this package."""
    for folder in (Path.cwd(), *Path.cwd().parents[:2]):
        for name in ENVIRONMENTS:
            found = folder / name
            if not (found / "pyvenv.cfg").exists() or found.resolve() == Path(sys.prefix).resolve():
                continue
            for packages in (*found.glob("lib/python*/site-packages"), found / "Lib/site-packages"):
                if (packages / package).is_dir() or (packages / f"{package}.py").exists():
                    return found
    return None


def settings_file() -> Path | None:
    """Return the `.env` that Flask reads: that of this folder, or of the nearest above."""
    with suppress(ImportError):
        from dotenv import find_dotenv

        found = find_dotenv(usecwd=True)
        return Path(found) if found else None
    return next((f for p in (Path.cwd(), *Path.cwd().parents) if (f := p / ".env").is_file()), None)


def settings_in(file: Path) -> dict[str, str | None]:
    """Return the variables that a file sets, none where it can't be read."""
    try:
        from dotenv import dotenv_values

        return dict(dotenv_values(file, encoding="utf-8"))
    except (ImportError, OSError, ValueError):
        return {}


def misnamed_settings(variable: str) -> Path | None:
    """Return a file that sets this variable, as `.env` would, under a name that nobody reads."""
    for name in sorted(set(os.listdir()) - set(NO_SETTINGS)):
        file = Path(name)
        if MISNAMED.fullmatch(name) and file.is_file() and variable in settings_in(file):
            return file
    return None
