"""A start loads what serving needs, and leaves the rest until it is used."""

import subprocess
import sys

import pytest

from stationsapp import develop

# What only some processes use: commands, the metrics, the examinations of the doctor.
LATER = (
    *("alembic", "flask_migrate", "prometheus_client"),
    *("flask_doctor.recognise", "flask_doctor.examine", "flask_doctor.rules", "pg8000"),
)
RUN = ["run", "--debug", "--port", "5001"]
SCRIPT = f"import sys, wsgi; print(*[name for name in {LATER} if name in sys.modules])"


def test_the_application_starts_without_what_only_some_processes_use():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("\n", 0), done.stderr


def test_the_keeper_of_the_embedded_server_starts_without_flask():
    script = "import sys, stationsapp.keeper; print('flask' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("False\n", 0), done.stderr


@pytest.mark.parametrize(
    ("reloaded", "commands"), [("false", [["db", "prepare"], RUN]), ("true", [RUN])]
)
def test_the_database_is_prepared_once_and_not_after_each_change(
    monkeypatch: pytest.MonkeyPatch, reloaded: str, commands: list[list[str]]
):
    done: list[list[str]] = []
    monkeypatch.setattr(develop.cli, "main", lambda arguments, **_: done.append(arguments))
    monkeypatch.setattr(sys, "argv", ["develop", "--port", "5001"])
    monkeypatch.setenv("WERKZEUG_RUN_MAIN", reloaded)
    develop.main()
    assert done == commands


def test_nothing_is_served_if_the_database_cannot_be_prepared(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(develop.cli, "main", lambda arguments, **_: sys.exit(arguments[0]))
    with pytest.raises(SystemExit, match="db"):
        develop.main()
