"""Errors of the settings: the URL, and the driver that it names."""

import os

from flask import current_app

from ..case import NOTHING, Case, Found
from ..matching import by_text
from ..urls import DRIVERS, flaw

PACKAGES = {"psycopg2": "psycopg2-binary", "psycopg": "psycopg[binary]"}  # what pip installs
URL_FLAWS = ("url-scheme", "url-unescaped")


def driver(error: BaseException, case: Case) -> Found | None:
    """Explain a driver that can't be imported."""
    name = error.name or "" if isinstance(error, ModuleNotFoundError) else ""
    if name.partition(".")[0] not in DRIVERS:
        return None
    return "driver-missing", {"detail": f"Missing: {name}.", "package": PACKAGES.get(name, name)}


def url(error: BaseException, case: Case) -> Found | None:
    """Explain a URL that SQLAlchemy can't read."""
    found = by_text(error, case)
    if found is None or found[0] not in URL_FLAWS:
        return None
    # What int() says of a port cut out of a password, it says of much else: ask the URL.
    fault = flaw(_url())
    if fault or found[0] == "url-unescaped":
        return (fault, {}) if fault else NOTHING
    return found


def _url() -> str:
    configured = current_app.config.get("SQLALCHEMY_DATABASE_URI") if current_app else None
    return configured if isinstance(configured, str) else os.environ.get("DATABASE_URL", "")
