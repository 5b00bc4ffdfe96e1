"""Where PostgreSQL looks for tables, the `search_path`, and what mends it."""

import re
from dataclasses import dataclass
from urllib.parse import quote

from sqlalchemy import Connection, Engine, text

from .case import Found
from .diagnosis import quoted
from .editing import changed
from .pointing import nearest

SEARCH = """
SELECT setting, source, current_schema(), current_user, current_database(),
    ARRAY(SELECT nspname::text FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema$)')
FROM pg_settings WHERE name = 'search_path'
"""
SET_BY = {
    "client": " (from the connection's `options`)",
    "session": " (set by the application)",
    "user": " (set for the role)",
    "database user": " (set for the role)",
    "database": " (set for the database)",
}


@dataclass(frozen=True)
class Search:
    """The search path of a connection, what has set it, and the schemas that there are."""

    path: str
    source: str
    current: str | None  # the schema that new tables come into
    role: str
    database: str
    schemas: list[str]

    def elsewhere(self, schema: str, table: str, engine: Engine | None, *, alone: bool) -> Found:
        """Return that a table is in a schema that isn't searched; `alone` if others are found."""
        path = f"{self.path}, {plain(schema)}" if alone and self.path else plain(schema)
        facts = {"schema": schema, "table": table, **self._mended(path, engine)}
        if alone and self.current:
            old = f"{quoted(schema)}.{quoted(table)}"
            facts["later"] = f"ALTER TABLE {old} SET SCHEMA {quoted(self.current)}"
        if alone:
            facts["after"] = f'__table_args__ = {{"schema": "{schema}"}}'
        return "table-in-other-schema", facts

    def nowhere(self, engine: Engine | None) -> Found:
        """Return why no schema of the path can be used: it is closed, misspelled, or not there."""
        named = [name.strip(' "') for name in self.path.split(",") if "$user" not in name]
        if closed := next((name for name in named if name in self.schemas), None):
            return "schema-usage", {"schema": closed}
        name = next(filter(None, named), "public")
        if near := nearest(name, self.schemas):
            return "no-schema-selected", self._mended(plain(near), engine)
        facts = self._mended("", engine)
        facts.pop("sql", None)
        create = f"CREATE SCHEMA {quoted(name)} AUTHORIZATION {quoted(self.role)}"
        return "no-schema-selected", facts | {"later": create}

    def _mended(self, path: str, engine: Engine | None) -> dict[str, str]:
        """Return the facts of the path, and what sets another one."""
        facts = {"search_path": (self.path or "empty") + SET_BY.get(self.source, "")}
        if self.source not in ("client", "session"):
            own = f"ALTER ROLE {quoted(self.role)} IN DATABASE {quoted(self.database)}"
            return facts | {"sql": f"{own} SET search_path = {path}"}
        if self.source == "session":
            own = "Your own code sets the `search_path`: look for it there, and correct it."
            return facts | {"edit": own}
        written = engine.url.render_as_string() if engine else ""
        options = re.search(r"options=[^&]*search_path%3D([^&+]*)", written)
        if options and path:
            new = options[0].removesuffix(options[1]) + quote(path.replace(" ", ""), safe="")
            facts["edit"] = changed(options[0], new)
        return facts


def search_of(connection: Connection) -> Search:
    """Return where a connection looks for tables."""
    return Search(*connection.execute(text(SEARCH)).one())


def plain(name: str) -> str:
    """Write a name for SQL, in quotes only where it needs them."""
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else quoted(name)
