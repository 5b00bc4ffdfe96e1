"""What a role may do with tables and sequences, and the GRANT for what it lacks."""

import re
from typing import Any

from sqlalchemy import Connection, text

from .case import Found
from .diagnosis import quoted
from .migrations import Finding, is_behind, tool_of
from .searching import search_of
from .state import State

VERBS = {
    "SELECT": "read",
    "INSERT": "add rows to",
    "UPDATE": "change rows of",
    "DELETE": "delete rows from",
    "TRUNCATE": "empty",
    "REFERENCES": "let another table refer to",
}
USUAL = ("SELECT", "INSERT", "UPDATE", "DELETE")
VERB = re.compile(r"\W*(?:WITH\b.*?\b(?=INSERT|UPDATE|DELETE))?(\w*)", re.I | re.S)
# Tables and sequences by name. The sequence of a serial column needs a right of its own; that of
# an identity column doesn't.
OBJECTS = r"""
SELECT nspname, relname, relkind::text, pg_get_userbyid(relowner), pg_has_role(relowner, 'USAGE'),
    has_schema_privilege(n.oid, 'USAGE'), current_user, pg_table_is_visible(c.oid),
    relkind <> 'S' AND has_any_column_privilege(c.oid, 'SELECT,INSERT,UPDATE'), relrowsecurity,
    CASE WHEN relkind <> 'S' THEN ARRAY(SELECT v FROM unnest(%(verbs)s::text[]) v
        WHERE has_table_privilege(c.oid, v))
    END,
    CASE WHEN relkind = 'S' THEN has_sequence_privilege(c.oid, %(numbers)s::text) END,
    ARRAY(SELECT s.relname::text FROM pg_depend d JOIN pg_class s ON s.oid = objid
        WHERE refobjid = c.oid AND deptype = 'a' AND CASE WHEN s.relkind = 'S'
            THEN NOT has_sequence_privilege(s.oid, %(numbers)s::text) END)
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind = ANY('{r,v,m,p,f,S}') AND relname = ANY(%(names)s::text[])
AND nspname <> 'information_schema' AND nspname NOT LIKE 'pg\_%%'
ORDER BY NOT pg_table_is_visible(c.oid)
"""
UNREADABLE = text(
    "SELECT count(*) FROM pg_class WHERE relname = :name AND pg_table_is_visible(oid) "
    "AND NOT has_table_privilege(oid, 'SELECT')"
)


class Object:
    """A table, a view or a sequence, and what the role may do with it."""

    def __init__(self, *row: Any, numbers: str) -> None:
        self.schema, self.name, self.kind, self.owner, self.own, self.usable, self.role = row[:7]
        self.visible, self.partly, self.row_security = row[7:10]
        self.rights, self.takes_numbers, self.sequences = row[10:]
        self.numbers = numbers

    @property
    def whole_name(self) -> str:
        """The name with its schema, for SQL."""
        return f"{quoted(self.schema)}.{quoted(self.name)}"

    def facts(self) -> dict[str, str]:
        """Return the facts of the texts."""
        return {"schema": self.schema, "table": self.name, "owner": self.owner}

    def denial(self, statement: str) -> Found | None:
        """Return what the role lacks for a statement, None where that is nothing."""
        if not self.usable:
            return "schema-usage", {"schema": self.schema}
        if self.kind == "S":
            return None if self.takes_numbers else self._numbers([self.name])
        first = VERB.match(statement)
        verb = first[1].upper() if first else ""
        verb = "REFERENCES" if verb == "CREATE" else verb if verb in VERBS else "SELECT"
        # RETURNING and WHERE need the right to read as well.
        lacking = next((v for v in (verb, "SELECT") if v not in self.rights), None)
        if lacking:
            return self._table(lacking)
        if verb == "INSERT" and self.sequences:
            return self._numbers(self.sequences)
        return None

    def policies(self) -> Found:
        """Return that a policy of the table refuses a row, and the query that shows them."""
        name = self.name.replace("'", "''")
        sql = "SELECT policyname, roles, cmd, qual, with_check FROM pg_policies"
        return "row-security", self.facts() | {"sql": f"{sql} WHERE tablename = '{name}'"}

    def _table(self, verb: str) -> Found:
        usual = ("SELECT",) if self.kind in "vm" else USUAL
        wanted = [v for v in dict.fromkeys((*usual, verb)) if v not in self.rights]
        grants = [f"GRANT {', '.join(wanted)} ON {self.whole_name} TO {quoted(self.role)}"]
        later = self._later("TABLES", ", ".join(USUAL))
        if self.sequences:
            grants.append(self._grant(self.sequences))
            later += self._later("SEQUENCES", "USAGE")
        owned = f"Only {self.owner}, the table's owner, or an administrator can grant this."
        if self.own:
            owned = "The role owns the table, but the right was taken from it (REVOKE)."
        detail = f"Its rights on the table are: {', '.join(self.rights)}." if self.rights else ""
        facts = {"owned": owned, "verb": VERBS[verb], "detail": detail}
        facts |= {"sql": "; ".join(grants)} | ({"later": "; ".join(later)} if later else {})
        return "table-privilege", self.facts() | facts

    def _numbers(self, sequences: list[str]) -> Found:
        facts = self.facts() | {"sequence": sequences[0], "sql": self._grant(sequences)}
        later = self._later("SEQUENCES", self.numbers)
        return "sequence-privilege", facts | ({"later": later[0]} if later else {})

    def _grant(self, sequences: list[str]) -> str:
        listed = ", ".join(f"{quoted(self.schema)}.{quoted(name)}" for name in sequences)
        return f"GRANT {self.numbers} ON SEQUENCE {listed} TO {quoted(self.role)}"

    def _later(self, kind: str, rights: str) -> list[str]:
        if self.own or self.kind in "vm":
            return []
        where = f"FOR ROLE {quoted(self.owner)} IN SCHEMA {quoted(self.schema)}"
        grant = f"GRANT {rights} ON {kind} TO {quoted(self.role)}"
        return [f"ALTER DEFAULT PRIVILEGES {where} {grant}"]


