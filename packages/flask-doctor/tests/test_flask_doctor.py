"""`flask doctor` as people call it."""

import json
import os
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from clusters import ENCODED, PASSWORD, Cluster, dead_port
from flask_doctor.catalogue import ENTRIES
from project import Project


@pytest.fixture
def project(server: Cluster, tmp_path: Path, programs: Path) -> Iterator[Project]:
    yield Project(tmp_path, server.url("secret", "cured", ENCODED), programs)
    server.drop("cured")


def test_fix_applies_the_safe_cures_and_examines_again(project: Project, server: Cluster):
    server.execute("CREATE DATABASE cured OWNER secret")
    project.do("flask db init && flask db migrate -m first")
    server.drop("cured")

    output = project.do("flask doctor --fix")
    assert "Applying: create-database" in output
    assert "Applying: upgrade" in output
    answer = json.loads(project.do("flask doctor --json").removesuffix("exit 0\n"))
    assert answer["healthy"]
    assert all(stage["ok"] for stage in answer["stages"])
    assert answer["diagnosis"] is None
    assert PASSWORD not in output + str(answer)
    assert ENCODED not in output + str(answer)


def test_json_names_the_first_cause_alone(project: Project):
    project.environment["DATABASE_URL"] = f"postgresql+psycopg2://x@localhost:{dead_port()}/x"
    answer = json.loads(project.run("flask doctor --json").removesuffix("exit 1\n"))
    assert answer["diagnosis"]["id"] == "connection-refused"
    assert [stage["stage"] for stage in answer["stages"] if not stage["ok"]] == ["connection"]
    assert not answer["healthy"]


def test_it_works_where_there_is_no_application(tmp_path: Path):
    project = Project(tmp_path, "")
    (tmp_path / "app.py").unlink()
    assert project.diagnosis() == "app-not-located"
    assert "exit 1" in project.output


def test_list_names_every_entry(project: Project):
    listed = [line.split()[0] for line in project.do("flask doctor --list").splitlines()[:-1]]
    assert listed == list(ENTRIES)


def test_explain_tells_one(project: Project):
    assert project.diagnosis("flask doctor --explain port-taken") == "port-taken"
    assert "no such error: nonsense" in project.run("flask doctor --explain nonsense")


def test_without_a_terminal_there_are_no_colours_and_symbols(project: Project):
    assert project.run("flask doctor").isascii()


def test_on_a_terminal_there_are(project: Project):
    terminal, other_end = pty.openpty()
    command = ["flask", "doctor"]
    subprocess.run(command, cwd=project.folder, env=project.environment, stdout=other_end)
    os.close(other_end)
    assert "\u2714" in os.read(terminal, 4096).decode(errors="ignore")
    os.close(terminal)
