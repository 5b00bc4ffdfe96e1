"""Each error in an application's own code, provoked for real."""

import json
import os
import socket
import sys
from pathlib import Path

import pytest
from clusters import Cluster
from flask.cli import ScriptInfo
from flask_doctor.examine import examine
from flask_doctor.recognise import diagnose
from project import APP, Project


@pytest.fixture
def project(server: Cluster, tmp_path: Path, programs: Path) -> Project:
    return Project(tmp_path, server.url("trusted", "app"), programs)


PACKAGES = ".venv/lib/python3/site-packages"
CONNECTOR = """
from sqlalchemy import event
with app.app_context():
    @event.listens_for(db.engine, "do_connect")
    def refuse(*_):
        raise ArithmeticError("strange")
"""
PLAIN_APP = """
import os
from flask import Flask
from sqlalchemy import create_engine
app = Flask(__name__)
engine = create_engine(os.environ["DATABASE_URL"])
"""
BASE = """

class Base(db.Model):
    name: Mapped[str]


"""


@pytest.mark.parametrize(
    ("code", "message", "entry"),
    [
        (
            BASE,
            "could not assemble any primary key columns for mapped table 'base'",
            "abstract-missing",
        ),
        (
            "\nfrom sqlalchemy.orm import DeclarativeBase\nclass Root(DeclarativeBase): pass\n"
            "class Middle(Root): name: Mapped[str]\n",
            "does not have a __table__ or __tablename__ specified",
            "tablename-missing",
        ),
        (
            "\nclass Common(db.Model):\n    __abstract__ = True\n"
            "class Nest(db.Model, Common):\n    __tablename__ = 'nests'\n",
            "order (MRO) for bases Model, Common",
            "base-class-order",
        ),
        ("\nprint(db.session.query(Bird).all())\n", "Working outside of", "no-app-context"),
        (
            "\nother = SQLAlchemy()\nwith app.app_context(): other.session.execute(text(''))\n",
            "The current Flask app is not registered with this 'SQLAlchemy' instance",
            "app-not-registered",
        ),
        (
            "\nclass Again(db.Model):\n    __tablename__ = 'birds'\n"
            "    id: Mapped[int] = mapped_column(primary_key=True)\n",
            "Table 'birds' is already defined for this MetaData instance",
            "table-defined-twice",
        ),
        (
            "\nwith app.app_context(): db.session.execute('SELECT 1')\n",
            "Textual SQL expression 'SELECT 1' should be explicitly declared as text('SELECT 1')",
            "text-needed",
        ),
        (
            "\nwith app.app_context(), db.engine.connect() as connection:\n"
            "    connection.execute('SELECT 1')\n",
            "Not an executable object: 'SELECT 1'",
            "text-needed",
        ),
    ],
)
def test_an_import_that_fails_is_explained(project: Project, code: str, message: str, entry: str):
    project.write("app.py", APP + code)
    assert project.diagnosis("flask routes", message) == entry
    assert project.diagnosis() == entry


def test_circular_import(project: Project):
    project.write("nests.py", "from app import later\n")
    project.write("app.py", f"import nests\n{APP}\nlater = 1\n")
    assert project.diagnosis("flask routes", "partially initialized module") == "circular-import"
    assert project.diagnosis() == "circular-import"


@pytest.mark.parametrize(
    ("code", "place"),
    [
        ("1 / 0\n", "ZeroDivisionError: division by zero"),
        ("import no_such_module\n", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise SystemExit('set FOO')\n", "set FOO"),
    ],
)
def test_app_not_importable(project: Project, code: str, place: str):
    project.write("app.py", code)
    assert project.diagnosis(message=place) == "app-not-importable"
    assert "Correct the error at app.py, line 1" in project.output


def test_a_file_that_python_cannot_read(project: Project):
    project.write("app.py", "if\n")
    assert project.diagnosis(message="Python can't read app.py, line 1") == "python-syntax"


BLUEPRINT = "app.register_blueprint(Blueprint('b', __name__))\n"
VIEW = "app.add_url_rule('/', view_func=lambda: '')\n"


@pytest.mark.parametrize(
    ("code", "entry"),
    [
        ("from birds import Brid", "name-misspelt"),
        ("from birds import Wing", "name-not-in-module"),
        ("from birds import later", "name-misspelt"),
        (f"from flask import *\napp = Flask('x')\n{BLUEPRINT * 2}", "blueprint-name-taken"),
        (f"from flask import *\napp = Flask('x')\n{VIEW * 2}", "view-name-taken"),
    ],
)
def test_a_name_that_is_wrong_at_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, entry: str
):
    birds = (
        "class Bird:\n    wing = 1\n\nif 'later' in code:\n    from birds import later\nlate = 1\n"
    )
    (tmp_path / "birds.py").write_text(f"code = {code!r}\n{birds}")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "birds", raising=False)
    with pytest.raises((ImportError, ValueError, AssertionError)) as caught:
        exec(code, {"__name__": "code"})
    assert diagnose(caught.value).entry.id == entry


