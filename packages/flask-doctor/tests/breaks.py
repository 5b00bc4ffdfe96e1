"""Breaks an application in many ways, one after another, in one process: what does the doctor say?

`python breaks.py MODULE URL` in the application's folder, where the database at the URL is migrated
and belongs to its role; the administrator comes in by the same address. It prints the id that each
break gets, as JSON.
"""

import importlib
import json
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
from flask import Flask
from flask_doctor.examine import examine
from flask_doctor.state import state_of
from sqlalchemy import make_url
from sqlalchemy.engine import URL

# What is done to the URL: its parts are replaced, or all of its text.
URLS = {
    "connection-refused": {"port": 1},
    "host-unknown": {"host": "nowhere.invalid"},
    "role-missing": {"username": "ghost"},
    "database-missing": {"database": "nowhere"},
    "password-rejected": {"username": "secret", "password": "wrong"},
    "no-password": {"username": "secret"},
    "no-hba-entry": {"username": "outside"},
    "too-many-connections-of-role": {"username": "limited"},
    "ssl-unsupported": {"query": {"sslmode": "require"}},
    "option-invalid": {"query": {"sslmode": "perhaps"}},
    "database-name-with-space": {"database": "foreigner "},
    "database-behind": {"database": "app"},
    "service-missing": {"query": {"service": "nowhere"}},
    "url-scheme": "postgres://trusted@127.0.0.1/foreigner",
    "url-unescaped": "postgresql+psycopg2://trusted:p@ss@127.0.0.1/foreigner",
}
# What is done to the database, and how it is undone; by what the doctor must say.
SQL = {
    "revision-unknown": (
        "UPDATE alembic_version SET version_num = '0' || version_num",
        "UPDATE alembic_version SET version_num = substr(version_num, 2)",
    ),
    "table-exists": (
        "ALTER TABLE alembic_version RENAME TO x",
        "ALTER TABLE x RENAME TO alembic_version",
    ),
    "read-only-setting": (
        "ALTER DATABASE foreigner SET default_transaction_read_only = on",
        "ALTER DATABASE foreigner RESET default_transaction_read_only",
    ),
    "table-privilege": (
        "ALTER TABLE {table} OWNER TO postgres",
        "ALTER TABLE {table} OWNER TO trusted",
    ),
    "migration-stamped": (
        "ALTER TABLE {table} RENAME TO gone",
        "ALTER TABLE gone RENAME TO {table}",
    ),
}


def load(module: str, url: str) -> Flask:
    """Import the application anew."""
    os.environ["DATABASE_URL"] = url
    for name, known in list(sys.modules.items()):
        if Path(getattr(known, "__file__", None) or "/").is_relative_to(Path.cwd()):
            del sys.modules[name]
    app = importlib.import_module(module).app
    assert isinstance(app, Flask)
    return app


def verdict(module: str, url: str) -> str:
    """Return the id that the examination ends with."""
    *_, last = examine(lambda: load(module, url))
    return last.diagnosis.entry.id if last.diagnosis else f"ok {last.ok}: {last.detail}"


@contextmanager
def broken(
    admin: psycopg2.extensions.connection, table: str, sql: tuple[str, str]
) -> Iterator[None]:
    admin.cursor().execute(sql[0].format(table=table))
    yield
    admin.cursor().execute(sql[1].format(table=table))


def main(module: str, given: str) -> None:
    sys.path.insert(0, str(Path.cwd()))
    warnings.simplefilter("ignore")
    good: URL = make_url(given)
    said = {"healthy": verdict(module, given)}
    for entry, change in URLS.items():
        url = change if isinstance(change, str) else good.set(**change).render_as_string(False)
        said[entry] = verdict(module, url)
    admin = psycopg2.connect(host=good.host, port=good.port, user="postgres", dbname=good.database)
    admin.autocommit = True
    tables = state_of(load(module, given)).metadata.tables
    for entry, sql in SQL.items():
        with broken(admin, next(iter(tables)), sql):
            said[entry] = verdict(module, given)
    print(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
