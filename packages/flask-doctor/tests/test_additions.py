"""What other packages and applications add to the catalogue."""

from pathlib import Path

import pytest
from clusters import Cluster, lifted_app
from flask import Flask
from flask_doctor import Action, Doctor, Entry
from project import APP, Project
from sqlalchemy import create_engine

PACKAGE = """\
from flask_doctor import Action, Entry

def feed(app):
    open("fed", "w").close()

DOCTOR = [
    Entry("hungry", "The birds are hungry", why="Nobody fed them.", fix=("$ {flask} doctor --fix feed",),
          messages=("birds are hungry",), exceptions=("HungryError",), action="feed"),
    Action("feed", "Feed the birds", feed),
]
"""  # noqa: E501
ERROR = """
import os
class HungryError(Exception): pass
if not os.path.exists("fed"): raise HungryError("the birds are hungry")
"""


def test_an_installed_package_adds_an_entry_and_its_action(
    server: Cluster, tmp_path: Path, programs: Path
):
    project = Project(tmp_path, server.url("trusted", "app"), programs)
    site = tmp_path / "site"
    (site / "aviary-1.0.dist-info").mkdir(parents=True)
    (site / "aviary.py").write_text(PACKAGE)
    (site / "aviary-1.0.dist-info/METADATA").write_text("Name: aviary\nVersion: 1.0\n")
    entry_points = "[flask_doctor.entries]\naviary = aviary:DOCTOR\n"
    (site / "aviary-1.0.dist-info/entry_points.txt").write_text(entry_points)
    project.environment["PYTHONPATH"] = str(site)
    project.write("app.py", APP + ERROR)
    assert "hungry" in project.do("flask doctor --list")
    assert project.diagnosis("flask routes", "the birds are hungry") == "hungry"
    assert project.diagnosis() == "hungry"
    assert "application can't be loaded" in project.run("flask doctor --fix feed")


def test_a_package_that_fails_is_passed_over(server: Cluster, tmp_path: Path, programs: Path):
    project = Project(tmp_path, server.url("trusted", "app"), programs)
    site = tmp_path / "site"
    (site / "aviary-1.0.dist-info").mkdir(parents=True)
    (site / "aviary-1.0.dist-info/METADATA").write_text("Name: aviary\nVersion: 1.0\n")
    entry_points = "[flask_doctor.entries]\naviary = aviary:DOCTOR\n"
    (site / "aviary-1.0.dist-info/entry_points.txt").write_text(entry_points)
    project.environment["PYTHONPATH"] = str(site)
    assert "aviary" in project.do("flask doctor --list")


OWN = Entry(
    "own-error",
    "Ours",
    why="So.",
    fix=("Do it.",),
    messages=("ours alone",),
    exceptions=("RuntimeError",),
    action="own",
)


def app_with(doctor: Doctor, server: Cluster) -> Flask:
    app = Flask("with_additions")
    app.add_url_rule("/", view_func=lambda: raise_(RuntimeError("ours alone")))
    app.debug = True
    app.config["DOCTOR_AHEAD"] = False
    doctor.init_app(app)
    return app


def raise_(error: Exception) -> None:
    raise error


def test_an_application_registers_an_entry_and_its_action(server: Cluster):
    ran: list[Flask] = []
    doctor = Doctor(engine=create_engine(server.url("trusted", "app")))
    doctor.register(OWN, Action("own", "Do it", ran.append))
    app = app_with(doctor, server)
    answer = app.test_client().get("/", headers={"Accept": "text/html"})
    assert "<button>Do it</button>" in answer.text
    app.extensions["doctor"].actions["own"].run(app)
    assert ran == [app]


def test_two_applications_share_nothing(server: Cluster):
    one, other = Doctor(), Doctor()
    one.register(OWN)
    first, second = app_with(one, server), app_with(other, server)
    assert first.extensions["doctor"] is not second.extensions["doctor"]
    asked = [app.test_client().get("/", headers={"Accept": "text/html"}) for app in (first,)]
    assert "own-error" in asked[0].text
    with pytest.raises(RuntimeError, match="ours alone") as caught:
        second.test_client().get("/")
    assert not hasattr(caught.value, "__notes__")


def test_the_engines_of_one_application_are_not_watched_by_another(server: Cluster):
    first = lifted_app(server.url("trusted", "app"))
    second = lifted_app(server.url("trusted", "app"))
    for app in (first, second):
        with app.app_context():
            app.extensions["sqlalchemy"].engine.connect().close()
    known = [set(app.extensions["doctor"].parameters) for app in (first, second)]
    assert [len(engines) for engines in known] == [1, 1]
    assert known[0] != known[1]
    for (engine,) in known:
        engine.dispose()


def test_importing_it_changes_nothing(tmp_path: Path):
    code = (
        "import logging, click, flask, sqlalchemy; from sqlalchemy import Engine\n"
        "before = [dict(vars(m)) for m in (flask.Flask, click.Command, Engine)]\n"
        "import flask_doctor, flask_doctor.notes, flask_doctor.page, flask_doctor.cli\n"
        "assert before == [dict(vars(m)) for m in (flask.Flask, click.Command, Engine)]\n"
        "assert not logging.getLogger('flask_migrate').filters\n"
    )
    project = Project(tmp_path, "")
    project.write("check.py", code)
    project.do("python check.py")
