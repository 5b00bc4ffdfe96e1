"""Errors of the settings: the URL, and the driver that it names."""

import os
import re
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from flask import current_app
from sqlalchemy import URL
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from .. import urls
from ..case import NOTHING, Case, Found
from ..errors import is_connecting, sqlstate_of
from ..folder import misnamed_settings, settings_file, settings_in
from ..libpq import PARAMETERS, effective
from ..matching import by_text
from ..own_code import raised_in
from .loading import PACKAGES, in_environment_of_project

OTHER_DATABASES = {
    "MySQLdb": "MySQL",
    "pymysql": "MySQL",
    "oracledb": "Oracle",
    "cx_Oracle": "Oracle",
    "pyodbc": "SQL Server",
}
UNKNOWN_PARAMETER = re.compile(r'invalid (?:connection option|URI query parameter) "([^"]+)"')
# How a message tells that this part of the URL is at fault.
BLAMED = {
    "host": r"translate host name|failed to resolve host|unexpected spaces",
    "username": r'role ".*" does not exist|\buser "|authentication failed',
    "password": r"password authentication failed",
    "database": r"database \".*\" does not exist",
}
OF_ENVIRONMENT = ("os.py", "<frozen os>")  # where `os.environ["..."]` fails


def driver(error: BaseException, case: Case) -> Found | None:
    """Explain a driver that can't be imported."""
    name = (error.name or "" if isinstance(error, ModuleNotFoundError) else "").partition(".")[0]
    if name in OTHER_DATABASES:
        return "other-database", {"detail": OTHER_DATABASES[name]}
    if name not in urls.DRIVERS:
        return None
    if found := in_environment_of_project(name):
        return found
    facts = {"detail": f"Missing: {name}.", "package": PACKAGES.get(name, name), "missing": name}
    other = next((n for n in ("psycopg2", "psycopg") if n != name and find_spec(n)), None)
    if other is None:
        return "driver-missing", facts
    url = _url()
    _, separator, rest = url.partition("://")
    if separator:
        facts |= urls.edit(url, f"postgresql+{other}{separator}{rest}")
    return "driver-differs", facts | {"installed": other}


def url(error: BaseException, case: Case) -> Found | None:
    """Explain a URL that SQLAlchemy can't read."""
    if not isinstance(error, ArgumentError | NoSuchModuleError | ValueError):
        return None
    found = by_text(error, case)
    if found is None or not found[0].startswith("url-"):
        return None
    text = _url()
    # What int() says of a port cut out of a password, it says of much else: ask the URL.
    fault = urls.flaw(text) if text or "DATABASE_URL" in os.environ else None
    if words := urls.placeholders(text):
        return "url-placeholder", {"found": words} | urls.edit(text, text)
    if fault is None:
        return NOTHING if found[0] != "url-scheme" else (found[0], _edited("url-scheme", text))
    if fault == "url-missing":
        return fault, {"detail": "DATABASE_URL is set, but it is empty."}
    if fault == "url-port" and (cut := urls.cut_by_comment(text)):
        return "url-unescaped", {"reason": cut}
    return fault, _edited(fault, text)


def _edited(fault: str, text: str) -> dict[str, str]:
    """Return the facts of a URL's flaw, and how it reads without."""
    if fault == "url-stray-characters":
        clean = text.strip(urls.STRAY)
        named = _named(text, clean)
        return {"what": named, "part": "database URL"} | urls.edit(text, clean)
    scheme, separator, rest = text.partition("://")
    if fault == "url-port":
        start, at, place = text.rpartition("@")
        # `http://` before the host, a colon before the database.
        corrected = re.sub(r"^(\[.*\]|[^:/]*):(\d+):", r"\1:\2/", re.sub(r"^\w+://", "", place))
        return urls.edit(text, start + at + corrected)
    if fault == "url-scheme" and separator:
        dialect, _, driver = scheme.removeprefix("jdbc:").partition("+")
        drivers = get_close_matches(driver, urls.DRIVERS, 1)
        if get_close_matches(dialect, ["postgresql"]) and (drivers or not driver):
            return urls.edit(text, "+".join(["postgresql", *drivers]) + f"://{rest}")
    return {}


def _named(text: str, clean: str) -> str:
    extra = text.replace(clean, "", 1)
    if "\n" in extra or "\r" in extra:
        return "a line break"
    return "a space" if not extra.strip() else "a quotation mark"


