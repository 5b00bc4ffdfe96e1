"""Migrations in a folder, run in this process."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import flask_migrate
import sqlalchemy as sa
from clusters import Cluster, lifted_app
from flask_doctor.diagnosis import Diagnosis
from flask_doctor.examine import Step, examine

TEMPLATE = Path(flask_migrate.__file__).parent / "templates/flask"
HEAD = """\
from alembic import op
import sqlalchemy as sa

revision = {!r}
down_revision = {!r}


def upgrade():
{}


def downgrade():
    pass
"""


class Migrations:
    """An application in the current folder, on a database that is at migration 0001."""

    def __init__(self, server: Cluster, database: str) -> None:
        self.server, self.database = server, database
        self.folder = Path("migrations")
        shutil.copytree(TEMPLATE, self.folder)
        env = self.folder / "env.py"
        env.write_text(env.read_text().replace("get_engine()\n", "engine\n", 1))
        template = (self.folder / "alembic.ini.mako").read_text()
        (self.folder / "alembic.ini").write_text(re.sub("(?m)^.*\\$.*\n", "", template))
        (self.folder / "versions").mkdir()
        self.app = lifted_app(server.url("postgres", database))
        self.execute("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")

    def execute(self, *statements: str) -> None:
        self.server.execute(*statements, database=self.database)

    def at(self, *revisions: str) -> None:
        """Mark the database as being at these."""
        self.execute("CREATE TABLE IF NOT EXISTS alembic_version (version_num varchar(32))")
        for revision in revisions:
            self.execute(f"INSERT INTO alembic_version VALUES ('{revision}')")

    def write(self, revision: str, upgrade: str, down: str | None = None) -> Path:
        """Write a migration: the lines of its `upgrade()`."""
        path = self.folder / "versions" / f"{revision}.py"
        lines = "\n".join(f"    {line}" for line in upgrade.splitlines())
        path.write_text(HEAD.format(revision, down, lines))
        return path

    def model(self, name: str, *columns: sa.Column, **options: str) -> None:
        """Add a table to the models'."""
        metadata = self.app.extensions["sqlalchemy"].metadata
        sa.Table(name, metadata, sa.Column("id", sa.Integer, primary_key=True), *columns, **options)

    @contextmanager
    def within(self) -> Iterator[None]:
        # env.py sets up logging, which would last.
        with self.app.app_context(), patch("logging.config.fileConfig"):
            yield
            self.app.extensions["sqlalchemy"].engine.dispose()

    def run(self) -> None:
        with self.within():
            flask_migrate.upgrade()

    def examined(self) -> Step:
        """Return the stage that the examination ends with."""
        return self.stages()[-1]

    def stages(self) -> list[Step]:
        with self.within():
            return [*examine(lambda: self.app)]


def edit(path: Path, diagnosis: Diagnosis) -> None:
    """Edit a file as a diagnosis shows it."""
    for before, after in edits(diagnosis):
        content = path.read_text()
        if not before:  # an import
            before, after = ["import sqlalchemy as sa"], ["import sqlalchemy as sa", *after]
        # A call that is broken into lines in the file is shown in one.
        words = r"\s*".join(map(re.escape, re.findall(r"\w+|\S", " ".join(before))))
        match = re.search(r"(?m)^([ \t]*)" + words, content) or re.search("()" + words, content)
        assert match, (before, content)
        new = "\n".join(match[1] + line.strip() for line in after)
        path.write_text(content[: match.start()] + new + content[match.end() :])
    # Python tells what it has compiled by the file's second and size alone.
    shutil.rmtree(path.parent / "__pycache__", ignore_errors=True)


def edits(diagnosis: Diagnosis) -> list[tuple[list[str], list[str]]]:
    """Return the edits of a diagnosis, each as its lines before and after."""
    found: list[tuple[list[str], list[str]]] = []
    last = ""
    for line in diagnosis.fix:
        mark = line[:2] if line[:2] in ("- ", "+ ") else ""
        if mark and (not last or (mark, last) == ("- ", "+ ")):
            found.append(([], []))
        if mark:
            found[-1][mark == "+ "].append(line[2:])
        last = mark
    return found
