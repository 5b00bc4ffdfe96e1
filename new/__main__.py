"""`make new NAME=shops MODEL=Shop`, and `make update` in what that made."""

import argparse
import io
import shutil
import sys
import tokenize
import tomllib
from pathlib import Path, PurePath

from . import repository
from .names import Names, RefusedError, checked
from .rooms import COMPLEMENTARY, ROOMS
from .words import WORDS
from .writing import PACKAGES, ROOT, STARTER, files, write


def main(arguments: list[str] | None = None) -> int:
    """Make an application, or update one. Return the exit status."""
    parser = argparse.ArgumentParser(prog="make new")
    for name in ("name", "model", "plural", "only", "without", "folder"):
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("--update", action="store_true")
    options = parser.parse_args(arguments)
    try:
        if options.update:
            return _update(Path(options.folder))
        left_out = _left_out(options.only, options.without)
        names = checked(options.name, options.model, options.plural, _names_in_use())
        folder = Path(options.folder or ROOT.parent / names.package).absolute()
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise RefusedError(f"{folder} is there already: use another with DIR=")
        if not shutil.which("git"):
            raise RefusedError("git is missing: install it, because this makes a git repository")
        write(folder, names, left_out)
        repository.create(folder, f"Make {names.package} from the starter")
        repository.git(folder, "config", "starter.from", str(ROOT))
    except (RefusedError, repository.RepositoryError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Made {names.package} in {folder}. Go there, and start it with: make run")
    return 0


def _left_out(only: str, without: str) -> set[str]:
    """Return the rooms to leave out."""
    if only and without:
        raise RefusedError("use WITH= or WITHOUT=, not both")
    given = set((only or without).replace(",", " ").split())
    if unknown := given - set(ROOMS):
        raise RefusedError(f"{min(unknown)}: expected rooms of {', '.join(ROOMS)}")
    left_out = set(ROOMS) - given if only else given
    if left_out >= COMPLEMENTARY:
        raise RefusedError("an application needs the room api, or pages, or both")
    return left_out


def _names_in_use() -> set[str]:
    """Return what other modules, addresses and commands are called, and things beside the model."""
    used = {"docs", "routes"}
    for path in files():
        if path.parts[0] == "starterapp":
            used |= {PurePath(part).stem for part in path.parts[1:]}
        if path.parts[0] != PACKAGES and path.suffix == ".py":
            text = (STARTER / path).read_text()
            if WORDS.search(text.replace("starterapp", "")):
                tokens = tokenize.generate_tokens(io.StringIO(text).readline)
                used |= {token.string for token in tokens if token.type == tokenize.NAME}
    return used


def _update(folder: Path) -> int:
    """Make the application again as it was made, and merge it."""
    repository.find_branch(folder)
    made = repository.git(folder, "show", f"{repository.BRANCH}:pyproject.toml")
    about = tomllib.loads(made)["tool"]["starter"]
    left_out = set(about.pop("without"))
    return repository.update(
        folder,
        lambda tree: write(tree, Names(**about), left_out),
        "Take over what is new in the starter",
    )


if __name__ == "__main__":
    sys.exit(main())
