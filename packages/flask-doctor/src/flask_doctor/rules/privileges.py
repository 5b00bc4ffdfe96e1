"""What a role may not do: on which object, whose that is, and the GRANT that allows it."""

import logging
import re
from typing import Any

from ..case import Case, Found
from ..errors import sqlstate_of
from .looking import looking
from .pointing import QUOTED, Pointed

log = logging.getLogger(__name__)

VERBS = {
    "SELECT": "read",
    "INSERT": "add rows to",
    "UPDATE": "change rows of",
    "DELETE": "delete rows from",
    "TRUNCATE": "empty",
    "REFERENCES": "let another table refer to",
}
USUAL = ("SELECT", "INSERT", "UPDATE", "DELETE")
# Tables and sequences that the error may be about, with their owner and the role's rights. The
# sequences of a serial column belong to its table; an identity column needs no right on its own.
OBJECTS = """
SELECT nspname, relname, relkind::text, pg_get_userbyid(relowner), pg_has_role(relowner, 'USAGE'),
    has_schema_privilege(n.oid, 'USAGE'), current_user, relrowsecurity,
    CASE WHEN relkind <> 'S' THEN ARRAY(SELECT v FROM unnest(%(verbs)s) v
        WHERE has_table_privilege(c.oid, v))
    END,
    CASE WHEN relkind = 'S' THEN has_sequence_privilege(c.oid, %(numbers)s) END,
    ARRAY(SELECT s.relname::text FROM pg_depend d JOIN pg_class s ON s.oid = objid
        WHERE refobjid = c.oid AND deptype = 'a' AND s.relkind = 'S'
        AND NOT has_sequence_privilege(s.oid, %(numbers)s))
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind = ANY('{r,v,m,p,f,S}') AND relname = ANY(%(names)s)
AND nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%%'
ORDER BY NOT pg_table_is_visible(c.oid)
"""
SCHEMAS = """
SELECT nspname, has_schema_privilege(oid, 'USAGE'), has_schema_privilege(oid, 'CREATE')
FROM pg_namespace WHERE nspname = ANY(%(names)s)
"""
OWNED = """
SELECT format('ALTER TABLE %%I.%%I OWNER TO %%I', nspname, relname, current_user)
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE nspname = %(schema)s AND pg_get_userbyid(relowner) = %(owner)s
AND relkind = ANY('{r,v,m,p,f}')
AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND deptype = 'e')
ORDER BY relname LIMIT 100
"""
ADMINISTRATORS = re.compile(
    r"CREATE\s+(EXTENSION|ROLE|USER|DATABASE|LANGUAGE|SERVER)|ALTER\s+SYSTEM", re.I
)
OWNERS = re.compile(
    r"(ALTER|DROP|COMMENT|REINDEX|GRANT|REVOKE|CREATE\s+(UNIQUE\s+INDEX|INDEX|TRIGGER|POLICY|RULE))\b",
    re.I,
)


def privileges(error: BaseException, case: Case) -> Found | None:
    """Explain what a role may not do: the message names the object, the catalogue its owner."""
    if sqlstate_of(error) != "42501":
        return None
    pointed = Pointed(error)
    statement = pointed.statement.strip()
    if ADMINISTRATORS.match(statement):
        return "administrator-needed", {"server_says": pointed.message, "sql": statement}
    if re.match(r"CREATE\s+SCHEMA\b", statement, re.I):
        return "database-privilege", {}
    try:
        with looking(case) as cursor:
            found = _examine(cursor, pointed, statement)
    except Exception:
        log.debug("no look at the database", exc_info=True)
        return None  # what the message says must do
    return found or ("privilege-missing", {"server_says": pointed.message})


def _examine(cursor: Any, pointed: Pointed, statement: str) -> Found | None:
    """Find the object that the role lacks a right on."""
    said = f"{pointed.message} {statement}"
    names = list({*QUOTED.findall(said), *WORD.findall(said)})
    cursor.execute(SCHEMAS, {"names": names})
    for name, usable, creatable in cursor.fetchall():
        if _is_in(name, pointed.message) and not (usable and creatable):
            return "schema-privilege" if usable else "schema-usage", {"schema": name}
    numbers = "UPDATE" if "setval" in statement.lower() else "USAGE"
    cursor.execute(OBJECTS, {"names": names, "verbs": list(VERBS), "numbers": numbers})
    objects = [_Object(*row, numbers=numbers) for row in cursor.fetchall()]
    # One that only the message names is used by a view or a function, whose owner lacks the right.
    named = [o for o in objects if o.kind == "S" or _is_in(o.name, statement)]
    named.sort(key=lambda o: not _is_in(o.name, pointed.message))
    if OWNERS.match(statement):
        if foreign := next((o for o in named if not o.own), None):
            cursor.execute(OWNED, {"schema": foreign.schema, "owner": foreign.owner})
            changes = "; ".join(row[0] for row in cursor.fetchall())
            return "not-owner", foreign.facts() | {"sql": changes}
        return None
    return next((found for o in named if (found := o.denial(statement))), None)


