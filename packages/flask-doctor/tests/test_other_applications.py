"""Flask-Doctor in applications that aren't ours: from nothing to a page, by what it prints."""

import json
from collections.abc import Iterator
from pathlib import Path

import breaks
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
# Asks for the page as in production, and as in debug.
ASK = """
import json
from {module} import app

answers = []
for app.debug in (False, True):
    answer = app.test_client().get("/", headers={{"Accept": "application/json"}})
    answers.append([answer.status_code, answer.get_json(silent=True)])
print(json.dumps(answers))
"""


@pytest.fixture(params=APPLICATIONS)
def project(
    request: pytest.FixtureRequest, server: Cluster, tmp_path: Path, programs: Path
) -> Iterator[tuple[Project, dict[str, object]]]:
    """An application with one migration, whose database isn't there."""
    files, first_migration, page = APPLICATIONS[request.param]
    drop = "DROP DATABASE IF EXISTS foreigner WITH (FORCE)"
    server.execute(drop, "CREATE DATABASE foreigner OWNER trusted")
    project = Project(tmp_path, server.url("trusted", "foreigner"), programs)
    (tmp_path / "app.py").unlink()
    for name, content in (files | {"env.py": PLAIN_ENV}).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        project.write(name, content)
    project.do(first_migration)
    server.execute(drop)
    yield project, page
    server.execute(drop)


def ask(project: Project) -> tuple[int, int, dict[str, object]]:
    """Return the status in production, and the status and the answer in debug."""
    module = "wsgi" if (project.folder / "wsgi.py").exists() else "app"
    project.write("ask.py", ASK.format(module=module))
    output = project.do("(python ask.py 2>/dev/null)").removesuffix("exit 0\n")
    (production, _), (debug, answer) = json.loads(output)
    return production, debug, answer


def test_from_no_database_to_the_page(project: tuple[Project, dict[str, object]]):
    project, page = project
    # A missing database may pass by itself; migrations that were not run are somebody's mistake.
    for entry, status in [("database-missing", 503), ("database-behind", 500)]:
        production, debug, answer = ask(project)
        assert (production, debug, answer["diagnosis"]["id"]) == (status, 503, entry)
        for line in answer["diagnosis"]["fix"]:
            if line.startswith("$ "):
                project.run(line.removeprefix("$ "))
    project.do("flask doctor")
    assert ask(project) == (200, 200, page)
    assert_breaks_are_met(project)


def assert_breaks_are_met(project: Project) -> None:
    """Break the application, which works now, in many ways: each gets its own entry."""
    module = "wsgi" if (project.folder / "wsgi.py").exists() else "app"
    url = project.environment["DATABASE_URL"]
    output = project.do(f"(python {breaks.__file__} {module} {url} 2>/dev/null)")
    said = json.loads(output.removesuffix("exit 0\n").splitlines()[-1])
    assert said.pop("healthy").startswith("ok True")
    assert {entry: found for entry, found in said.items() if found != entry} == {}
    assert len(said) >= 15
