"""A start loads what serving needs, and leaves the rest until it is used."""

import subprocess
import sys
from threading import Event, Thread
from types import SimpleNamespace

import pytest

from config import DevelopmentConfig
from stationsapp import develop, embedded

# What only some processes use: commands, the metrics, the examinations of the doctor.
LATER = (
    *("alembic", "flask_migrate", "prometheus_client"),
    *("flask_doctor.recognise", "flask_doctor.examine", "flask_doctor.rules", "pg8000"),
)
PREPARE = ["db", "prepare"]
RUN = ["run", "--debug", "--port", "5001"]
SCRIPT = f"import sys, wsgi; print(*[name for name in {LATER} if name in sys.modules])"


def test_the_application_starts_without_what_only_some_processes_use():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("\n", 0), done.stderr


def test_the_keeper_of_the_embedded_server_starts_without_flask():
    script = "import sys, stationsapp.keeper; print('flask' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("False\n", 0), done.stderr


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return the commands that `make run` has run, instead of running them."""
    commands: list[list[str]] = []
    monkeypatch.setattr(develop.cli, "main", lambda arguments, **_: commands.append(arguments))
    monkeypatch.setattr(embedded, "connect", lambda *_: commands.append(["connect"]))
    # At once, and not in the background.
    monkeypatch.setattr(embedded, "Thread", lambda target, daemon: SimpleNamespace(start=target))
    monkeypatch.setattr(DevelopmentConfig, "DATABASE_URL", None)
    monkeypatch.setattr(sys, "argv", ["develop", "--port", "5001"])
    monkeypatch.delenv("APP_CONFIG", raising=False)
    return commands


@pytest.mark.parametrize(
    ("reloaded", "commands"), [("false", [["connect"], PREPARE, RUN]), ("true", [RUN])]
)
def test_the_database_is_prepared_once_and_not_after_each_change(
    monkeypatch: pytest.MonkeyPatch,
    done: list[list[str]],
    reloaded: str,
    commands: list[list[str]],
):
    monkeypatch.setenv("WERKZEUG_RUN_MAIN", reloaded)
    develop.main()
    assert done == commands


@pytest.mark.parametrize(
    ("configuration", "url"), [("production", None), ("", "postgresql://host/stations")]
)
def test_the_embedded_server_is_not_started_if_it_is_not_used(
    monkeypatch: pytest.MonkeyPatch, done: list[list[str]], configuration: str, url: str | None
):
    monkeypatch.setenv("APP_CONFIG", configuration)
    monkeypatch.setattr(DevelopmentConfig, "DATABASE_URL", url)
    develop.main()
    assert done == [PREPARE, RUN]


def test_settings_that_are_wrong_are_explained_by_the_command(
    monkeypatch: pytest.MonkeyPatch, done: list[list[str]]
):
    monkeypatch.setitem(sys.modules, "config", None)  # it can't be imported
    develop.main()
    assert done == [PREPARE, RUN]


@pytest.mark.usefixtures("done")
def test_nothing_is_served_if_the_database_cannot_be_prepared(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(develop.cli, "main", lambda arguments, **_: sys.exit(arguments[0]))
    with pytest.raises(SystemExit, match="db"):
        develop.main()


def test_an_error_does_not_wait_for_the_embedded_server(
    monkeypatch: pytest.MonkeyPatch, done: list[list[str]]
):
    begun, over = Event(), Event()

    def connect(*_: object) -> None:
        begun.set()
        over.wait(60)
        done.append(["connect"])

    monkeypatch.setattr(embedded, "connect", connect)
    monkeypatch.setattr(embedded, "Thread", Thread)
    develop.main()
    assert begun.wait(60)  # before the real function is back in its place
    assert done == [PREPARE, RUN]
    over.set()
