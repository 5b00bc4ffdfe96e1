"""Where models, migrations and database don't agree: a project goes from one error to the next."""

from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import click
import pytest
from clusters import Cluster
from flask import Flask
from flask.cli import ScriptInfo
from flask_doctor.recognise import diagnose
from flask_doctor.rules import revisions
from project import APP, Project

NAME = "    name: Mapped[str]\n"


@pytest.fixture
def project(server: Cluster, tmp_path: Path, programs: Path) -> Iterator[Project]:
    yield Project(tmp_path, server.url("trusted", "birds"), programs)
    server.drop("birds")


@pytest.fixture(scope="module")
def migrated_folder(
    server: Cluster, programs: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A project's migrations, of which database `first` is at the first."""
    folder = tmp_path_factory.mktemp("migrated")
    server.execute("CREATE DATABASE first OWNER trusted")
    project = Project(folder, server.url("trusted", "first"), programs)
    project.do("flask db init && flask db migrate -m first && flask db upgrade")
    yield folder / "migrations"
    server.drop("first")


@pytest.fixture
def migrated(project: Project, server: Cluster, migrated_folder: Path) -> Project:
    """A project whose database is at its first migration."""
    copytree(migrated_folder, project.folder / "migrations")
    server.execute("CREATE DATABASE birds TEMPLATE first OWNER trusted")
    return project


def test_from_nothing_to_a_healthy_application_by_the_printed_commands_alone(project: Project):
    for entry in ("database-missing", "no-migrations-folder"):
        assert project.diagnosis() == entry
        project.run_fix()
    project.do("flask doctor")


def test_no_migrations_yet(project: Project, server: Cluster):
    server.execute("CREATE DATABASE birds OWNER trusted")
    project.do("flask db init")
    assert project.diagnosis(message="Tables of the models: birds.") == "no-migrations-yet"
    project.run_fix()
    assert project.diagnosis() is None


def test_no_migrations_folder_is_explained_after_the_log_line(project: Project):
    output = project.run("flask db upgrade")
    assert "Path doesn't exist" in output
    assert output.index("Path doesn't exist") < output.index("no-migrations-folder: ")


QUERY = "python -c 'from app import *; app.app_context().push(); db.session.query(Bird).all()'"


def test_table_missing(migrated: Project, server: Cluster):
    server.execute("DROP DATABASE birds WITH (FORCE)", "CREATE DATABASE birds OWNER trusted")
    assert migrated.diagnosis(QUERY, 'relation "birds" does not exist') == "table-missing"
    migrated.run_fix()
    migrated.do(QUERY)


def test_database_behind(migrated: Project, server: Cluster):
    server.execute("DROP DATABASE birds WITH (FORCE)", "CREATE DATABASE birds OWNER trusted")
    entry = migrated.diagnosis("flask db migrate", "Target database is not up to date")
    assert entry == "database-behind"
    assert migrated.diagnosis() == "database-behind"
    migrated.run_fix()
    assert migrated.diagnosis() is None


def test_column_missing(migrated: Project):
    migrated.edit("app.py", NAME, f"{NAME}    song: Mapped[int]\n")
    migrated.do("flask db migrate")
    assert migrated.diagnosis(QUERY, "column birds.song does not exist") == "column-missing"
    migrated.run_fix()
    migrated.do(QUERY)


def test_model_drift(migrated: Project):
    migrated.edit("app.py", NAME, f"{NAME}    song: Mapped[int]\n")
    entry = migrated.diagnosis("flask db check", "New upgrade operations detected")
    assert entry == "model-drift"
    assert migrated.diagnosis(message="add column birds.song") == "model-drift"
    migrated.run_fix()
    assert migrated.diagnosis() is None


def test_null_in_new_column(migrated: Project, server: Cluster):
    server.execute("INSERT INTO birds (name) VALUES ('wren')", database="birds")
    migrated.edit("app.py", NAME, f"{NAME}    song: Mapped[int]\n")
    migrated.do("flask db migrate")
    message = 'column "song" of relation "birds" contains null values'
    assert migrated.diagnosis("flask db upgrade", message) == "null-in-new-column"


def test_table_exists(migrated: Project, server: Cluster):
    server.execute("DROP TABLE alembic_version", database="birds")  # as create_all leaves it
    entry = migrated.diagnosis("flask db upgrade", 'relation "birds" already exists')
    assert entry == "table-exists"
    assert migrated.diagnosis() == "table-exists"
    migrated.run_fix()
    migrated.do("flask db upgrade")


def test_revision_unknown(migrated: Project, server: Cluster):
    server.execute("UPDATE alembic_version SET version_num = 'gone'", database="birds")
    message = "Can't locate revision identified by 'gone'"
    assert migrated.diagnosis("flask db upgrade", message) == "revision-unknown"
    assert migrated.diagnosis(message="It is at revision gone") == "revision-unknown"
    assert "--purge" not in migrated.output


def test_flask_db_without_migrate(project: Project):
    project.edit("app.py", "Migrate(app, db)\n", "")
    assert project.diagnosis("flask db upgrade", "KeyError: 'migrate'") == "migrate-not-bound"


def test_flask_db_init_a_second_time(migrated: Project):
    message = "already exists and is not empty"
    assert migrated.diagnosis("flask db init", message) == "migrations-folder-exists"


def test_several_heads(migrated: Project):
    migrated.do("flask db revision -m one && flask db revision -m two --head base --splice")
    message = "Multiple head revisions are present"
    assert migrated.diagnosis("flask db upgrade", message) == "several-heads"
    assert migrated.diagnosis() == "several-heads"
    migrated.run_fix()
    assert migrated.diagnosis() is None


def test_nothing_to_migrate_names_a_module_that_nothing_imports(migrated: Project):
    migrated.write(
        "nests.py",
        'from app import db\n\n\nclass Nest(db.Model):\n    __tablename__ = "nests"\n'
        "    id = db.Column(db.Integer, primary_key=True)\n",
    )
    message = "No changes in schema detected."
    assert migrated.diagnosis("flask db migrate", message) == "nothing-to-migrate"
    assert "Models known: Bird (app)" in migrated.output
    assert "Nest: nothing imports nests.py" in migrated.output
    assert migrated.diagnosis() == "nothing-to-migrate"


def test_nothing_to_migrate_names_a_second_sqlalchemy(migrated: Project):
    migrated.write(
        "app.py",
        APP + "\nother = SQLAlchemy()\n\n\nclass Nest(other.Model):\n"
        "    id: Mapped[int] = mapped_column(primary_key=True)\n",
    )
    message = "Nest (app) belongs to `other` of app"
    assert migrated.diagnosis("flask db migrate", message) == "nothing-to-migrate"


def test_a_project_with_nothing_to_migrate_is_told_so_without_alarm(migrated: Project):
    output = migrated.run("flask db migrate")
    assert "Models known: Bird (app). The database matches them." in output
    assert "docs/errors.md" not in output


ASK = (
    "python -c 'from app import *; app.debug = True; "
    'print(app.test_client().get("/").get_json()["diagnosis"]["id"])\' 2>/dev/null | tail -1'
)


def test_a_model_newer_than_the_migrations_is_told_from_a_database_behind(migrated: Project):
    migrated.edit("app.py", NAME, f"{NAME}    song: Mapped[int]\n")
    assert migrated.run(ASK).startswith("model-drift")
    migrated.do("flask db migrate")
    assert migrated.run(ASK).startswith("database-behind")


def test_tables_without_migrations_are_no_alarm(project: Project, server: Cluster):
    server.execute("CREATE DATABASE birds OWNER trusted")
    project.do("python -c 'from app import *; app.app_context().push(); db.create_all()'")
    assert project.diagnosis(message="the tables of the models are there") is None


def test_several_heads_that_were_all_run_are_no_alarm(migrated: Project):
    migrated.do("flask db revision -m one && flask db revision -m two --head base --splice")
    migrated.do("flask db upgrade heads")
    assert migrated.diagnosis() is None


def test_flask_db_without_the_package(monkeypatch: pytest.MonkeyPatch):
    context = click.Context(click.Command("flask"), obj=ScriptInfo(create_app=lambda: Flask("x")))
    error = click.UsageError("No such command 'db'.", context)
    monkeypatch.setattr(revisions, "find_spec", lambda name: None)
    assert diagnose(error).entry.id == "migrate-not-installed"