def parameter(error: BaseException, case: Case) -> Found | None:
    """Explain a parameter of the URL that libpq doesn't know."""
    found = UNKNOWN_PARAMETER.search(str(getattr(error, "orig", None) or error))
    if found is None or getattr(error, "statement", None):
        return None
    text = _url(case)
    if f"{found[1]}=" not in text.partition("?")[2]:
        near = get_close_matches(found[1], PARAMETERS, 1, 0.8)
        return "url-parameter-unknown", {"parameter": found[1]} | (
            {"remedy": f"Perhaps you mean `{near[0]}`."} if near else {}
        )
    edited = urls.edit(text, urls.without_unknown(text))
    return "url-parameter-unknown", {"parameter": found[1]} | edited


def malformed(error: BaseException, case: Case) -> Found | None:
    """Explain a URL that libpq can't read, in its own words, save for those of the URL."""
    found = by_text(error, case)
    if found is None or found[0] not in ("url-unescaped", "url-malformed"):
        return None
    original = str(getattr(error, "orig", None) or error).removeprefix("invalid dsn: ")
    return found[0], {"reason": f"libpq says: {original.partition(chr(34))[0].strip(' :')}."}


def parts(error: BaseException, case: Case) -> Found | None:
    """Explain a connection that fails for a part of its URL: cut, missing, or with more in it."""
    if case.engine is None or sqlstate_of(error) or not is_connecting(error):
        return None
    own, message, text = case.engine.url, str(getattr(error, "orig", error)), _url(case)
    if urls.is_cut(text, str(own.password or "")) or "@" in f"{own.host}{own.database}":
        return "url-unescaped", {}
    words = urls.placeholders(text)
    if words and any(re.search(blamed, message) for blamed in BLAMED.values()):
        return "url-placeholder", {"found": words} | urls.edit(text, text)
    for part, blamed in BLAMED.items():
        value = getattr(own, part) or ""
        clean = value.strip(urls.STRAY)
        if part == "database" and value.strip() != value:
            continue  # whether another database is there, is asked of the server
        if value != clean and re.search(blamed, message):
            cleaned: dict[str, Any] = {part: clean}
            changed = own._replace(**cleaned)
            facts = urls.edit(urls.whole(own), urls.whole(changed)) if part != "password" else {}
            where = f"{'role' if part == 'username' else part} in the database URL"
            return "url-stray-characters", facts | {"what": _named(value, clean), "part": where}
    return _missing(own, message, case)


def _missing(own: URL, message: str, case: Case) -> Found | None:
    """Explain what libpq fills in for a part that the URL doesn't have."""
    known = effective(case.parameters)
    if "service" in known or not case.parameters:
        return None
    missing = re.search(r'(database|role) "(.*)" does not exist', message)
    if missing is None:
        return None
    if missing[1] == "database" and not known.get("dbname"):
        changed = own.set(database="DATABASE")
        return "url-without-database", {"role": missing[2]} | urls.edit(
            urls.whole(own), urls.whole(changed)
        )
    if missing[1] == "role" and not known.get("user"):
        changed = own.set(username="ROLE", password="PASSWORD")  # noqa: S106 - a placeholder
        edited = urls.edit(urls.whole(own), urls.whole(changed))
        if "after" in edited:
            edited["after"] = edited["after"].replace("***", "PASSWORD")
        return "url-without-role", {"role": missing[2]} | edited
    return None


def unset(error: BaseException, case: Case) -> Found | None:
    """Explain a variable that isn't set: its name, and where it is written instead."""
    fallback: Found
    found = by_text(error, case)
    if found and found[0] == "url-missing":
        name, fallback = "DATABASE_URL", found
        if os.environ.get(name):
            return "url-not-passed", {}
    elif isinstance(error, KeyError) and os.path.basename(raised_in(error)) in OF_ENVIRONMENT:
        name = str(error.args[0])
        of_url = name in ("DATABASE_URL", "SQLALCHEMY_DATABASE_URI")
        fallback = "url-missing" if of_url else "setting-missing", {}
    else:
        return None
    facts = {"setting": name}
    if not os.path.exists(".env") and (file := misnamed_settings(name)):
        return "env-file-misnamed", facts | {"misnamed": str(file)}
    own = settings_file()
    known = list(settings_in(own)) if own else []
    near = get_close_matches(name, [n for n in known if n != name], 1, 0.75)
    if own and near:
        return "setting-misspelt", facts | {"similar": near[0], "file": os.path.relpath(own)}
    for example in (".env.example", ".env.sample", ".env.template"):
        if own is None and name in settings_in(Path(example)):
            return "env-file-missing", facts | {"example": example}
    return fallback[0], facts | fallback[1]


def _url(case: Case | None = None) -> str:
    """Return the URL as it is written; that of the engine that failed, where there is one."""
    configured = current_app.config.get("SQLALCHEMY_DATABASE_URI") if current_app else None
    text = configured if isinstance(configured, str) else os.environ.get("DATABASE_URL", "")
    if case is None or case.engine is None:
        return text
    own = urls.whole(case.engine.url)
    return text if urls.same(text, own) else own
