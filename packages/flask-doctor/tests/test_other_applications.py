"""Flask-Doctor in applications that aren't ours: from nothing to a page, by what it prints."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from applications import ARTICLE, LITE, PLAIN, PLAIN_ENV
from clusters import Cluster
from project import Project

# By its files: how its first migration is made, and what its page then says.
APPLICATIONS = {
    "article": (ARTICLE, "flask db init && flask db migrate -m first", {"stations": []}),
    "lite": (LITE, "flask alembic revision first", {"birds": 0}),
    "plain": (
        PLAIN,
        "alembic init migrations && cp env.py migrations && "
        "PYTHONPATH=. alembic revision --autogenerate -m first",
        {"shops": 0},
    ),
}
ASK = """
from {module} import app
app.debug = {debug}
answer = app.test_client().get("/", headers={{"Accept": "application/json"}})
print(answer.status_code, answer.text)
"""


@pytest.fixture(params=APPLICATIONS)
def project(
    request: pytest.FixtureRequest, server: Cluster, tmp_path: Path
) -> Iterator[tuple[Project, dict[str, object]]]:
    """An application with one migration, whose database isn't there."""
    files, first_migration, page = APPLICATIONS[request.param]
    drop = "DROP DATABASE IF EXISTS foreigner WITH (FORCE)"
    server.execute(drop, "CREATE DATABASE foreigner OWNER trusted")
    project = Project(tmp_path, server.url("trusted", "foreigner"))
    (tmp_path / "app.py").unlink()
    for name, content in (files | {"env.py": PLAIN_ENV}).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        project.write(name, content)
    project.do(first_migration)
    server.execute(drop)
    yield project, page
    server.execute(drop)


def ask(project: Project, debug: bool) -> tuple[int, dict[str, object]]:
    """Ask for the application's page in a process of its own."""
    module = "wsgi" if (project.folder / "wsgi.py").exists() else "app"
    project.write("ask.py", ASK.format(module=module, debug=debug))
    status, _, body = (
        project.do("(python ask.py 2>/dev/null)").rpartition("exit 0")[0].partition(" ")
    )
    return int(status), json.loads(body) if body.strip().startswith("{") else {}


def test_from_no_database_to_the_page(project: tuple[Project, dict[str, object]]):
    project, page = project
    for entry in ("database-missing", "database-behind"):
        status, answer = ask(project, debug=True)
        assert (status, answer["diagnosis"]["id"]) == (503, entry)
        assert project.diagnosis() == entry
        project.run_fix()
    project.do("flask doctor")
    assert ask(project, debug=True) == (200, page)


def test_in_production_a_missing_database_passes_and_a_missing_table_does_not(
    project: tuple[Project, dict[str, object]], server: Cluster
):
    project, _ = project
    assert ask(project, debug=False)[0] == 503
    project.do("flask doctor --fix create-database; true")
    assert ask(project, debug=False)[0] == 500