def find_rights(state: State, connection: Connection) -> str:
    """Return what is unusual about a role's rights on the models' tables, "" where nothing is.

    Raises Finding where it can't work with them. That it may only read can be meant so.
    """
    tables, version = {(t.schema, t.name) for t in state.tables}, version_table(state)
    names = [version, *(name for _, name in tables)]
    wanted = {"names": names, "verbs": list(USUAL), "numbers": "USAGE"}
    rows = connection.exec_driver_sql(OBJECTS, wanted).all()
    found = [Object(*row, numbers="USAGE") for row in rows]
    _find_elsewhere(state, connection, found, {name for schema, name in tables if schema is None})
    ours = [o for o in found if {(o.schema, o.name), (o.visible and None, o.name)} & tables]
    read_only = []
    for own in ours:
        denied = own.denial("INSERT" if "INSERT" in (own.rights or []) else "SELECT")
        if denied and (denied[0] != "table-privilege" or not (own.partly or own.rights)):
            entry, facts = together(denied, ours)
            raise Finding(entry, **facts)
        if own.rights == ["SELECT"] and own.kind not in "vm":
            read_only.append(own.name)
    # Whoever owns the tables migrates them.
    revision = next((o for o in found if o.name == version and o.visible), None)
    if revision and any(o.own for o in ours) and (denied := revision.denial("UPDATE")):
        raise Finding(denied[0], **denied[1])
    return f"may only read {', '.join(sorted(read_only))}" if read_only else ""


def _find_elsewhere(
    state: State, connection: Connection, found: list[Object], tables: set[str]
) -> None:
    """Raise Finding where tables of the models were made in a schema that isn't searched.

    There may be others of their names there: the table of the migrations tells.
    """
    search, version = search_of(connection), version_table(state)
    seen = {o.name for o in found if o.visible}
    hidden = [o for o in found if o.name in tables - seen]
    if version and version not in seen:
        homes = {o.schema for o in found if o.name == version}
        hidden = [o for o in hidden if o.schema in homes]
    elif version and hidden and is_behind(state, connection):
        hidden = []
    for own in hidden:
        if not own.usable:
            raise Finding("schema-usage", schema=own.schema)
        alone = bool(tables & seen)
        entry, facts = search.elsewhere(own.schema, own.name, connection.engine, alone=alone)
        raise Finding(entry, **facts)
    if search.current is None and tables:
        entry, facts = search.nowhere(connection.engine)
        raise Finding(entry, **facts)


def together(found: Found, others: list[Object]) -> Found:
    """Add what opens all tables that are closed to the role to what opens the first."""
    entry, facts = found
    if entry != "table-privilege":
        return found
    closed = [o for o in others if o.usable and o.kind != "S" and not (o.rights or o.partly)]
    grants = [facts["sql"], *(str(o.denial("SELECT")[1]["sql"]) for o in closed)]  # type: ignore[index]
    return entry, facts | {"sql": "; ".join(dict.fromkeys(grants))}


def version_table(state: State | None) -> str:
    """Return the table that Alembic writes the database's revision into."""
    tool = tool_of(state)
    return str(tool.options.get("version_table", "alembic_version")) if tool else ""


def unreadable_revision(state: State, connection: Connection) -> str:
    """Say that the role may not see how far the database is migrated; "" where it may.

    An application that serves needn't know it: another role may run the migrations.
    """
    name = version_table(state)
    hidden = name and connection.execute(UNREADABLE, {"name": name}).scalar_one()
    return f"not known: the role may not read table {name}" if hidden else ""
