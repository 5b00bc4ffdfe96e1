"""What a role may not do: on which object, whose that is, and the GRANT that allows it."""

import logging
import re
from typing import Any

from ..case import Case, Found
from ..errors import sqlstate_of
from ..pointing import QUOTED, Pointed
from ..rights import OBJECTS, VERBS, Object, together
from .looking import looking

log = logging.getLogger(__name__)

SCHEMAS = """
SELECT nspname, has_schema_privilege(oid, 'USAGE'), has_schema_privilege(oid, 'CREATE')
FROM pg_namespace WHERE nspname = ANY(%(names)s::text[])
"""
# All that the same owner has there, save for what belongs to an extension.
OWNED = """
SELECT format('ALTER TABLE %%I.%%I OWNER TO %%I', nspname, relname, current_user)
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE nspname = %(schema)s AND pg_get_userbyid(relowner) = %(owner)s
AND relkind = ANY('{r,v,m,p,f}')
AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND deptype = 'e')
ORDER BY relname LIMIT 100
"""
OWNER_OF_TYPE = """
SELECT pg_get_userbyid(typowner), format('ALTER TYPE %%s OWNER TO %%I', oid::regtype, current_user)
FROM pg_type WHERE typname = %(name)s
"""
CALLING = """
SELECT format('GRANT EXECUTE ON FUNCTION %%s TO %%I', oid::regprocedure, current_user)
FROM pg_proc WHERE proname = %(name)s AND NOT has_function_privilege(oid, 'EXECUTE')
"""
ADMINISTRATORS = re.compile(
    r"(CREATE\s+(EXTENSION|ROLE|USER|DATABASE|LANGUAGE|SERVER)|ALTER\s+SYSTEM)\b", re.I
)
OWNERS = re.compile(
    r"(ALTER|DROP|COMMENT|REINDEX|GRANT|REVOKE"
    r"|CREATE\s+(UNIQUE\s+INDEX|INDEX|TRIGGER|POLICY|RULE))\b",
    re.I,
)
WORD = re.compile(r"[^\W\d][\w$]*")
# The statement of a trigger or another function, in the context that the server tells.
INNER = re.compile(r'["“„«»]\s*(.+?)\s*["“”«»]$', re.S | re.M)
BY_OWNER = "SELECT count(*) FROM pg_proc WHERE prosecdef AND proname = ANY(%(names)s::text[])"


def privileges(error: BaseException, case: Case) -> Found | None:
    """Explain what a role may not do: the message names the object, the catalogue its owner."""
    if sqlstate_of(error) != "42501":
        return None
    pointed = Pointed(error)
    statement = pointed.statement.strip()
    if ADMINISTRATORS.match(statement):
        plain = not getattr(error, "params", None) and "PASSWORD" not in statement.upper()
        facts = {"reason": pointed.message} | ({"sql": statement} if plain else {})
        return "administrator-needed", facts
    if re.match(r"CREATE\s+SCHEMA\b", statement, re.I):
        return "database-privilege", {}
    try:
        with looking(case) as cursor:
            ours = {table.name for table in case.state.tables} if case.state else set()
            context = _context(cursor, error)
            inner = INNER.search(context)
            found = _examine(cursor, pointed, inner[1] if inner else statement, ours)
    except Exception:
        log.debug("no look at the database", exc_info=True)
        return None  # what the message says must do
    return found


def _context(cursor: Any, error: Any) -> str:
    """Return which functions the error comes from; "" where they have the rights of their owner."""
    diag = getattr(getattr(error, "orig", None) or error, "diag", None)
    context = getattr(diag, "context", None) or ""
    cursor.execute(BY_OWNER, {"names": WORD.findall(context)})
    return "" if cursor.fetchone()[0] else context


def _examine(cursor: Any, pointed: Pointed, statement: str, ours: set[str]) -> Found | None:
    """Find the object that the role lacks a right on."""
    said = f"{pointed.message} {statement}"
    names = list({*QUOTED.findall(said), *WORD.findall(said), *WORD.findall(said.lower()), *ours})
    cursor.execute(SCHEMAS, {"names": names})
    for name, usable, creatable in cursor.fetchall():
        if _is_in(name, pointed.message) and not (usable and creatable):
            return "schema-privilege" if usable else "schema-usage", {"schema": name}
    numbers = "UPDATE" if "setval" in statement.lower() else "USAGE"
    cursor.execute(OBJECTS, {"names": names, "verbs": list(VERBS), "numbers": numbers})
    objects = [Object(*row, numbers=numbers) for row in cursor.fetchall()]
    # One that only the message names is used by a view or a function, whose owner lacks the right.
    named = [o for o in objects if o.kind == "S" or _is_in(o.name, statement)]
    named.sort(key=lambda o: not _is_in(o.name, pointed.message))
    if OWNERS.match(statement) and (foreign := next((o for o in named if not o.own), None)):
        return _foreign(cursor, foreign)
    if kind := re.search(r"owner of type \W?(\w+)", pointed.message):
        cursor.execute(OWNER_OF_TYPE, {"name": kind[1]})
        owner, sql = cursor.fetchone()
        return "not-owner", {"object": f"type {kind[1]}", "owner": owner, "sql": sql}
    if function := re.search(r"function \W?(\w+)", pointed.message):
        cursor.execute(CALLING, {"name": function[1]})
        grants = "; ".join(row[0] for row in cursor.fetchall())
        return ("function-privilege", {"function": function[1], "sql": grants}) if grants else None
    secured = next((o for o in named if o.row_security and o.name in pointed.said), None)
    denials = (o.denial(statement) for o in named if _is_in(o.name, pointed.message))
    found = next(filter(None, denials), None)
    if found:
        return together(found, [o for o in objects if o.name in ours])
    if secured:
        return secured.policies()
    used = any(_is_in(o.name, pointed.message) for o in objects if o not in named)
    return ("privilege-missing", {"reason": pointed.message}) if used else None


def _foreign(cursor: Any, table: Object) -> Found:
    cursor.execute(OWNED, {"schema": table.schema, "owner": table.owner})
    changes = "; ".join(row[0] for row in cursor.fetchall())
    return "not-owner", table.facts() | {"object": f"table {table.name}", "sql": changes}


def _is_in(name: str, words: str) -> bool:
    """Tell whether a text has a name as a word; some languages write no spaces around it."""
    return bool(re.search(rf"(?<![A-Za-z0-9_]){re.escape(name)}(?![A-Za-z0-9_])", words, re.I))
