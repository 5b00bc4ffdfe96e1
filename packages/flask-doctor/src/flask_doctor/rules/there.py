"""What is really in the database, of the kind that a name is looked for."""

import logging
import re
from dataclasses import dataclass, field

from ..case import Case
from ..pointing import Name, Pointed
from ..rights import version_table
from ..searching import SEARCH, Search
from .looking import looking, rows

log = logging.getLogger(__name__)

RELATIONS = """
SELECT nspname, relname, pg_table_is_visible(c.oid), has_schema_privilege(n.oid, 'USAGE')
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind = ANY('{r,v,m,p,f}') AND nspname <> 'information_schema'
AND nspname NOT LIKE 'pg\\_%' LIMIT 5000
"""
COLUMNS = """
SELECT relname, attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
WHERE relname = ANY(%(tables)s) AND attnum > 0 AND NOT attisdropped
AND (pg_table_is_visible(c.oid) OR relnamespace::regnamespace::text = ANY(%(schemas)s))
ORDER BY attnum
"""
SIBLINGS = """
SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate
AND datname <> current_database() AND has_database_privilege(datname, 'CONNECT')
ORDER BY datname LIMIT 5
"""


@dataclass
class Database:
    """What is really there, of the kind that a name is looked for."""

    search: Search
    # Schema, name, whether it is found without the schema's name, whether the schema is open to us.
    relations: list[tuple[str, str, bool, bool]]
    columns: list[tuple[str, str]] = field(default_factory=list)
    migrated_elsewhere: bool = False  # the migrations' own table is where nobody looks for it


def look_for(case: Case, pointed: Pointed) -> Database | None:
    """Look at what is there; None where that may not be, or can't be, looked at."""
    try:
        with looking(case) as cursor:
            cursor.execute(SEARCH)
            search = Search(*cursor.fetchone())
            cursor.execute(RELATIONS)
            found = Database(search, cursor.fetchall())
            tables = list({*pointed.sources().values(), *pointed.said[1:]})
            named = re.findall(r'("[^"]+"|\w+)\s*\.', pointed.statement)
            schemas = [Name(word).folded for word in named]
            cursor.execute(COLUMNS, {"tables": tables, "schemas": schemas})
            found.columns = cursor.fetchall()
            table = version_table(case.state)
            seen = {r[2] for r in found.relations if r[1] == table}
            found.migrated_elsewhere = seen == {False}
            return found
    except Exception:
        log.debug("no look at the database", exc_info=True)
        return None


def emptiness(case: Case, table: str) -> str:
    """Say that the database is empty, and which other one of the server has the table."""
    there = "SELECT to_regclass(quote_ident(%(table)s)) IS NOT NULL"
    for (name,) in rows(case, SIBLINGS):
        if rows(case, there, {"dbname": name}, table=table) == [(True,)]:
            also = f" Database {name} of this server has it: is that the one you mean?"
            return f"The database has no tables at all.{also}"
    return "The database has no tables at all."
