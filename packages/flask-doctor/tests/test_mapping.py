"""Each mistake in models, provoked for real: the entry, what it names, and that its fix helps."""

import importlib
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from clusters import Cluster, last_step, lifted_app
from flask import Flask
from flask_doctor import Doctor, models
from flask_doctor.catalogue import THEMES
from flask_doctor.recognise import diagnose
from flask_doctor.state import State, state_of
from flask_sqlalchemy import SQLAlchemy
from project import APP, Project
from sqlalchemy.exc import InvalidRequestError

ID = "    id = db.Column(db.Integer, primary_key=True)\n"
CASES = tomllib.loads(Path(__file__).with_name("mistakes_in_models.toml").read_text())
# By another version of SQLAlchemy or by more than one file; these have tests of their own.
ELSEWHERE = {"attribute-unknown", "mutable-default", "module-imported-twice", "model-not-imported"}


def test_each_mistake_in_the_models_is_explained_and_its_fix_helps():
    cases = {n: [case.get("models", ""), case.get("use", "")] for n, case in CASES.items()}
    command = [sys.executable, "-W", "ignore", str(Path(__file__).with_name("provoke.py"))]
    done = subprocess.run(command, input=json.dumps(cases), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name, (entry, text, after) in json.loads(done.stdout).items():
        case = CASES[name]
        assert entry == case["entry"], f"{name}: {text}"
        assert case.get("says", "") in text, f"{name}: {text}"
        assert "helps" not in case or after == "", f"{name}: {text}\nafter the fix: {after}"


def test_each_entry_of_the_models_is_provoked():
    provoked = {case["entry"] for case in CASES.values()} | ELSEWHERE
    assert {entry.id for entry in THEMES["Models"]} <= provoked


TWICE = """\
import sys
sys.path.append("shop")
from extensions import db
import shop.models
import models
"""
HALT = "from extensions import db\n\n\nclass Halt(db.Model):\n" + ID


def test_a_module_imported_under_two_names(tmp_path: Path, programs: Path):
    project = Project(tmp_path, "postgresql://nobody@127.0.0.1:1/nothing", programs)
    (tmp_path / "shop").mkdir()
    project.write("extensions.py", "from flask_sqlalchemy import SQLAlchemy\ndb = SQLAlchemy()\n")
    project.write("shop/models.py", HALT)
    project.write("app.py", TWICE + APP)
    message = "Table 'halt' is already defined"
    assert project.diagnosis("flask routes", message) == "module-imported-twice"
    assert project.diagnosis() == "module-imported-twice"
    assert "from shop.models import Halt" in project.output
    assert "Where: shop/models.py, line 4: class Halt(db.Model):" in project.output


def test_the_doctor_connects_the_models_as_a_query_would(server: Cluster):
    app = lifted_app(server.url("trusted", "app"))
    db = app.extensions["sqlalchemy"]

    class Stop(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        line = db.relationship("Sotp")

    step = last_step(app)
    assert (step.stage, step.diagnosis.entry.id) == ("models", "relationship-name-unknown")
    assert 'line = db.relationship("Sotp")' in step.diagnosis.where
    db.Model.registry.dispose()


@pytest.mark.filterwarnings("ignore:Ignoring declarative-like tuple value")
def test_the_doctor_mentions_what_sqlalchemy_passes_over(server: Cluster):
    app = lifted_app(server.url("trusted", "app"))
    db = app.extensions["sqlalchemy"]

    class Lane(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        name = (db.Column(db.String),)
        made = db.Column(db.DateTime, default=datetime.now())
        opened = db.Column(db.DateTime, default=datetime(2020, 1, 1))
        cars = db.relationship("Car")

    class Car(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        lane_id = db.Column(db.ForeignKey("lane.id"))
        lane = db.relationship("Lane")

    with app.app_context():
        copies, comma, now = models.connect_models(state_of(app))
    assert copies.startswith("relationship 'Car.lane' will copy column lane.id")
    assert comma == "Lane.name isn't a column, because a comma follows it"
    assert "Lane.made" in now
    db.Model.registry.dispose()


# What lies about in a project, beside the application's own modules.
BESIDE = {
    "lazily.py": "from .db import db\nclass Lazy(db.Model):\n" + ID,
    "copy_of_models.py": "from .db import db\nclass Copied(db.Model):\n" + ID,
    "again.py": "from .db import db\nclass Again(db.Model):\n    __tablename__ = 'nest'\n" + ID,
    "script.py": "from .db import db\nclass S(db.Model):\n" + ID + "if __name__ == '__main__': 1\n",
    "views.py": "from flask import request\nclass View:\n    pass\n",
    "other.py": "from elsewhere import db\nclass Elsewhere(db.Model):\n" + ID,
    "example/app.py": "from flask import Flask\napp = Flask(__name__)\n",
    "example/models.py": "from ..db import db\nclass Example(db.Model):\n" + ID,
    "venv/pyvenv.cfg": "",
    "venv/models.py": "from ..db import db\nclass Packaged(db.Model):\n" + ID,
    "tests/models.py": "from ..db import db\nclass Tested(db.Model):\n" + ID,
    "form.py": "class Form(Base):\n    __tablename__ = 'no model'\n",
    "broken.py": "class\n",
}
PACKAGE = {
    "__init__.py": "from flask import Flask\nfrom .db import Base, Nest, db\n\n"
    "def late():\n    from . import lazily\n",
    "db.py": "from flask_sqlalchemy import SQLAlchemy\ndb = SQLAlchemy()\n"
    f"class Base(db.Model):\n    __abstract__ = True\n{ID}class Nest(Base): pass\n",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[State]:
    monkeypatch.syspath_prepend(tmp_path)
    for name, content in (PACKAGE | BESIDE).items():
        path = tmp_path / "aviary" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    aviary = importlib.import_module("aviary")
    app = Flask("aviary")
    app.config["SQLALCHEMY_DATABASE_URI"] = "postgresql+psycopg2://nobody@127.0.0.1:1/nothing"
    Doctor(app)
    aviary.db.init_app(app)
    yield state_of(app)
    aviary.db.Model.registry.dispose()
    for name in [name for name in sys.modules if name.partition(".")[0] == "aviary"]:
        del sys.modules[name]


def test_what_lies_beside_an_application_is_no_alarm(package: State):
    assert models.missing_models(package) == []


def test_a_module_of_the_application_that_nothing_imports_is_named(package: State):
    folder = Path(package.app.root_path, "eggs")
    folder.mkdir()
    (folder / "models.py").write_text("from ..db import Base\n\nclass Egg(Base):\n    name = 1\n")
    missing = models.missing_models(package)
    assert missing == ["Egg: nothing imports eggs/models.py"]


def test_another_application_with_a_db_of_its_own_is_no_alarm(package: State):
    module = sys.modules["aviary"]
    module.second = second = SQLAlchemy()
    type("Cage", (second.Model,), {"id": second.Column(second.Integer, primary_key=True)})
    assert models.missing_models(package)[0].endswith("belongs to `second` of aviary")
    app = Flask("cages")
    app.config["SQLALCHEMY_DATABASE_URI"] = "postgresql+psycopg2://nobody@127.0.0.1:1/nothing"
    second.init_app(app)
    assert models.missing_models(package) == []


def test_a_relationship_to_a_model_that_nothing_imports_names_its_module(package: State):
    folder = Path(package.app.root_path)
    (folder / "chicks.py").write_text(f"from .db import Base, db\nclass Chick(Base):\n{ID}")
    (folder / "hens.py").write_text(
        "from .db import Base, db\nclass Hen(Base):\n    chicks = db.relationship('Chick')\n"
    )
    importlib.import_module("aviary.hens")
    with pytest.raises(InvalidRequestError) as caught:
        models.connect_models(package)
    diagnosis = diagnose(caught.value, state=package)
    assert diagnosis.entry.id == "model-not-imported"
    assert diagnosis.fix[-1] == "+ import aviary.chicks"


FORM = """
class Field:
    def __init__(self, *, label): pass
class Form:
    name = Field(lable='x')
"""
BASES = "import abc\nclass A(abc.ABC): pass\nclass B(type): pass\nclass C(A, metaclass=B): pass\n"


@pytest.mark.parametrize("code", [FORM, BASES, "class A:\n    x = {}['x']\n", "None.append(1)"])
def test_what_is_no_mistake_in_a_model_is_no_mistake_in_a_model(code: str):
    with pytest.raises((TypeError, KeyError, AttributeError)) as caught:
        exec(code, {"__name__": "forms"})
    assert diagnose(caught.value) is None
