"""What the documents show works, and prints what they say: `make test-new`."""

from contextlib import closing
from pathlib import Path

import pytest
from documented import Terminal, follow, own_server
from postgres import ROOT


@pytest.mark.parametrize("name", ["tutorial", "make-it-yours"])
def test_a_document_can_be_followed(name: str, folder: Path):
    with closing(Terminal(folder)) as terminal, own_server(terminal):
        follow(ROOT / f"docs/{name}.md", terminal)
