"""Each error in what the application is told, provoked for real."""

from pathlib import Path

import pytest
from clusters import PASSWORD, Cluster, lifted_app
from flask_doctor.examine import examine
from project import Project

ROUTES = "flask routes"


@pytest.fixture
def project(server: Cluster, tmp_path: Path) -> Project:
    return Project(tmp_path, server.url("trusted", "app"))


@pytest.mark.parametrize(
    ("content", "line", "entry"),
    [
        (b"GOOD=1\nthis is no assignment\n", "2", "env-file-unreadable"),
        ("GOOD=1\n".encode("utf-16"), "1", "env-file-encoding"),
        ("GOOD=1\n".encode("utf-16-le"), "1", "env-file-encoding"),
        (b"GOOD=1\n\nNAME=\xe9\n", "3", "env-file-encoding"),
    ],
)
def test_an_env_file_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, line: str, entry: str
):
    (tmp_path / ".env").write_bytes(content)
    monkeypatch.chdir(tmp_path)
    *_, step = examine(lambda: lifted_app("no URL, for want of a setting"))
    assert step.diagnosis.entry.id == entry
    assert f"line {line}" in step.diagnosis.why.lower()


def test_python_dotenv_says_so(project: Project):
    (project.folder / ".env").write_bytes(b"GOOD=1\nDATABASE_URL postgresql://x@localhost/x\n")
    del project.environment["DATABASE_URL"]
    message = "could not parse statement starting at line 2"
    assert project.diagnosis(message=message) == "env-file-unreadable"


def test_an_env_file_that_does_no_harm_is_mentioned_and_no_more(project: Project):
    (project.folder / ".env").write_bytes(b"\xef\xbb\xbfGOOD=1\n")
    assert project.diagnosis() == "no-migrations-folder"
    (project.folder / ".env").write_bytes(b"GOOD=1\nthis is no assignment\n")
    assert project.diagnosis(message=".env, but line 2 can't be read") == "no-migrations-folder"


def test_url_missing(project: Project):
    project.edit("app.py", 'app.config["SQLALCHEMY_DATABASE_URI"] = ', "")
    message = "Either 'SQLALCHEMY_DATABASE_URI' or 'SQLALCHEMY_BINDS' must be set"
    assert project.diagnosis(ROUTES, message) == "url-missing"
    assert project.diagnosis() == "url-missing"


def test_another_database_is_told_and_left_alone(project: Project):
    project.environment["DATABASE_URL"] = "sqlite://"
    assert project.diagnosis(message="another database than PostgreSQL: sqlite") == "other-database"
    project.edit("app.py", 'return {"birds": db.session.query(Bird).count()}', 'return "the page"')
    ask = "python -c 'from app import *; app.debug = True; "
    assert "the page" in project.do(f'{ask}print(app.test_client().get("/").text)\'')


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgres://x@localhost/x", "Can't load plugin: sqlalchemy.dialects:postgres"),
        ("postgresql+nonsense://x@localhost/x", "Can't load plugin: sqlalchemy.dialects:"),
        ("localhost/x", "Could not parse SQLAlchemy URL from"),
    ],
)
def test_url_scheme(project: Project, url: str, message: str):
    project.environment["DATABASE_URL"] = url
    assert project.diagnosis(ROUTES, message) == "url-scheme"
    assert project.diagnosis() == "url-scheme"


@pytest.mark.parametrize(
    ("special", "entry"),
    [("@", "url-unescaped")] + [(special, "connection-refused") for special in ":/#?%"],
)
def test_only_a_password_that_is_cut_is_blamed(
    monkeypatch: pytest.MonkeyPatch, special: str, entry: str
):
    url = f"postgresql+psycopg2://x:top{special}secret@localhost:1/x"
    monkeypatch.setenv("DATABASE_URL", url)
    *steps, last = examine(lambda: lifted_app(url))
    assert last.diagnosis.entry.id == entry
    assert "secret" not in last.diagnosis.text() + "".join(step.detail for step in (*steps, last))


def test_url_unescaped_on_the_traceback(project: Project):
    """Only a password with @ fails here; SQLAlchemy takes the others as they are written."""
    project.environment["DATABASE_URL"] = "postgresql+psycopg2://x:a@b@localhost:1/x"
    query = "python -c 'from app import *; app.app_context().push(); db.engine.connect()'"
    assert project.diagnosis(query, "could not translate host name") == "url-unescaped"


def test_the_command_for_an_unescaped_password_encodes_it(project: Project):
    project.environment["DATABASE_URL"] = "postgresql+psycopg2://x:a@b@localhost:1/x"
    project.diagnosis()
    (command,) = project.commands()
    (project.folder / "password").write_text(PASSWORD)
    output = project.run(f"(setsid {command} < password)")
    assert "p%2541%40s%27q%22%2F%3A%23w" in output


def test_driver_missing(project: Project):
    project.environment["DATABASE_URL"] = "postgresql+psycopg2cffi://x@localhost/x"
    assert project.diagnosis(ROUTES, "No module named 'psycopg2cffi'") == "driver-differs"
    assert project.diagnosis() == "driver-differs"
