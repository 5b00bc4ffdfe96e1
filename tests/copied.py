"""A copy of the project, for tests that change its code."""

import os
import subprocess
import sys
from pathlib import Path
from shutil import copytree, ignore_patterns

ROOT = Path(__file__).parents[1]


class ProjectCopy:
    """A copy of the application in a folder, run with a database of the test's own."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.folder = copytree(
            ROOT,
            folder / "project",
            ignore=ignore_patterns(".*", "instance", "packages", "tests", "*.egg-info"),
        )
        self.environment = os.environ | {"DATABASE_URL": database_url, "APP_CONFIG": "testing"}

    def replace(self, path: str, old: str, new: str) -> None:
        """Change a file, in which the old text stands once."""
        file = self.folder / path
        content = file.read_text()
        assert content.count(old) == 1, (path, old)
        file.write_text(content.replace(old, new))

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a module of Python's, such as flask, in the copy; it must succeed."""
        result = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stderr
        return result
