"""What `make` notices before it does anything."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from postgres import ROOT

NEEDED = ["Makefile", "pyproject.toml", "constraints.txt", "packages/flask-doctor/pyproject.toml"]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with what `make` needs, and a virtual environment that is older than nothing."""
    for name in [*NEEDED, ".venv/installed"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    for name in NEEDED:
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / ".venv/installed").write_text(f"{tmp_path}\n")
    (tmp_path / ".venv/bin").mkdir()
    (tmp_path / ".venv/bin/python").symlink_to(sys.executable)
    return tmp_path


def make(folder: Path, *arguments: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments], cwd=folder, capture_output=True, text=True, **options
    )


def test_packages_that_are_installed_are_not_installed_again(copy: Path):
    assert make(copy, "--question", ".venv/installed").returncode == 0


def test_a_virtual_environment_of_another_folder_is_made_anew(copy: Path, tmp_path: Path):
    moved = copy.rename(tmp_path.with_name(f"{tmp_path.name} ü"))
    assert make(moved, "--question", ".venv/installed").returncode == 1


def test_a_virtual_environment_whose_python_was_removed_is_made_anew(copy: Path):
    (copy / ".venv/bin/python").unlink()
    (copy / ".venv/bin/python").symlink_to(copy / "removed")
    assert make(copy, "--question", ".venv/installed").returncode == 1


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_the_database_is_deleted_only_after_a_yes(copy: Path, answer: str):
    (copy / "instance" / "postgres").mkdir(parents=True)
    done = make(copy, "reset", input=answer)
    assert (done.returncode, done.stdout.count("Nothing was deleted.")) == (2, 1)
    assert (copy / "instance" / "postgres").exists()


def test_cleaning_keeps_the_database(copy: Path):
    (copy / "instance" / "postgres").mkdir(parents=True)
    assert make(copy, "clean").returncode == 0
    assert (copy / "instance" / "postgres").exists()
    assert not (copy / ".venv").exists()
