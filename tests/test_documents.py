"""The tutorial begins as it says; `make test-new` follows all documents to their end."""

from contextlib import closing
from pathlib import Path

from documented import Terminal, follow
from postgres import ROOT


def test_the_tutorial_begins_as_it_says(folder: Path):
    with closing(Terminal(folder)) as terminal:
        follow(ROOT / "docs/tutorial.md", terminal, until="5.")
