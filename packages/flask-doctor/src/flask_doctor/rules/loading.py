"""Why an application can't be loaded: what Flask doesn't find, and what Python doesn't."""

import os
import re
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType

from flask.cli import NoAppException

from ..case import Case, Found
from ..diagnosis import program
from ..folder import Application, applications, applications_in, environment_with
from ..own_code import is_foreign

# What pip calls the packages that bring these modules; others have their module's name.
PACKAGES = {
    "psycopg2": "psycopg2-binary",
    "psycopg": "psycopg[binary]",
    "geoalchemy2": "GeoAlchemy2",
    "sqlalchemy_utils": "SQLAlchemy-Utils",
    "pgvector": "pgvector",
    "sqlmodel": "sqlmodel",
    "dotenv": "python-dotenv",
    "jwt": "PyJWT",
    "yaml": "PyYAML",
    "PIL": "Pillow",
    "bs4": "beautifulsoup4",
    "dateutil": "python-dateutil",
    "flask_wtf": "Flask-WTF",
    "flask_httpauth": "Flask-HTTPAuth",
}
UNFOUND = {
    r"Could not import '(?P<module>[^']*)'": "app-module-missing",
    r"Could not locate a Flask application": "app-not-located",
    r"Failed to find Flask application or .* module '(?P<module>[^']*)'": "app-not-in-module",
    r"Failed to find attribute '(?P<attribute>[^']*)' in '(?P<module>[^']*)'": "app-not-in-module",
    r"factory '(?P<factory>\w+)[^']*' in module '(?P<module>[^']*)'.* could": "factory-arguments",
    r"A valid Flask application was not obtained from '(?P<module>[^':]*)": "app-not-in-module",
    r"Detected multiple Flask applications in module '(?P<module>[^']*)'": "several-apps",
}


def unfound(error: BaseException, case: Case) -> Found | None:
    """Explain that Flask finds no application, by the applications that there are."""
    if not isinstance(error, NoAppException):
        return None
    for pattern, entry in UNFOUND.items():
        if match := re.search(pattern, str(error.message).replace("\n", " ")):
            return _pointed(entry, match.groupdict())
    return None


def _pointed(entry: str, facts: dict[str, str]) -> Found:
    facts |= {"bare": program("flask"), "folder": str(Path.cwd()), "named": _named_by()}
    module = sys.modules.get(facts.get("module", ""))
    file = getattr(module, "__file__", None) or ""
    inside = applications_in(Path(file)) if file and not is_foreign(file) else []
    if file:
        facts["file"] = os.path.relpath(file)
    factory = next((a for a in inside if a.is_factory and a.name == facts.get("factory")), None)
    if factory:
        return entry, facts | _with_default(factory)
    silent = next((a for a in inside if a.is_factory and not a.returns), None)
    if silent and entry == "app-not-in-module":
        return "factory-returns-nothing", facts | {"factory": silent.name}
    found = inside or applications(Path.cwd())
    if found:
        best = min(found, key=lambda a: (bool(a.needed), a.file.count(os.sep), a.is_factory))
        look = "Name the file that makes the application:\n$ {bare} --app {option} doctor"
        return entry, facts | {"option": best.option, "detail": _listed(found), "look": look}
    return entry, facts | _above()


def _with_default(factory: Application) -> dict[str, str]:
    arguments = ", ".join(factory.needed)
    with_defaults = ", ".join(f"{name}=None" for name in factory.needed)
    edit = {"before": f"def {factory.name}({arguments}):"}
    edit |= {"after": f"def {factory.name}({with_defaults}):"}
    return edit | {"factory": factory.name, "arguments": arguments, "option": factory.option}


def _listed(found: list[Application]) -> str:
    places = ", ".join(f"`{a.name}` in {a.file}" for a in found[:3])
    return f"Found {'one' if len(found) == 1 else 'these'} here: {places}."


def _above() -> dict[str, str]:
    """Say where an application is, where there is none in this folder."""
    for parent in Path.cwd().parents[:2]:
        if any(applications_in(file) for file in sorted(parent.glob("*.py"))[:20]):
            look = f"Go to that folder, and run the command again:\n$ cd {os.path.relpath(parent)}"
            return {"look": look, "detail": f"The folder {parent} has one."}
    return {"detail": "No file here creates one with `Flask(...)`."}


def _named_by() -> str:
    if any(a in ("-A", "--app") or a.startswith("--app=") for a in sys.argv):
        return "`--app`"
    return "the variable FLASK_APP" if os.environ.get("FLASK_APP") else "Flask's default"


def module(error: BaseException, case: Case) -> Found | None:
    """Explain a module that isn't there: in another environment, not installed, or one's own."""
    if not isinstance(error, ModuleNotFoundError) or not error.name or not case.probe:
        return None
    name = error.name.partition(".")[0]
    if found := in_environment_of_project(name):
        return found
    if name in sys.modules and name != error.name:  # a part of a package that is there
        return None
    facts = {"missing": name}
    if listing := _listing(name):
        return "package-missing", facts | {"install": listing}
    if name in PACKAGES or name.startswith("flask_"):
        return "package-missing", facts | {"install": PACKAGES.get(name, name.replace("_", "-"))}
    near = [p for p in Path.cwd().glob(f"*/{name}*") if p.name in (name, f"{name}.py")]
    near = [p for p in near if p.parent.name[0] != "." and p.parent.name not in ("venv", "env")]
    if near:
        own = os.path.relpath(near[0])
        return "module-elsewhere", facts | {"file": own, "dotted": f"{near[0].parent.name}.{name}"}
    return None


def in_environment_of_project(name: str) -> Found | None:
    """Explain a package that another virtual environment of the project has."""
    if not (found := environment_with(name)):
        return None
    folder = os.path.relpath(found)
    activate = f"{folder}\\Scripts\\activate" if os.name == "nt" else f". {folder}/bin/activate"
    facts = {"missing": name, "environment": folder, "prefix": sys.prefix}
    return "wrong-environment", facts | {"activate": activate}


def _listing(name: str) -> str:
    """Return what pip must install, by the project's own list; nothing if that doesn't name it."""
    plain = re.sub(r"[-_.]+", "[-_.]", re.escape(name).replace(r"\_", "_").replace(r"\-", "-"))
    named = re.compile(rf"^\s*\"?'?(?:python-)?{plain}(?:-binary)?\b", re.I | re.M)
    for file, install in (("requirements.txt", "-r requirements.txt"), ("pyproject.toml", "-e .")):
        path = Path(file)
        if path.is_file() and named.search(path.read_text(encoding="utf-8", errors="replace")):
            return install
    return ""


def shadowed(error: BaseException, case: Case) -> Found | None:
    """Explain a file of the user's that is imported in the place of a package of its name."""
    if not isinstance(error, ImportError | AttributeError):
        return None
    subject = getattr(error, "obj", None)
    said = error.name if isinstance(error, ImportError) else getattr(subject, "__name__", "")
    if isinstance(error, AttributeError) and not isinstance(subject, ModuleType):
        return None
    name = str(said or "").partition(".")[0]
    file = getattr(sys.modules.get(name), "__file__", None) or getattr(error, "path", None) or ""
    if not file or is_foreign(file):
        return None
    others = [p for p in sys.path if is_foreign(os.path.abspath(os.path.join(p, "x")))]
    if name not in sys.stdlib_module_names and not PathFinder.find_spec(name, others):
        return None
    own = Path(file).parent if Path(file).name == "__init__.py" else Path(file)
    new = os.path.relpath(own.with_name(f"own_{own.name}"))
    return "module-shadowed", {"missing": name, "file": os.path.relpath(own), "renamed": new}
