"""The git repository of an application: its first commit, and the merge of a new version."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

BRANCH = "starter"
"""The branch whose commits are what the starter made, without any changes."""


class RepositoryError(Exception):
    """What git can't do, in git's words."""


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder, and return what it says. Raises RepositoryError."""
    done = subprocess.run(  # noqa: S603
        ["git", *arguments],  # noqa: S607
        cwd=folder,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RepositoryError(f"git {arguments[0]}: {(done.stderr or done.stdout).strip()}")
    return done.stdout.strip()


def create(folder: Path, message: str) -> None:
    """Make a repository whose first commit on `main` and on BRANCH is all that is there."""
    git(folder, "init", "--quiet")
    git(folder, "symbolic-ref", "HEAD", "refs/heads/main")
    _commit(folder, message)
    git(folder, "branch", BRANCH)


def find_branch(folder: Path) -> None:
    """Make sure that BRANCH is there: a fresh clone has only the remote's."""
    if not git(folder, "branch", "--list", BRANCH):
        git(folder, "branch", BRANCH, f"origin/{BRANCH}")


def update(folder: Path, write: Callable[[Path], None], message: str) -> int:
    """Commit what `write` makes on BRANCH, and merge it. Return the exit status of the merge."""
    with TemporaryDirectory() as temporary:
        tree = Path(temporary, "tree")
        git(folder, "worktree", "add", "--quiet", str(tree), BRANCH)
        try:
            git(tree, "rm", "-r", "--quiet", ".")
            write(tree)
            git(tree, "add", "--all")
            if git(tree, "status", "--porcelain"):
                _commit(tree, message)
        finally:
            git(folder, "worktree", "remove", "--force", str(tree))
    return subprocess.run(  # noqa: S603
        ["git", *_author(folder), "merge", "--no-edit", BRANCH],  # noqa: S607
        cwd=folder,
    ).returncode


def _commit(folder: Path, message: str) -> None:
    git(folder, "add", "--all")
    git(folder, *_author(folder), "commit", "--quiet", "--message", message)


def _author(folder: Path) -> list[str]:
    """Return options that name an author if git doesn't know who you are."""
    try:
        git(folder, "config", "user.email")
        return []
    except RepositoryError:
        return ["-c", "user.name=starter", "-c", "user.email=starter@localhost"]
