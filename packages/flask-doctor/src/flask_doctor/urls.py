"""What is wrong with a database URL, from its text alone, and the text without its password."""

import os
import re
from difflib import get_close_matches
from urllib.parse import unquote

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from .folder import settings_file, settings_in
from .libpq import PARAMETERS

DRIVERS = ("psycopg2", "psycopg", "pg8000", "asyncpg", "psycopg2cffi")
STRAY = " \t\r\n\"'`\ufeff\u00a0\u200b\u201c\u201d"  # what is pasted along, at the ends
PORT = re.compile(r":(?!\d+(?:[,/]|$))[^/,\]]*(?=[,/]|$)")  # one that isn't a number
MARKED = re.compile(
    r"<[\w -]+>|your[-_]\w+|\$?{[\w -]+}|\$\w+|%\w+%|ROLE|USER|HOST|PORT|DATABASE|DBNAME"
)
EXAMPLES = ("user", "username", "host", "hostname", "port", "database", "dbname", "mydatabase")


def flaw(url: str) -> str | None:
    """Return the id of the entry that explains why this URL can't be used, or None."""
    if not url.strip():
        return "url-missing"
    if url.strip(STRAY) != url and flaw(url.strip(STRAY)) is None:
        return "url-stray-characters"
    scheme, separator, rest = url.partition("://")
    dialect, _, driver = scheme.partition("+")
    if not separator or dialect not in ("postgresql", "postgres"):
        return "url-scheme"
    if driver and driver not in DRIVERS:
        return "url-scheme"
    _, password, place = _apart(rest)
    if re.search(r"[@:/#?]|%(?![0-9A-Fa-f]{2})", password):
        return "url-unescaped"
    return "url-port" if PORT.search(place.partition("?")[0]) else None


def placeholders(url: str) -> str:
    """Return the words of an example that a URL still has, nothing where they may be real names."""
    role, password, place = _apart(url.partition("://")[2])
    parts = [role, *re.split(r"[:/]", place.partition("?")[0])] if password else []
    marked = [part for part in parts if MARKED.fullmatch(unquote(part))]
    plain = [part for part in parts if part in EXAMPLES]
    return ", ".join(marked or (plain if len(plain) > 1 else []))


def _apart(rest: str) -> tuple[str, str, str]:
    """Return role, password and the rest; a password may hold anything, up to the last `@`."""
    plain = rest.partition("?")[0]
    query = rest[len(plain) :]
    # An @ in the parameters belongs to them, unless the password was cut at a ?.
    inside = "@" in plain and not re.search(r"^\?[^=]*@", query)
    credentials, at, place = (plain if inside else rest).rpartition("@")
    role, _, password = credentials.partition(":")
    return role, password, place + (query if inside and at else "")


def cut_by_comment(url: str) -> str:
    """Say that `.env` has more of a URL, which is taken for a comment; nothing if it hasn't."""
    file = settings_file()
    lines = file.read_text("utf-8", "replace").splitlines() if file else []
    if any(re.search(rf"={re.escape(url)}\s+#.*@", line) for line in lines):
        return "In `.env`, a `#` after a space begins a comment: what follows is left out."
    return ""


def is_cut(url: str, password: str | None) -> bool:
    """Tell whether SQLAlchemy sees another password than the URL has: one cut at its first `@`."""
    _, whole, _ = _apart(url.partition("://")[2])
    return bool(whole) and unquote(whole) != (password or "") and "@" in whole


def shown(url: str) -> str:
    """Return the URL without its password, however badly it is written."""
    scheme, separator, rest = url.partition("://")
    # First, for an @ may be in it.
    rest = re.sub(r"([?&](?:ssl)?password=).*?(?=&\w+=|$)", r"\1***", rest)
    credentials, at, place = rest.rpartition("@")
    role, colon, _ = credentials.partition(":")
    if at:
        rest = f"{role}{':***' if colon else ''}@{place}"
    else:  # a password without a host, perhaps
        rest = re.sub(r"^([^/?:]*):(?!\d+\s*([/?]|$))[^/?]*", r"\1:***", rest)
    text = f"{scheme}{separator}{rest}"
    visible = re.sub(r"[^\S ]|\ufeff|\u200b", lambda found: ascii(found[0])[1:-1], text)
    return f'"{visible}"' if visible != text or text != text.strip() else text


def whole(url: URL) -> str:
    """Return a URL with its password, to be compared or corrected."""
    return url.render_as_string(hide_password=False)


def edit(before: str, after: str) -> dict[str, str]:
    """Return the facts of an edit of this URL: where it is set, and how it reads before and after.

    Nothing where the two can't be told apart without the password.
    """
    named = next((n for n, v in os.environ.items() if same(v, before)), "")
    file = settings_file()
    in_file = file and same(settings_in(file).get(named) or "", before)
    place = os.path.relpath(file) if file and in_file else "this terminal" if named else "your code"
    facts = {"variable": named or "SQLALCHEMY_DATABASE_URI", "source": place}
    if shown(before) == shown(after):
        return facts
    if named and before.partition("://")[0] == after.partition("://")[0]:  # as it is written
        before = os.environ[named]
        after = "".join((before.partition("://")[0], *after.partition("://")[1:]))
    return facts | {"before": shown(before), "after": shown(after)}


def same(value: str, url: str) -> bool:
    """Tell whether two URLs lead to the same, but for the scheme, which applications replace."""
    return bool(value) and _read(value) == _read(url)


def _read(url: str) -> URL | str:
    try:
        return make_url(url).set(drivername="postgresql")
    except (ArgumentError, ValueError):
        return url.partition("://")[2] or url


def without_unknown(url: str) -> str:
    """Return the URL with parameters that libpq knows: corrected, translated or left out."""
    start, _, query = url.partition("?")
    kept = []
    for pair in filter(None, query.split("&")):
        name, _, value = pair.partition("=")
        near = get_close_matches(name, PARAMETERS, 1, 0.8)
        if name.lower() in ("schema", "currentschema", "search_path"):
            kept.append(f"options=-csearch_path%3D{value}")
        elif name.lower() == "ssl":
            kept.append("sslmode=require" if value in ("true", "1", "require") else "")
        elif name in PARAMETERS:
            kept.append(pair)
        elif near:
            kept.append(f"{near[0]}={value}")
    query = "&".join(filter(None, kept))
    return f"{start}?{query}" if query else start
