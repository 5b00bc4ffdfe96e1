"""What `README.md` shows, and what all documents link to."""

import re
import shutil
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from postgres import ROOT, app_on, server_connection

README = (ROOT / "README.md").read_text()
PLACES = ("*.md", "docs/*.md", "packages/flask-doctor/*.md")
DOCUMENTS = [path for place in PLACES for path in ROOT.glob(place)]


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 130


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_requests_succeed(live_url: str, sample_stations: None, token: str):
    script = re.search(r"^```\n(curl .*?)^```$", README, re.MULTILINE | re.DOTALL)[1]
    curl = f'flask() {{ echo {token}; }}\ncurl() {{ command curl --fail --silent "$@"; }}\n'
    done = subprocess.run(
        ["bash", "-e", "-c", curl + script.replace("http://127.0.0.1:5000", live_url)],
        capture_output=True,
        text=True,
        check=True,
    )
    nearest, *csv, created = done.stdout.splitlines()
    assert nearest.startswith('{"stations":[{"id":')
    assert "Gare" in csv[1]
    assert '"code":"home"' in created


@pytest.fixture
def empty_url(own_url: str) -> str:
    with closing(server_connection()) as connection:
        name = own_url.rpartition("/")[2].partition("?")[0]
        cursor = connection.cursor()
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE {name}")
    return own_url


def test_the_doctor_says_what_is_shown(empty_url: str):
    with app_on(empty_url) as app:
        error = app.test_cli_runner().invoke(args=["tokens", "create", "ada"]).exception
    name = empty_url.rpartition("/")[2].partition("?")[0]
    note = "\n".join(error.__notes__).replace(name, "stationsapp").replace(".venv/bin/", "")
    shown = re.search(r"^table-missing.*?^```$", README, re.MULTILINE | re.DOTALL)[0]
    lines = [line for line in shown.splitlines()[:-1] if line.strip() != "..."]
    assert [line for line in lines if line not in note] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_link_to_a_file_leads_somewhere(path: Path):
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_target_of_make_exists(path: Path):
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", path.read_text(), re.MULTILINE))
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert named - set(targets) == set()