def test_port_taken(project: Project):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = f"flask run --port {listener.getsockname()[1]}"
        assert project.diagnosis(command, os.strerror(98)) == "port-taken"


def test_the_place_of_a_missing_variable_is_in_the_users_code(project: Project):
    project.write("app.py", "import os\nos.environ['FOO']\n")
    assert project.diagnosis(message="The variable FOO is not set") == "setting-missing"
    assert "app.py, line 2" in project.output


def test_without_migrations_none_are_advised(project: Project):
    project.edit("app.py", "Migrate(app, db)\n", "")
    ask = (
        "python -c 'from app import *; app.debug = True; "
        'print(app.test_client().get("/").get_json())\' 2>/dev/null'
    )
    answer = project.do(ask)
    assert "table-missing" in answer
    assert "create_all" in answer
    assert "db upgrade" not in answer


FACTORY = "from flask import Flask\ndef {}:\n    app = Flask('x')\n    {}\n"


MODULES = ("main", "antigravity", "app", "wsgi")


@pytest.mark.parametrize(
    ("files", "app", "entry", "line"),
    [
        ({}, None, "app-not-located", "$ flask --app FILE.py doctor"),
        (
            {"shop/main.py": FACTORY.format("create_app()", "return app")},
            None,
            "app-not-located",
            "$ flask --app shop/main.py doctor",
        ),
        (
            {"main.py": FACTORY.format("build()", "return app")},
            "nothing",
            "app-module-missing",
            "$ flask --app main.py:build doctor",
        ),
        (
            {"main.py": FACTORY.format("build()", "return app")},
            "main",
            "app-not-in-module",
            "$ flask --app main.py:build doctor",
        ),
        (
            {"main.py": FACTORY.format("create_app(config)", "return app")},
            "main",
            "factory-arguments",
            "+ def create_app(config=None):",
        ),
        (
            {"main.py": FACTORY.format("create_app()", "")},
            "main",
            "factory-returns-nothing",
            "+     return app",
        ),
        (
            {"main.py": "from flask import Flask\none = Flask('x')\ntwo = Flask('y')\n"},
            "main",
            "several-apps",
            "$ flask --app main.py:one doctor",
        ),
        (
            {"main.py": "import egg_of\n", ".venv/pyvenv.cfg": "", f"{PACKAGES}/egg_of.py": ""},
            "main",
            "wrong-environment",
            "$ . .venv/bin/activate",
        ),
        (
            {"main.py": "import egg_of\n", "requirements.txt": "egg-of>=1\n"},
            "main",
            "package-missing",
            "$ python -m pip install -r requirements.txt",
        ),
        (
            {"main.py": "import egg_of\n", "shop/egg_of.py": ""},
            "main",
            "module-elsewhere",
            "+ import shop.egg_of",
        ),
        (
            {"main.py": "from antigravity import fly\n", "antigravity.py": ""},
            "main",
            "module-shadowed",
            "$ mv -n antigravity.py own_antigravity.py",
        ),
    ],
)
def test_flask_finds_no_application(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: dict[str, str],
    app: str | None,
    entry: str,
    line: str,
):
    monkeypatch.chdir(tmp_path)
    # Without the applications of other tests, and of a project around this one.
    installed = [n for n in sys.path if n.startswith((sys.prefix, sys.base_prefix))]
    monkeypatch.setattr(sys, "path", installed)
    for name in MODULES:
        sys.modules.pop(name, None)
    monkeypatch.setattr(sys, "argv", ["flask"])
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    *_, step = examine(ScriptInfo(app).load_app)
    for name in MODULES:
        sys.modules.pop(name, None)
    assert step.diagnosis.entry.id == entry
    assert line in step.diagnosis.fix


def test_an_unknown_error_says_what_it_is_not(project: Project):
    project.edit("app.py", "Doctor().init_app(app)\n", CONNECTOR)
    assert project.diagnosis() is None
    assert "doesn't know this error: strange" in project.output
    assert "the application is imported; the database URL can be read" in project.output
    assert "It comes from app.py, line" in project.output
    answer = json.loads(project.run("flask doctor --json").removesuffix("exit 1\n"))
    assert answer["unknown"]["message"] == "The doctor doesn't know this error: strange"


def test_an_engine_that_only_the_application_knows_is_found(project: Project):
    project.write("app.py", PLAIN_APP)
    project.diagnosis()
    assert "ok   connection" in project.output