WORD = re.compile(r"[^\W\d][\w$]*")


def _is_in(name: str, text: str) -> bool:
    """Tell whether a text has a name as a word; some languages write no spaces around it."""
    return bool(re.search(rf"(?<![A-Za-z0-9_]){re.escape(name)}(?![A-Za-z0-9_])", text, re.I))


class _Object:
    """A table, a view or a sequence, and what the role may do with it."""

    def __init__(self, *row: Any, numbers: str) -> None:
        self.schema, self.name, self.kind, self.owner, self.own, self.usable, self.role = row[:7]
        self.row_security, self.rights, self.takes_numbers, self.sequences = row[7:]
        self.numbers = numbers

    @property
    def quoted(self) -> str:
        """The whole name, for SQL."""
        return f"{_quoted(self.schema)}.{_quoted(self.name)}"

    def facts(self) -> dict[str, str]:
        """Return the facts of the texts."""
        return {"schema": self.schema, "table": self.name, "owner": self.owner}

    def denial(self, statement: str) -> Found | None:
        """Return what the role lacks for a statement, None where that is nothing."""
        if not self.usable:
            return "schema-usage", {"schema": self.schema}
        if self.kind == "S":
            return None if self.takes_numbers else self._numbers([self.name])
        first = re.match(
            r"\W*(?:WITH\b.*?\b(?=INSERT|UPDATE|DELETE))?(\w*)", statement, re.I | re.S
        )
        verb = first[1].upper() if first and first[1].upper() in VERBS else "SELECT"
        verb = "REFERENCES" if first and first[1].upper() == "CREATE" else verb
        # RETURNING and WHERE need the right to read as well.
        lacking = next((v for v in (verb, "SELECT") if v not in self.rights), None)
        if lacking:
            return self._table(lacking)
        if verb == "INSERT" and self.sequences:
            return self._numbers(self.sequences)
        if self.row_security:
            name = self.name.replace("'", "''")
            sql = "SELECT policyname, roles, cmd, qual, with_check FROM pg_policies"
            return "row-security", self.facts() | {"sql": f"{sql} WHERE tablename = '{name}'"}
        return None

    def _table(self, verb: str) -> Found:
        usual = ("SELECT",) if self.kind in "vm" else USUAL
        wanted = [v for v in dict.fromkeys((*usual, verb)) if v not in self.rights]
        grants = [f"GRANT {', '.join(wanted)} ON {self.quoted} TO {_quoted(self.role)}"]
        later = self._later("TABLES", ", ".join(USUAL))
        if self.sequences:
            grants.append(self._grant(self.sequences))
            later += self._later("SEQUENCES", "USAGE")
        has = ", ".join(self.rights)
        facts = {"verb": VERBS[verb], "detail": has and f"Its rights on the table are: {has}."}
        facts |= {"sql": "; ".join(grants)} | ({"later": "; ".join(later)} if later else {})
        return "table-privilege", self.facts() | facts

    def _numbers(self, sequences: list[str]) -> Found:
        facts = self.facts() | {"sequence": sequences[0], "sql": self._grant(sequences)}
        later = self._later("SEQUENCES", self.numbers)
        return "sequence-privilege", facts | ({"later": later[0]} if later else {})

    def _grant(self, sequences: list[str]) -> str:
        listed = ", ".join(f"{_quoted(self.schema)}.{_quoted(name)}" for name in sequences)
        return f"GRANT {self.numbers} ON SEQUENCE {listed} TO {_quoted(self.role)}"

    def _later(self, kind: str, rights: str) -> list[str]:
        if self.own or self.kind in "vm":
            return []
        where = f"FOR ROLE {_quoted(self.owner)} IN SCHEMA {_quoted(self.schema)}"
        grant = f"GRANT {rights} ON {kind} TO {_quoted(self.role)}"
        return [f"ALTER DEFAULT PRIVILEGES {where} {grant}"]


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))
