"""What a server tells of its databases, through a short connection to another one of them."""

import os
import re
from traceback import walk_tb
from typing import Any

from .. import urls
from ..case import Case, Found
from .looking import look, rows

MAINTENANCE = ("postgres", "template1")  # each server has them
MANY = 10  # names that are told
LISTED = """
    SELECT array_agg(datname::text ORDER BY datname) FILTER (WHERE NOT datistemplate),
           (SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user)
    FROM pg_database
"""
LIMIT = """
    SELECT datconnlimit, (SELECT count(*) FROM pg_stat_activity WHERE datname = %(name)s)
    FROM pg_database WHERE datname = %(name)s
"""
READ_ONLY = """
    SELECT pg_is_in_recovery(), setting, source,
           quote_ident(current_user), quote_ident(current_database())
    FROM pg_settings WHERE name = 'default_transaction_read_only'
"""
ENDS = """
    SELECT now() - pg_postmaster_start_time() < '1 minute',
           current_setting('idle_session_timeout', true),
           current_setting('idle_in_transaction_session_timeout')
"""
# Where a setting comes from, as pg_settings says; whom it is set for, and what takes it away.
SETTING = "default_transaction_read_only"
SOURCES = {
    "database": ("database {database}", f"ALTER DATABASE {{database}} RESET {SETTING}"),
    "user": ("role {role}", f"ALTER ROLE {{role}} RESET {SETTING}"),
    "database user": (
        "role {role} in database {database}",
        f"ALTER ROLE {{role}} IN DATABASE {{database}} RESET {SETTING}",
    ),
    "configuration file": ("the whole server", f"ALTER SYSTEM SET {SETTING} = off"),
}


def elsewhere(case: Case, query: str, **values: str) -> tuple[Any, ...] | None:
    """Return a query's first row, asked in another database with the same role and password."""
    for database in MAINTENANCE:
        if found := rows(case, query, {"dbname": database}, **values):
            return found[0]
    return None


def missing(case: Case, name: str) -> Found:
    """Explain a database that isn't there: by its name, and by who may create it."""
    if name != name.strip():
        return "database-name-with-space", _corrected(case, name, name.strip())
    listed = elsewhere(case, LISTED)
    if listed is None:
        return "database-missing", {}
    names, may_create = listed
    for similar in names:
        if is_slip(name, similar):
            return "database-name-differs", {"similar": similar} | _corrected(case, name, similar)
    facts = {"others": f"The server has: {', '.join(names[:MANY])}.", "look": ""}
    return "database-missing" if may_create else "database-left-to-administrator", facts


def _corrected(case: Case, name: str, meant: str) -> dict[str, str]:
    """Return the edit that puts another database's name in the place of this one."""
    url = case.engine.url if case.engine else None
    if url is not None and url.database == name:
        return urls.edit(urls.whole(url), urls.whole(url.set(database=meant)))
    variable = "PGDATABASE" if os.environ.get("PGDATABASE") == name else "dbname"
    return {"variable": variable, "before": name, "after": meant}


def ended(case: Case) -> dict[str, str]:
    """Return what could have ended a session, as a new one sees it."""
    started, *limits = look(case, ENDS) or (False, "0", "0")
    names = ("idle_session_timeout", "idle_in_transaction_session_timeout")
    said = [
        f"The server closes idle connections here: `{name}` is {value}."
        for name, value in zip(names, limits, strict=True)
        if value not in ("0", None)
    ]
    if started:
        said.append("The server was started less than a minute ago: after a stop, or a crash.")
    return {"detail": " ".join(said)}


def encoding(error: BaseException, case: Case) -> Found | None:
    """Explain a text that the driver can't encode as the database wants it."""
    if isinstance(error, UnicodeError) and case.connection is not None:
        encoding = case.connection.info.parameter_status("server_encoding") or ""
        return ("database-encoding", {"encoding": encoding}) if encoding != "UTF8" else None
    # Of SQL_ASCII, psycopg makes bytes, and SQLAlchemy expects a text.
    names = (frame.f_code.co_name for frame, _ in walk_tb(error.__traceback__))
    if isinstance(error, TypeError) and "_get_server_version_info" in names:
        return "database-encoding", {"encoding": "SQL_ASCII"}
    return None


def is_slip(name: str, other: str) -> bool:
    """Tell whether one name is the other but for case, spaces and the like, or for one letter."""
    plain, meant = (re.sub(r"[\W_]", "", text).casefold() for text in (name, other))
    if plain == meant or re.split(r"[/?&;,]", name)[0] == other:  # or more was taken for the name
        return True
    if min(len(plain), len(meant)) < 4:  # shorter names differ by a letter on purpose
        return False
    pairs = zip(plain, meant, strict=False)
    same = next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(plain), len(meant)))
    one, two = plain[same:], meant[same:]
    slips = (
        (two[:1], one, two[1:]),  # a letter is missing
        (one[:1], one[1:], two),  # too many
        (one[:1] + two[:1], one[1:], two[1:]),  # another
        (one[:2], one[1::-1] + one[2:], two),  # two are swapped
    )
    return any(letters.isalpha() and left == right for letters, left, right in slips)


def limit(case: Case, name: str) -> dict[str, str]:
    """Return how many connections a database allows, and how many there are."""
    row = elsewhere(case, LIMIT, name=name)
    return {"detail": f"It allows {row[0]}, and {row[1]} are open."} if row else {}


def read_only(recovery: bool, setting: str, source: str, role: str, database: str) -> Found:
    """Explain a server that only reads, by the row that READ_ONLY gives."""
    if recovery:
        return "read-only-standby", {}
    if setting == "off":
        return "read-only-transaction", {}
    if source not in SOURCES:
        return "read-only-options", {}
    whose, sql = (words.format(role=role, database=database) for words in SOURCES[source])
    return "read-only-setting", {"whose": whose, "sql": sql}
