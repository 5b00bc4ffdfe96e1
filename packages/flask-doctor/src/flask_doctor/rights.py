"""What a role may do with tables and sequences, and the GRANT for what it lacks."""

import re
from typing import Any

from sqlalchemy import Connection, MetaData, text

from .case import Found
from .diagnosis import quoted
from .migrations import Finding, tool_of
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
SEARCHED = text(
    "SELECT current_schema(), path, (SELECT min(nspname::text) FROM pg_namespace WHERE nspname = "
    "ANY(regexp_split_to_array(path, '[\", ]+')) AND NOT has_schema_privilege(oid, 'USAGE')) "
    "FROM current_setting('search_path') path"
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
        has = ", ".join(self.rights)
        facts = {"verb": VERBS[verb], "detail": has and f"Its rights on the table are: {has}."}
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


def find_rights(metadata: MetaData | None, connection: Connection) -> str:
    """Return what is unusual about a role's rights on the models' tables, "" where nothing is.

    Raises Finding where it can't work with them. That it may only read can be meant so.
    """
    tables = (
        {(t.schema, t.name) for t in metadata.tables.values()} if metadata is not None else set()
    )
    current, path, closed = connection.execute(SEARCHED).one()
    if current is None and any(schema is None for schema, _ in tables):
        if closed:
            raise Finding("schema-usage", schema=closed)
        raise Finding("no-schema-selected", **searched(path))
    wanted = {"names": [name for _, name in tables], "verbs": list(USUAL), "numbers": "USAGE"}
    read_only = []
    for row in connection.exec_driver_sql(OBJECTS, wanted):
        found = Object(*row, numbers="USAGE")
        ours = (found.schema, found.name) in tables
        if not ours and not (found.visible and (None, found.name) in tables):
            continue
        denied = found.denial("INSERT" if "INSERT" in (found.rights or []) else "SELECT")
        if denied and (denied[0] != "table-privilege" or not (found.partly or found.rights)):
            raise Finding(denied[0], **denied[1])
        if found.rights == ["SELECT"] and found.kind not in "vm":
            read_only.append(found.name)
    return f"may only read {', '.join(sorted(read_only))}" if read_only else ""


def version_table(state: State | None) -> str:
    """Return the table that Alembic writes the database's revision into."""
    tool = tool_of(state) if state else None
    return str(tool.options.get("version_table", "alembic_version")) if tool else ""


def unreadable_revision(state: State, connection: Connection) -> str:
    """Say that the role may not see how far the database is migrated; "" where it may.

    An application that serves needn't know it: another role may run the migrations.
    """
    name = version_table(state)
    hidden = name and connection.execute(UNREADABLE, {"name": name}).scalar_one()
    return f"not known: the role may not read table {name}" if hidden else ""


def searched(path: str) -> dict[str, str]:
    """Return the search path, and the SQL that creates the schema that it names, as `sql`."""
    named = [name.strip(' "') for name in path.split(",") if "$user" not in name]
    schema = quoted(named[0] if named and named[0] else "public")
    return {"search_path": path or "empty", "sql": f"CREATE SCHEMA IF NOT EXISTS {schema}"}
