"""What `docs/deploy.md` says can be done: its commands, and whatever they name."""

import re
import shlex
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
from dotenv import dotenv_values
from flask import Flask
from postgres import ROOT, SETTINGS
from sqlalchemy import text

from config import ProductionConfig
from stationsapp import create_app
from stationsapp.extensions import db


def read(path: str) -> str:
    return (ROOT / path).read_text()


def anchor(title: str) -> str:
    """Return what a link to a section is called."""
    return re.sub(r"[^\w ]", "", title.lower()).replace(" ", "-")


GUIDE = read("docs/deploy.md")
BLOCKS = re.findall(r"^```\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
PROGRAMS = ("apt-get", "cat", "cd", "certbot", "cp", "flask", "install", "pg_ctlcluster", "runuser")
SHELL = [block for block in BLOCKS if block.startswith(PROGRAMS)]
SQL = [block for block in BLOCKS if block.startswith("ALTER")]
FLASK = re.findall(r"^(?:.*bin/)?flask (.*)", "".join(SHELL), re.MULTILINE)


def test_the_shell_understands_each_block():
    assert len(SHELL) >= 8
    subprocess.run(["bash", "-n"], input="".join(SHELL), text=True, check=True)


def test_the_commands_of_the_application_run(app: Flask):
    assert len(FLASK) >= 5
    for line in FLASK:
        result = app.test_cli_runner().invoke(args=shlex.split(line, comments=True))
        assert (line, result.exit_code) == (line, 0)


def test_the_settings_file_is_one_that_production_starts_with(tmp_path: Path):
    script = re.search(r"^cat > /etc/stationsapp.env.*?^END$", GUIDE, re.MULTILINE | re.DOTALL)
    file = tmp_path / "env"
    command = script[0].replace("/etc/stationsapp.env", str(file))
    subprocess.run(["bash", "-e", "-c", command], check=True)
    settings = dotenv_values(file)
    assert set(settings) <= SETTINGS
    hosts = {"TRUSTED_HOSTS": [settings["TRUSTED_HOSTS"]]}
    assert create_app(type("Config", (ProductionConfig,), settings | hosts)).config["LOG_REQUESTS"]


def test_the_certificate_and_the_name_in_nginx_become_your_own():
    line = re.search(r"^sed .*(?= >)", GUIDE, re.MULTILINE)
    command = shlex.split(line[0])
    own = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert "your.name" in own
    assert "stations.example.org" not in own


def test_postgresql_takes_the_settings_of_the_role(app: Flask):
    with db.engine.connect() as connection:
        for block in SQL:
            connection.execute(text(block.replace("ROLE stationsapp", "ROLE CURRENT_USER")))
        connection.rollback()


NAMED = {
    "settings": (r"(?:^|`)([A-Z]+(?:_[A-Z]+)*(?==)|[A-Z]+(?:_[A-Z]+)+)", SETTINGS),
    "sections": (r"\]\(#([\w-]+)\)", map(anchor, re.findall("^#+ (.*)", GUIDE, re.MULTILINE))),
}


@pytest.mark.parametrize(("pattern", "there"), NAMED.values(), ids=NAMED.keys())
def test_what_is_named_is_there(pattern: str, there: Iterable[str]):
    named = set(re.findall(pattern, GUIDE, re.MULTILINE))
    assert named
    assert named - set(there) == set()


def test_the_files_that_are_named_are_there():
    folders = "packages|stationsapp|deploy|docs"
    named = re.findall(rf"(?<![\w./])((?:{folders})/[\w./@-]*\w|constraints\.txt)", GUIDE)
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []
