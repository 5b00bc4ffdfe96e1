"""Applications that `make new` makes, checked with the packages that are installed here."""

import os
import re
import subprocess
import sys
from pathlib import Path
from shutil import copytree, ignore_patterns

from postgres import ROOT, SETTINGS


def run(folder: Path, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a module of Python's, such as pytest, in a folder, without this machine's settings.

    Of pytest's plug-ins that are installed here, an application has none.
    """
    settings |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    kept = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env={name: value for name, value in kept.items() if "PYTEST" not in name} | settings,
        capture_output=True,
        text=True,
    )


def new(folder: Path, *, root: Path = ROOT, **options: str) -> subprocess.CompletedProcess[str]:
    """Make an application in a folder, as `make new` does."""
    options = {"name": "shops", "model": "Shop", "folder": str(folder)} | options
    arguments = [f"--{name}={value}" for name, value in options.items()]
    return run(root, "new", *arguments)


def passes(folder: Path, *command: str, **settings: str) -> str:
    """Run a command, which must succeed, and return what it says."""
    done = run(folder, *command, **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files(folder: Path) -> list[Path]:
    """Find what was made and committed, but for the packages that come along."""
    paths = map(Path, git(folder, "ls-files").splitlines())
    return sorted(path for path in paths if path.parts[0] != "packages")


def found(folder: Path, words: str) -> list[tuple[Path, str]]:
    """Find the lines of what was made that match a pattern, in the paths as well."""
    return [
        (path, line)
        for path in files(folder)
        for line in [str(path), *(folder / path).read_text().splitlines()]
        if re.search(words, line)
    ]


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


class Project:
    """An application that was made by an older starter, and then changed."""

    def __init__(self, folder: Path) -> None:
        self.root = copytree(
            ROOT,
            folder / "root",
            symlinks=True,
            ignore=ignore_patterns(".*cache", ".git", ".venv*", "instance", "build"),
        )
        self.made = folder / "shops"
        assert new(self.made, root=self.root).returncode == 0

    def edit(self, path: str, old: str, new: str) -> None:
        """Change the application."""
        replace(self.made / path, old, new)
        git(self.made, "commit", "--all", "--message", "Change it")

    def update(self) -> subprocess.CompletedProcess[str]:
        """Merge what the changed starter makes."""
        return run(self.root, "new", "--update", f"--folder={self.made}")


def replace(file: Path, old: str, new: str) -> None:
    content = file.read_text()
    assert old in content
    file.write_text(content.replace(old, new))
