"""Every combination of rooms that makes sense, made, checked and started: `make test-new`."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import combinations
from pathlib import Path
from urllib.error import HTTPError
from uuid import uuid4

import pytest
from made import Project, found, new, passes, replace
from postgres import ROOT, server_connection, url_of
from pytest_postgresql.executors import NoopExecutor

from new.python import pattern
from new.rooms import COMPLEMENTARY, ROOMS

COMBINATIONS = [
    set(rooms)
    for number in range(len(ROOMS))
    for rooms in combinations(ROOMS, number)
    if not set(rooms) >= COMPLEMENTARY
]


@pytest.fixture
def empty_url(connected: None, template: NoopExecutor) -> Iterator[str]:
    """The URL of a database that isn't there."""
    name = f"{template.dbname}_{uuid4().hex[:8]}"
    yield url_of(template, name)
    with closing(server_connection()) as connection:
        connection.autocommit = True
        connection.cursor().execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@contextmanager
def served(folder: Path, url: str) -> Iterator[str]:
    """Serve an application, and return its address."""
    server = subprocess.Popen(
        [sys.executable, "-m", "flask", "run", "--port", "0"],
        cwd=folder,
        env={"DATABASE_URL": url, "PATH": "/usr/bin:/bin"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield next(
            match[1] for line in server.stderr if (match := re.search(r"on (http://\S+)", line))
        )
    finally:
        server.terminate()
        server.communicate()


def ask(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url) as response:
            return response.status, response.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.parametrize("rooms", COMBINATIONS, ids=lambda rooms: ",".join(sorted(rooms)) or "all")
def test_each_combination_of_rooms(rooms: set[str], tmp_path: Path, empty_url: str):
    made = tmp_path / "shops"
    done = new(made, model="Category", without=",".join(rooms))
    assert done.returncode == 0, done.stderr
    words = pattern([word for room in rooms for word in ROOMS[room].words] or ["no room"])
    told = {line for _, line in found(made, words.pattern)}
    assert {line for line in told if "without =" not in line and "CSRF" not in line} == set()
    passes(made, "ruff", "check", "--no-cache")
    passes(made, "ruff", "format", "--check", "--no-cache")
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")  # two at once would mix up one cache
    passes(made, "mypy", f"--cache-dir={ROOT / 'build' / f'mypy{worker}'}")
    passes(made, "pytest", "-q", "-p", "no:cacheprovider", DATABASE_URL=empty_url)
    assert "Created the database" in passes(made, "flask", "db", "prepare", DATABASE_URL=empty_url)
    passes(made, "flask", "db", "check", DATABASE_URL=empty_url)
    with served(made, empty_url) as url:
        assert ask(f"{url}/health/ready") == (200, '{"status":"ok"}\n')
        status, body = ask(f"{url}/api/categories")
        assert status == (404 if "api" in rooms else 200)
        if "api" not in rooms:
            assert json.loads(body) == {"categories": [], "next": None}
        status, body = ask(f"{url}/categories")
        assert status == (404 if "pages" in rooms else 200)
        assert ("There are no categories yet." in body) == ("pages" not in rooms)


def test_make_works_in_what_is_made(tmp_path: Path):
    """With packages of its own, and the embedded server."""
    made = tmp_path / "meine shöps"
    assert new(made).returncode == 0
    for target in ("lint", "test"):
        done = subprocess.run(["make", target], cwd=made, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_updated_passes_its_tests(tmp_path: Path, empty_url: str):
    project = Project(tmp_path)
    project.edit("shops/shops/schemas.py", "Range(1, 1000)", "Range(1, 500)")
    replace(
        project.root / "starter/starterapp/widgets/schemas.py",
        '"""A widget."""',
        '"""One widget."""',
    )
    assert project.update().returncode == 0
    passes(project.made, "ruff", "check", "--no-cache")
    passes(project.made, "pytest", "-q", "-p", "no:cacheprovider", DATABASE_URL=empty_url)
