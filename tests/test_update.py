"""`make update`: what is new in the starter is merged into an application that was changed."""

import subprocess
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest
from made import ROOT, new, run


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
            ignore=ignore_patterns(".*cache", ".git", ".venv*", "instance", "build", "tests"),
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


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_both_changes_are_kept(project: Project):
    project.edit("shops/models.py", "rating: Mapped", "# How good?\n    rating: Mapped")
    (project.root / "starter/starterapp/news.py").write_text('WIDGETS = "all widgets"\n')
    replace(project.root / "stationsapp/base.py", "have in common", "share")
    done = project.update()
    assert done.returncode == 0, done.stderr
    assert "# How good?" in (project.made / "shops/models.py").read_text()
    assert "What all models share." in (project.made / "shops/base.py").read_text()
    assert (project.made / "shops/news.py").read_text() == 'WIDGETS = "all shops"\n'
    assert git(project.made, "status", "--porcelain") == ""


def test_a_conflict_is_shown_as_git_shows_it(project: Project):
    project.edit("shops/models.py", '"""A shop."""', '"""A shop of ours."""')
    replace(project.root / "starter/starterapp/models.py", '"""A widget."""', '"""One widget."""')
    done = project.update()
    assert done.returncode == 1
    assert "CONFLICT (content): Merge conflict in shops/models.py" in done.stdout
    assert "<<<<<<< HEAD" in (project.made / "shops/models.py").read_text()


def test_without_news_nothing_changes(project: Project):
    assert "Already up to date." in project.update().stdout
    assert git(project.made, "rev-list", "--count", "--all") == "1"
