"""Each error in an application's own code, provoked for real."""

import os
import socket
from pathlib import Path

import pytest
from clusters import Cluster
from project import APP, Project


@pytest.fixture
def project(server: Cluster, tmp_path: Path) -> Project:
    return Project(tmp_path, server.url("trusted", "app"))


@pytest.mark.parametrize(
    ("code", "message", "entry"),
    [
        ("\nprint(db.session.query(Bird).all())\n", "Working outside of", "no-app-context"),
        (
            "\nother = SQLAlchemy()\nwith app.app_context(): other.session.execute(text(''))\n",
            "The current Flask app is not registered with this 'SQLAlchemy' instance",
            "app-not-registered",
        ),
        (
            "\nwith app.app_context(): db.session.execute('SELECT 1')\n",
            "Textual SQL expression 'SELECT 1' should be explicitly declared as text('SELECT 1')",
            "text-needed",
        ),
        (
            "\nwith app.app_context(), db.engine.connect() as connection:\n"
            "    connection.execute('SELECT 1')\n",
            "Not an executable object: 'SELECT 1'",
            "text-needed",
        ),
    ],
)
def test_an_import_that_fails_is_explained(project: Project, code: str, message: str, entry: str):
    project.write("app.py", APP + code)
    assert project.diagnosis("flask routes", message) == entry
    assert project.diagnosis() == entry


def test_circular_import(project: Project):
    project.write("nests.py", "from app import later\n")
    project.write("app.py", f"import nests\n{APP}\nlater = 1\n")
    assert project.diagnosis("flask routes", "partially initialized module") == "circular-import"
    assert project.diagnosis() == "circular-import"


@pytest.mark.parametrize(
    ("code", "place"),
    [
        ("1 / 0\n", "ZeroDivisionError: division by zero"),
        ("if\n", "SyntaxError: invalid syntax"),
        ("import no_such_module\n", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise SystemExit('set FOO')\n", "set FOO"),
    ],
)
def test_app_not_importable(project: Project, code: str, place: str):
    project.write("app.py", code)
    assert project.diagnosis(message=place) == "app-not-importable"
    assert "Correct the error at app.py, line 1" in project.output


def test_port_taken(project: Project):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = f"flask run --port {listener.getsockname()[1]}"
        assert project.diagnosis(command, os.strerror(98)) == "port-taken"


def test_the_place_of_a_missing_variable_is_in_the_users_code(project: Project):
    project.write("app.py", "import os\nos.environ['FOO']\n")
    assert project.diagnosis(message="KeyError: 'FOO'") == "app-not-importable"
    assert "app.py, line 2" in project.output


def test_without_migrations_none_are_advised(project: Project):
    project.edit("app.py", "Migrate(app, db)\n", "")
    ask = (
        "python -c 'from app import *; app.debug = True; "
        'print(app.test_client().get("/").get_json())\' 2>/dev/null'
    )
    answer = project.do(ask)
    assert "table-missing" in answer
    assert "create_all" in answer
    assert "db upgrade" not in answer
