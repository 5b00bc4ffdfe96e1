"""The doctor can be lifted into another application: it holds on to nothing of this one."""

import ast
from pathlib import Path

import pytest

ROOT = Path("stationsapp/doctor")


@pytest.mark.parametrize("file", sorted(ROOT.rglob("*.py")), ids=str)
def test_it_imports_nothing_of_this_application(file: Path):
    depth = len(file.relative_to(ROOT).parts)
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level <= depth
            assert not (node.module or "").startswith(("stationsapp", "config"))
        elif isinstance(node, ast.Import):
            assert not any(name.name.startswith("stationsapp") for name in node.names)
