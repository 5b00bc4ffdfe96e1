"""`make new NAME=shops MODEL=Shop`, and `make update` in what that made."""

import argparse
import io
import os
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

from . import pins, repository
from .names import NameError_, Names, checked
from .rooms import COMPLEMENTARY, ROOMS, without
from .words import WORDS, renamed, renamed_path

ROOT = Path(__file__).parents[1]
STARTER = ROOT / "starter"
# What running the starter leaves behind, and the doctor's own tests.
LEFT = {"__pycache__", ".venv", "instance", "build", ".env", "tests/exam"}
FOREIGN = "packages"
# Of what comes along unchanged, these are worth reading.
READ = {"base.py", "extensions.py"}
CLOSED = "# You don't need to open this file: `make update` keeps it up to date."


def main(arguments: list[str] | None = None) -> int:
    """Make an application, or update one. Return the exit status."""
    options = _options(arguments)
    try:
        if options.update:
            return _update(options.folder)
        rooms = _rooms(options.with_, options.without)
        names = checked(options.name, options.model, options.plural, _names_in_use())
        folder = options.folder or ROOT.parent / names.package
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise NameError_(f"{folder} is there already: use another with DIR=")
        write(folder, names, rooms)
        repository.create(folder, f"Make {names.package} from the starter")
        repository.git(folder, "config", "starter.from", str(ROOT))
    except (NameError_, repository.RepositoryError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Made {names.package} in {folder}. Go there, and start it with: make run")
    return 0


def _options(arguments: list[str] | None) -> Any:
    parser = argparse.ArgumentParser(prog="make new")
    for name in ("name", "model", "plural", "with", "without"):
        parser.add_argument(f"--{name}", default="", dest="with_" if name == "with" else name)
    parser.add_argument("--folder", type=lambda path: Path(path).absolute() if path else None)
    parser.add_argument("--update", action="store_true")
    return parser.parse_args(arguments)


def _rooms(only: str, without: str) -> set[str]:
    """Return the rooms to leave out."""
    if only and without:
        raise NameError_("use WITH= or WITHOUT=, not both")
    given = set((only or without).replace(",", " ").split())
    if unknown := given - set(ROOMS):
        raise NameError_(f"{min(unknown)}: expected rooms of {', '.join(ROOMS)}")
    left_out = set(ROOMS) - given if only else given
    if left_out >= COMPLEMENTARY:
        raise NameError_("an application needs the room api, or pages, or both")
    return left_out


def _update(folder: Path) -> int:
    try:
        made = repository.git(folder, "show", f"{repository.BRANCH}:pyproject.toml")
    except repository.RepositoryError:
        repository.git(folder, "branch", repository.BRANCH, f"origin/{repository.BRANCH}")
        made = repository.git(folder, "show", f"{repository.BRANCH}:pyproject.toml")
    about = tomllib.loads(made)["tool"]["starter"]
    names = Names(about["name"], about["model"], about["plural"])
    return repository.update(
        folder,
        lambda tree: write(tree, names, set(about["without"])),
        "Take over what is new in the starter",
    )


def write(folder: Path, names: Names, rooms: set[str]) -> None:
    """Write an application without these rooms into a folder."""
    packages = {}
    for path in _files():
        source, text = STARTER / path, None
        if source.suffix not in (".png", ".ico"):
            text = source.read_text()
            if path.parts[0] == FOREIGN:
                if "doctor" in rooms:
                    continue
                if path.name == "pyproject.toml":
                    packages[path.parts[1]] = text
            else:
                text = without(path, text, rooms)
                if text is None:
                    continue
                text = renamed(path, text, names)
                if source.is_symlink() and path.suffix == ".py" and path.name not in READ:
                    text = f"{CLOSED}\n{text}"
        target = folder / renamed_path(path, names)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(source.stat().st_mode)
    project = folder / "pyproject.toml"
    about = {"name": names.package, "model": names.model, "plural": names.plural}
    lines = [f'{key} = "{value}"' for key, value in about.items()]
    lines.append(f"without = {sorted(rooms)}".replace("'", '"'))
    project.write_text(
        project.read_text()
        + "\n# What `make update` makes again.\n[tool.starter]\n"
        + "\n".join(lines)
        + "\n"
    )
    constraints = folder / "constraints.txt"
    constraints.write_text(pins.needed(constraints.read_text(), project.read_text(), packages))
    for command in (["check", "--fix-only"], ["format"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--quiet", "--no-cache", str(folder)]
        subprocess.run(ruff, check=True)  # noqa: S603


def _files() -> Iterator[PurePath]:
    """Find what the starter has, following links."""
    for place, folders, files in os.walk(STARTER, followlinks=True):
        here = PurePath(place).relative_to(STARTER)
        folders[:] = sorted(
            name
            for name in folders
            if name not in LEFT
            and not name.endswith((".egg-info", "_cache"))
            and (here.parts[:1] != (FOREIGN,) or name != "tests")
        )
        yield from (here / name for name in sorted(files) if name not in LEFT)


def _names_in_use() -> set[str]:
    """Return what the starter's code calls other things, where it has the model."""
    used: set[str] = set()
    for path in _files():
        text = (STARTER / path).read_text() if path.suffix == ".py" else ""
        if path.parts[0] != FOREIGN and WORDS.search(text.replace("starterapp", "")):
            tokens = tokenize.generate_tokens(io.StringIO(text).readline)
            used |= {token.string for token in tokens if token.type == tokenize.NAME}
    return used


if __name__ == "__main__":
    sys.exit(main())
