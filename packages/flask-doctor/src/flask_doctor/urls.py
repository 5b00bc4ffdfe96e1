"""What is wrong with a database URL, from its text alone."""

import re

DRIVERS = ("psycopg2", "psycopg", "pg8000", "asyncpg", "psycopg2cffi")


def flaw(url: str) -> str | None:
    """Return the id of the entry that explains why this URL can't be used, or None."""
    if not url:
        return None
    scheme, separator, rest = url.partition("://")
    dialect, _, driver = scheme.partition("+")
    if not separator or dialect not in ("postgresql", "postgres"):
        return "url-scheme"
    if driver and driver not in DRIVERS:
        return "url-scheme"
    # A password may hold anything: it reaches to the last @ before the query, or to the last one.
    plain = rest.partition("?")[0]
    credentials, at, _ = (plain if "@" in plain else rest).rpartition("@")
    password = credentials.partition(":")[2] if at else ""
    if re.search(r"[@:/#?]|%(?![0-9A-Fa-f]{2})", password):
        return "url-unescaped"
    return None
