"""The doctor can be lifted into another application: it holds on to nothing of this one."""

import ast
import shutil
from pathlib import Path

import pytest
from clusters import free_port
from project import Project

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


def test_a_copy_of_it_works_elsewhere(tmp_path: Path):
    project = Project(tmp_path, f"postgresql+psycopg2://x@localhost:{free_port()}/x")
    shutil.copytree(ROOT, tmp_path / "explain")
    project.edit("app.py", "from stationsapp import doctor", "import explain as doctor")
    query = "python -c 'from app import *; app.app_context().push(); db.engine.connect()'"
    assert project.diagnosis(query, "Connection refused") == "connection-refused"
    assert project.diagnosis() == "connection-refused"
