"""Writes an application: the starter's files, without some rooms, in the application's words."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePath

from . import pins
from .names import Names
from .rooms import without
from .words import renamed, renamed_path

ROOT = Path(__file__).parents[1]
STARTER = ROOT / "starter"
PACKAGES = "packages"
"""The folder of packages that come along as they are."""
# What running the starter leaves behind.
LEFT = ("__pycache__", ".venv", "instance", "build", ".env")
# Of what comes along unchanged, these are worth reading.
READ = {"base.py", "extensions.py"}
CLOSED = "# You don't need to open this file: `make update` keeps it up to date."


def write(folder: Path, names: Names, left_out: set[str]) -> None:
    """Write an application without these rooms into a folder."""
    for path in files():
        text = _text(path, names, left_out)
        if text is not None:
            target = folder / renamed_path(path, names)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
            target.chmod((STARTER / path).stat().st_mode)
    project = folder / "pyproject.toml"
    project.write_text(project.read_text() + _about(names, left_out))
    constraints = folder / "constraints.txt"
    packages = [path.read_text() for path in folder.glob(f"{PACKAGES}/*/pyproject.toml")]
    constraints.write_text(pins.needed(constraints.read_text(), project.read_text(), packages))
    for command in (["check", "--fix-only"], ["format"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--quiet", "--no-cache", str(folder)]
        subprocess.run(ruff, check=True)  # noqa: S603


def files() -> Iterator[PurePath]:
    """Find what the starter has, following links."""
    for place, folders, names in os.walk(STARTER, followlinks=True):
        here = PurePath(place).relative_to(STARTER)
        left = (*LEFT, "tests") if here.parts[:1] == (PACKAGES,) else LEFT
        folders[:] = [
            name
            for name in folders
            if name not in left and not name.endswith((".egg-info", "_cache"))
        ]
        yield from (here / name for name in names if name not in left)


def _text(path: PurePath, names: Names, left_out: set[str]) -> str | None:
    """Return what a file becomes, or None if it goes with a room."""
    source = STARTER / path
    text = without(path, source.read_text(), left_out)
    if text is None or path.parts[0] == PACKAGES:
        return text
    text = renamed(path, text, names)
    is_closed = source.is_symlink() and path.suffix == ".py" and path.name not in READ
    return f"{CLOSED}\n{text}" if is_closed else text


def _about(names: Names, left_out: set[str]) -> str:
    """Return the table of pyproject.toml from which `make update` makes it again."""
    about = names._asdict() | {"without": sorted(left_out)}
    lines = [f"{name} = {json.dumps(value)}" for name, value in about.items()]
    return "\n".join(["", "# What `make update` makes again.", "[tool.starter]", *lines, ""])
