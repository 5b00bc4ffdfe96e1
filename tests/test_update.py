"""`make update`: what is new in the starter is merged into an application that was changed."""

from pathlib import Path

import pytest
from made import Project, git, replace


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_both_changes_are_kept(project: Project):
    project.edit("shops/models.py", "rating: Mapped", "# How good?\n    rating: Mapped")
    (project.root / "starter/starterapp/news.py").write_text('WIDGETS = "all widgets"\n')
    replace(project.root / "stationsapp/base.py", "The base class of all models", "All models")
    done = project.update()
    assert done.returncode == 0, done.stderr
    assert "# How good?" in (project.made / "shops/models.py").read_text()
    assert "All models." in (project.made / "shops/base.py").read_text()
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
