"""The password shows nowhere, in no part: each way to fail, and each mouth of the doctor."""

import io
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from clusters import Cluster, dead_port, lifted_app
from flask import Flask
from flask.cli import ScriptInfo
from flask_doctor import notes
from flask_doctor.cli import doctor
from flask_doctor.examine import look
from flask_doctor.recognise import diagnose
from sqlalchemy import Engine, create_engine, text

SECRETS = ("p@ss%25w:#?", "pa/ss@@w0rd%40x", "q'z\"9&x +=", "geheim:1/2@xyz")
LONGEST = 3  # what a fragment may be as long as, as it says nothing then


def fragments(secret: str) -> set[str]:
    """Return all parts of a password, as it is and as it is encoded, that would give it away."""
    forms = {secret, quote(secret, safe=""), quote(secret), repr(secret)[1:-1]}
    size = LONGEST + 1
    return {form[i : i + size] for form in forms for i in range(len(form) - LONGEST)}


# By what is in it: `{raw}` and `{encoded}` the password, `{live}` and `{dead}` a port.
URLS = {
    "refused": "postgresql+{driver}://secret:{encoded}@127.0.0.1:{dead}/app",
    "host unknown": "postgresql+{driver}://secret:{encoded}@nowhere.invalid/app",
    "rejected": "postgresql+{driver}://secret:{encoded}@127.0.0.1:{live}/app",
    "role missing": "postgresql+{driver}://ghost:{encoded}@127.0.0.1:{live}/app",
    "database missing": "postgresql+{driver}://trusted:{encoded}@127.0.0.1:{live}/nowhere",
    "space at the end": "postgresql+{driver}://trusted:{encoded}@127.0.0.1:{live}/app ",
    "in the query": "postgresql+{driver}://secret@127.0.0.1:{live}/app?password={encoded}",
    "raw": "postgresql+{driver}://secret:{raw}@127.0.0.1:{live}/app",
    "raw, no port": "postgresql+{driver}://secret:{raw}@127.0.0.1/app",
    "raw, other host": "postgresql+{driver}://secret:{raw}@db/app",
    "raw, unknown scheme": "postgres://secret:{raw}@127.0.0.1:{live}/app",
    "raw, unknown driver": "postgresql+nonsense://secret:{raw}@127.0.0.1:{live}/app",
    "driver missing": "postgresql+psycopg2cffi://secret:{raw}@127.0.0.1:{live}/app",
    "no scheme": "secret:{raw}@127.0.0.1:{live}/app",
    "in quotes": '"postgresql://secret:{raw}@127.0.0.1:{live}/app"',
    "jdbc": "jdbc:postgresql://127.0.0.1:{live}/app?user=secret&password={raw}",
    "key words": "host=127.0.0.1 user=secret password={raw}",
    "unknown parameter": "postgresql+{driver}://secret:{encoded}@127.0.0.1:{live}/app?schema=x",
    "wrong value": "postgresql+{driver}://secret:{encoded}@127.0.0.1:{live}/app?sslmode=yes",
    "certificate": "postgresql+{driver}://secret:{encoded}@127.0.0.1/app?sslmode=verify-full",
    "sqlite": "sqlite:////nowhere/{encoded}",
}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))


def page(app: Flask, accept: str) -> str:
    """Ask a page that needs the database, in debug."""
    try:
        return app.test_client().get("/", headers={"Accept": accept}).text
    except Exception:
        return ""  # unknown to the doctor, and so Werkzeug's business


def mouths(load: Callable[[], Flask]) -> Iterator[tuple[str, str]]:
    """Let everything that the doctor has speak of an application, and return what it says."""
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    logging.getLogger().addHandler(handler)
    try:
        for options in ([], ["--json"]):
            run = CliRunner().invoke(doctor, options, obj=ScriptInfo(create_app=load))
            yield f"flask doctor {' '.join(options)}", run.output
        try:
            app = load()
        except Exception as error:
            found = diagnose(error, probe=True)
            yield "diagnosis", f"{found and found.text()}{found and found.json()}"
            return
        found = look(app, models=True)
        yield "look", f"{found and found.text()}{found and found.json()}"
        with app.app_context():
            try:
                app.extensions["sqlalchemy"].engine.connect().close()
            except Exception as error:
                notes.annotate(error)
                yield "note", "\n".join(getattr(error, "__notes__", []))
        app.debug = True
        app.logger.handlers = [handler]
        for ahead in (True, False):
            app.config["DOCTOR_AHEAD"] = ahead
            for accept in ("text/html", "application/problem+json"):
                yield f"{accept}, ahead {ahead}", page(app, accept)
        yield "log", log.getvalue()
        with app.app_context():
            app.extensions["sqlalchemy"].engine.dispose()
    finally:
        logging.getLogger().removeHandler(handler)


def made(url: str, **config: object) -> Flask:
    app = lifted_app(url, **config)

    @app.get("/")
    def index() -> str:
        with app.extensions["sqlalchemy"].engine.connect() as connection:
            connection.execute(text("SELECT * FROM nowhere"))
        return "never"

    return app


@pytest.mark.parametrize("way", URLS)
def test_a_password_in_the_url_shows_nowhere(
    server: Cluster, monkeypatch: pytest.MonkeyPatch, way: str
):
    for number, secret in enumerate(SECRETS):
        url = URLS[way].format(
            raw=secret,
            encoded=quote(secret, safe=""),
            live=server.port,
            dead=dead_port(),
            driver=("psycopg2", "psycopg")[number % 2],
        )
        monkeypatch.setenv("DATABASE_URL", url)
        for mouth, said in mouths(lambda url=url: made(url)):
            shown = sorted(part for part in fragments(secret) if part in said)
            assert not shown, f"{mouth} of {url} shows {shown}:\n{said}"


CODE = {
    "a URL": 'connect(create_engine("postgresql+psycopg2://secret:{encoded}@127.0.0.1:{port}/app"))',
    "an argument": "connect(create_engine('postgresql+psycopg2://secret@127.0.0.1:{port}/app', "
    'connect_args={{"password": "{raw}"}}))',
    "a statement": "connect(engine).execute(text(\"ALTER ROLE nobody PASSWORD '{encoded}'\"))",
}


@pytest.mark.parametrize("way", CODE)
def test_a_password_in_the_line_that_fails_is_not_told(server: Cluster, tmp_path: Path, way: str):
    secret = SECRETS[0]
    line = CODE[way].format(raw=secret, encoded=quote(secret, safe=""), port=server.port)
    file = tmp_path / "code.py"
    file.write_text(line + "\n")
    app = made(server.url("trusted", "app"))
    with app.app_context(), app.extensions["sqlalchemy"].engine.connect():
        space = {
            "create_engine": create_engine,
            "connect": Engine.connect,
            "engine": app.extensions["sqlalchemy"].engine,
            "text": text,
        }
        with pytest.raises(Exception) as caught:  # noqa: PT011 - of whatever kind it is
            exec(compile(line, file, "exec"), space)
        notes.annotate(caught.value)
        said = "\n".join(caught.value.__notes__)
    assert "Where: code.py, line 1: connect(" in said
    assert not [part for part in fragments(secret) if part in said], said


def test_a_password_of_the_environment_is_not_told(
    server: Cluster, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PGPASSWORD", SECRETS[0])
    for mouth, said in mouths(lambda: made(server.url("secret", "app"))):
        assert not [part for part in fragments(SECRETS[0]) if part in said], (mouth, said)
