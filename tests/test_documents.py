"""The tutorial begins as it says; `make test-new` follows all documents to their end."""

from contextlib import closing
from pathlib import Path

import pytest
from documented import Terminal, follow
from postgres import ROOT

OPENED_FIRST = (
    *("config.py", "wsgi.py", "migrations/env.py"),
    *("{}/__init__.py", "{}/base.py", "{}/extensions.py", "{}/models.py"),
)


def test_the_tutorial_begins_as_it_says(folder: Path):
    with closing(Terminal(folder)) as terminal:
        follow(ROOT / "docs/tutorial.md", terminal, until="5.")


@pytest.mark.parametrize(
    "entry",
    [
        *("connection-refused", "no-password", "abstract-missing", "base-class-order"),
        *("no-app-context", "app-not-registered", "nothing-to-migrate", "database-behind"),
        "circular-import",
    ],
)
@pytest.mark.parametrize("application", ["stationsapp", "starter/starterapp"])
def test_the_files_that_are_opened_first_say_what_keeps_an_error_away(application: str, entry: str):
    folder, _, package = f"./{application}".rpartition("/")
    code = [(ROOT / folder / path.format(package)).read_text() for path in OPENED_FIRST]
    assert any(f"(Flask-Doctor's docs/errors.md#{entry})" in text for text in code)
    errors = (ROOT / "packages/flask-doctor/docs/errors.md").read_text()
    assert f"\n### {entry}\n" in errors
