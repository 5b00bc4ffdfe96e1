"""Each error in what the application is told, provoked for real."""

import os
from pathlib import Path

import psycopg
import psycopg2
import pytest
from clusters import PASSWORD, Cluster, last_step, lifted_app
from flask_doctor import urls
from flask_doctor.diagnosis import Diagnosis
from flask_doctor.examine import examine
from flask_doctor.recognise import diagnose
from project import Project

ROUTES = "flask routes"


@pytest.fixture
def project(server: Cluster, tmp_path: Path, programs: Path) -> Project:
    return Project(tmp_path, server.url("trusted", "app"), programs)


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
    assert project.diagnosis(ROUTES, message) == "url-not-passed"
    assert project.diagnosis() == "url-not-passed"
    del project.environment["DATABASE_URL"]
    project.edit("app.py", 'os.environ["DATABASE_URL"]', "")
    assert project.diagnosis(ROUTES, message) == "url-missing"
    assert project.diagnosis() == "url-missing"


def test_another_database_is_told_and_left_alone(project: Project):
    project.environment["DATABASE_URL"] = "sqlite://"
    assert project.diagnosis(message="a database other than PostgreSQL: sqlite") == "other-database"
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


def diagnosed(url: str) -> Diagnosis:
    return last_step(lifted_app(url)).diagnosis


@pytest.mark.parametrize("driver", ["psycopg2", "psycopg"])
@pytest.mark.parametrize(
    ("change", "entry", "after"),
    [
        (("/app", "/app?schema=birds"), "url-parameter-unknown", "?options=-csearch_path%3Dbirds"),
        (
            ("/app", "/app?pgbouncer=true&sslmode=prefer"),
            "url-parameter-unknown",
            "?sslmode=prefer",
        ),
        (("/app", ""), "url-without-database", "/DATABASE"),
        (("trusted", "'outside '"), "url-stray-characters", "//outside@"),
        (("127.0.0.1", '"127.0.0.1'), "url-stray-characters", "@127.0.0.1"),
        (("/app", '/app"'), "url-stray-characters", "/app"),
    ],
)
def test_a_part_of_the_url_is_blamed_and_corrected(
    server: Cluster, driver: str, change: tuple[str, str], entry: str, after: str
):
    url = server.url("trusted", "app").replace("psycopg2", driver)
    found = diagnosed(url.replace(*change))
    assert found.entry.id == entry
    assert found.entry.action is None
    assert any(line.startswith("+ ") and after in line for line in found.fix)


@pytest.mark.parametrize(
    ("url", "entry"),
    [
        (" postgresql://x:topsecret@localhost:1/x", "url-stray-characters"),
        ('"postgresql://x:topsecret@localhost:1/x"', "url-stray-characters"),
        ("postgresql://x:topsecret@localhost:1/x\n", "connection-refused"),
        ("postgresql://x:topsecret@localhost:port/x", "url-port"),
        ("postgresql+psycopg2://x:p@ss%25w:#?@localhost:1/x", "url-unescaped"),
        ("postgresql+psycopg2://x:p@topsecret/w@localhost:1/x", "url-unescaped"),
        ("postgresql+psycopg2://x:p@topsecret?w@localhost:1/x", "url-unescaped"),
        ("postgres://x:topsecret@localhost:1/x", "url-scheme"),
    ],
)
def test_no_part_of_the_password_is_shown(monkeypatch: pytest.MonkeyPatch, url: str, entry: str):
    monkeypatch.setenv("DATABASE_URL", url)
    *steps, last = examine(lambda: lifted_app(url))
    assert last.diagnosis.entry.id == entry
    said = last.diagnosis.text() + "".join(step.detail for step in (*steps, last))
    assert "topsecret" not in said
    assert "ss%25w" not in said


@pytest.mark.parametrize("password", ["p#w", "p?w", "p:w", "p@ss%25w:#?"])
def test_a_url_is_shown_without_its_password(password: str):
    assert urls.shown(f"postgresql://x:{password}@h/d?a=b") == "postgresql://x:***@h/d?a=b"


def test_what_libpq_says_of_a_url_that_it_reads_itself():
    for url, entry in [
        ("postgresql://a:p%w1@localhost:1/x", "url-unescaped"),
        ("postgresql://a:p@localhost:1/x?schema=1", "url-parameter-unknown"),
        ("postgresql://a:p@localhost:1/x?schema", "url-malformed"),
        (" postgresql://a:p@localhost:1/x", "url-malformed"),
    ]:
        for module in (psycopg, psycopg2):
            with pytest.raises(module.ProgrammingError) as caught:
                module.connect(url)
            found = diagnose(caught.value)
            assert found.entry.id == entry
            assert "p%w1" not in found.text()


def test_a_url_that_hides_the_one_of_env(
    server: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    good = server.url("trusted", "app")
    stale = server.url("trusted", "gone")
    (tmp_path / ".env").write_text(f"DATABASE_URL={good}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", stale)
    found = diagnosed(stale)
    assert found.entry.id == "url-hidden"
    assert "$ unset DATABASE_URL" in found.fix
    (tmp_path / ".env").write_text(f"DATABASE_URL={good}2\n")  # that wouldn't help
    assert diagnosed(stale).entry.id == "database-missing"


@pytest.mark.parametrize(
    ("files", "entry", "line"),
    [
        ({".env.txt": "DATABASE_URL=x"}, "env-file-misnamed", "$ mv -n .env.txt .env"),
        ({"local.env": "DATABASE_URL=x"}, "env-file-misnamed", "$ mv -n local.env .env"),
        ({".env.example": "DATABASE_URL=x"}, "env-file-missing", "$ cp -n .env.example .env"),
        ({".env": "DATABSE_URL=x"}, "setting-misspelt", "+ DATABASE_URL=VALUE"),
        (
            {},
            "url-missing",
            "+ DATABASE_URL=postgresql+psycopg2://ROLE:PASSWORD@localhost:5432/DATABASE",
        ),
    ],
)
def test_a_variable_that_is_not_set(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: dict[str, str],
    entry: str,
    line: str,
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    *_, step = examine(lambda: os.environ["DATABASE_URL"])
    assert step.diagnosis.entry.id == entry
    assert line in step.diagnosis.fix


def test_an_env_file_that_flask_stumbles_over(project: Project):
    (project.folder / ".env").write_text("DATABASE_URL=x\n", encoding="utf-16")
    assert project.diagnosis("flask-doctor") == "env-file-encoding"
    project.run_fix()
    assert (project.folder / ".env").read_text(encoding="utf-8") == "DATABASE_URL=x\n"
    assert project.diagnosis("flask-doctor --app app") == "no-migrations-folder"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://<user>:<password>@localhost/<db>", "<user>, <db>"),
        ("postgresql://$DB_USER:$DB_PASS@localhost/${DB_NAME}", "$DB_USER, ${DB_NAME}"),
        ("postgresql://username:password@localhost/database", "username, database"),
        ("postgresql://ROLE:PASSWORD@localhost/your_database", "ROLE, your_database"),
        ("postgresql://user:secret@localhost/shop", ""),
        ("postgresql://app:pa{ss}word", ""),
        ("postgresql://app:pa@{ss}word/x@localhost/shop", ""),
    ],
)
def test_words_of_an_example_are_told_from_names_and_passwords(url: str, words: str):
    assert urls.placeholders(url) == words
