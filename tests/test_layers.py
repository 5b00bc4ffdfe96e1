"""The rules of the project's layout: who may import whom, and how large anything may be."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCTOR = "packages/flask-doctor/src"

# From the top down: a module imports of its own layer and of those below, never of one above.
# A name stands for all that is in its package, unless that is named itself.
LAYERS = [
    ["stationsapp"],
    ["stationsapp.stations"],
    [
        f"stationsapp.{name}"
        for name in ("develop", "gate", "health", "metrics", "prepare", "worker", "stations.cli")
    ]
    + [f"stationsapp.stations.{name}" for name in ("api", "metrics", "ogc", "pages", "sample")],
    ["stationsapp.sign_in"],
    ["stationsapp.basic_auth"],
    ["stationsapp.auth"],
    ["stationsapp.tokens"],
    [
        f"stationsapp.stations.{name}"
        for name in (
            "search",
            "bulk",
            "comparison",
            "importer",
            "exporter",
            "jobs",
            "recount",
            "saving",
            "staging",
            "several",
            "suspicions",
            "uploads",
        )
    ],
    [f"stationsapp.{name}" for name in ("models", "database", "replica", "web", "keeper")]
    + [
        f"stationsapp.stations.{name}"
        for name in (
            "feeds",
            "sources",
            "naming",
            "report",
            "columns",
            "locks",
            "analysis",
            "properties",
        )
    ],
    [f"stationsapp.{name}" for name in ("accounts", "limits", "postgres", "revisions")],
    ["stationsapp.base"],
    [
        f"stationsapp.{name}"
        for name in (
            "extensions",
            "settings",
            "embedded",
            "hosts",
            "logs",
            "stations.geo",
            "stations.similar",
        )
    ],
]
# The stations' own package is found by its modules above; the whole application is at the top.
ALONE = {"stationsapp", "stationsapp.stations"}

FORBIDDEN = [
    ("stationsapp.web", ["stationsapp.stations"]),
    ("stationsapp.database", ["stationsapp.stations"]),
    ("stationsapp.auth", ["stationsapp.stations"]),
    ("stationsapp.basic_auth", ["stationsapp.stations"]),
    ("stationsapp.sign_in", ["stationsapp.stations"]),
    ("stationsapp.health", ["stationsapp.stations"]),
    ("stationsapp.stations.feeds", ["flask", "sqlalchemy", "flask_sqlalchemy"]),
    ("stationsapp.stations.geo", ["flask", "sqlalchemy", "flask_sqlalchemy"]),
    ("stationsapp.stations.columns", ["flask", "sqlalchemy", "flask_sqlalchemy"]),
    ("stationsapp.stations.search", ["flask"]),
    ("flask_doctor", ["stationsapp"]),
]


def modules(folder: str, package: str) -> dict[str, Path]:
    """Find the modules of a package by their full names."""
    found = {}
    for path in (ROOT / folder / package).rglob("*.py"):
        parts = path.relative_to(ROOT / folder).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


APPLICATION = modules(".", "stationsapp")
ALL = APPLICATION | modules(DOCTOR, "flask_doctor")


def is_in(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


@cache
def imports(name: str) -> set[str]:
    """Return what a module imports, in its functions too: our modules, and others' names."""
    tree = ast.parse(ALL[name].read_text())
    if name == "stationsapp":  # the only place where the parts meet, and only in create_app()
        tree.body = [node for node in tree.body if getattr(node, "name", "") != "create_app"]
    package = name if ALL[name].name == "__init__.py" else name.rpartition(".")[0]
    return {found for node in ast.walk(tree) for found in names(node, package)} - {name}


def names(node: ast.AST, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = package.split(".")[: package.count(".") + 2 - node.level] if node.level else []
        source = ".".join([*base, *([node.module] if node.module else [])])
        for alias in node.names:
            # `from . import geo` imports the module, `from .geo import Box` a name in it.
            yield f"{source}.{alias.name}" if f"{source}.{alias.name}" in ALL else source


def layer(name: str) -> int:
    """Return how far below the top a module lies."""
    found = [
        (len(member), depth)
        for depth, members in enumerate(LAYERS)
        for member in members
        if name == member or (member not in ALONE and is_in(name, member))
    ]
    assert found, f"{name} has no place in LAYERS"
    return max(found)[1]


def test_the_imports_are_read_as_python_reads_them():
    assert "stationsapp.stations.geo" in imports("stationsapp.stations.search.filters")
    assert "stationsapp.extensions" in imports("stationsapp.tokens")
    assert "stationsapp.stations.cli" in imports("stationsapp.stations")
    assert "stationsapp.postgres" in imports("stationsapp.prepare")
    assert "flask" in imports("flask_doctor.page")


def test_nothing_imports_upward():
    upward = {
        f"{name} imports {found}"
        for name in APPLICATION
        for found in imports(name)
        if found in APPLICATION and layer(found) < layer(name)
    }
    assert upward == set()


def test_there_is_no_circle():
    TopologicalSorter(
        {name: {found for found in imports(name) if found in ALL} for name in ALL}
    ).prepare()  # raises CycleError


# In JavaScript, also when it is needed; but not in a comment.
IMPORT = re.compile(r'^(?!//).*\bimport\b.*"\./(.+)"', re.MULTILINE)


def test_there_is_no_circle_of_scripts():
    scripts = {path.name: path.read_text() for path in ROOT.glob("stationsapp/**/static/*.js")}
    assert "map.js" in scripts
    imported = {name: re.findall(IMPORT, text) for name, text in scripts.items()}
    TopologicalSorter(imported).prepare()  # raises CycleError


@pytest.mark.parametrize(("package", "others"), FORBIDDEN)
def test_what_is_independent_stays_so(package: str, others: list[str]):
    found = {
        f"{name} imports {imported}"
        for name in ALL
        if is_in(name, package)
        for imported in imports(name)
        if any(is_in(imported, other) for other in others)
    }
    assert found == set()


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_no_module_is_long():
    assert {name: lines(path) for name, path in ALL.items() if lines(path) > 300} == {}


@pytest.mark.parametrize(("package", "most"), [("stationsapp", 9_910), ("flask_doctor", 9_150)])
def test_each_part_can_be_read_in_an_evening(package: str, most: int):
    assert sum(lines(path) for name, path in ALL.items() if is_in(name, package)) <= most
