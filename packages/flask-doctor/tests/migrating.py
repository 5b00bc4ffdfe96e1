"""Migrations in a folder, run in this process."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import flask_migrate
from clusters import lifted_app
from flask import Flask
from flask_doctor.diagnosis import Diagnosis
from flask_doctor.examine import Step, examine

TEMPLATE = Path(flask_migrate.__file__).parent / "templates/flask"
HEAD = """\
from alembic import op
import sqlalchemy as sa

revision = {!r}
down_revision = {!r}


def upgrade():
"""


class Migrations:
    """An application in the current folder, whose migrations a test writes."""

    def __init__(self, url: str) -> None:
        self.folder = Path("migrations")
        shutil.copytree(TEMPLATE, self.folder)
        (self.folder / "versions").mkdir()
        template = (self.folder / "alembic.ini.mako").read_text()
        (self.folder / "alembic.ini").write_text(re.sub("(?m)^.*\\$.*\n", "", template))
        self.app: Flask = lifted_app(url)

    def write(self, revision: str, upgrade: str, down: str | None = None, downgrade: str = "pass"):
        body = "".join(f"    {line}\n" for line in upgrade.strip("\n").split("\n"))
        back = "".join(f"    {line}\n" for line in downgrade.strip("\n").split("\n"))
        path = self.folder / "versions" / f"{revision}.py"
        path.write_text(HEAD.format(revision, down) + body + "\n\ndef downgrade():\n" + back)
        return path

    def go(self, revision: str = "head") -> None:
        with self.run():
            flask_migrate.upgrade(revision=revision)

    @contextmanager
    def run(self) -> Iterator[None]:
        with self.app.app_context(), patch("logging.config.fileConfig"):
            yield
            self.app.extensions["sqlalchemy"].engine.dispose()

    def error(self, revision: str = "head") -> BaseException:
        """Return the error that the migrations end with."""
        try:
            self.go(revision)
        except Exception as error:
            with self.app.app_context():
                self.app.extensions["sqlalchemy"].engine.dispose()
            return error
        raise AssertionError("it ran")

    def examined(self) -> Step:
        *_, last = examine(lambda: self.app)
        with self.app.app_context():
            self.app.extensions["sqlalchemy"].engine.dispose()
        return last


def edit(path: Path, diagnosis: Diagnosis) -> None:
    """Edit a file as a diagnosis shows it."""
    for before, after in edits(diagnosis):
        content = path.read_text()
        if not before:  # an import
            before = ["import sqlalchemy as sa"]
            after = [*before, *after]
        # A call that is broken into lines in the file is shown in one.
        words = [re.escape(word) for word in re.findall(r"\w+|\S", " ".join(before))]
        match = re.search(r"(?m)^([ \t]*)" + r"\s*".join(words), content)
        match = match or re.search("()" + r"\s*".join(words), content)
        assert match, (before, content)
        new = "\n".join(match[1] + line.strip() for line in after)
        path.write_text(content[: match.start()] + new + content[match.end() :])


def edits(diagnosis: Diagnosis) -> list[tuple[list[str], list[str]]]:
    found: list[tuple[list[str], list[str]]] = []
    last = ""
    for line in diagnosis.fix:
        mark = line[:2] if line[:2] in ("- ", "+ ") else ""
        if mark and (not last or (mark == "- " and last == "+ ")):
            found.append(([], []))
        if mark:
            found[-1][mark == "+ "].append(line[2:])
        last = mark
    return found
