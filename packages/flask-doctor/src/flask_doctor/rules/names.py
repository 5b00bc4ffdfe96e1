"""Whose fault a missing table or column is: the SQL's, the database's, or a migration's."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Table

from ..case import NOTHING, Case, Found
from ..errors import sqlstate_of
from ..lost import adding, lost
from ..migrations import Finding, current_revisions, find_revision, pending_scripts, tool_of
from ..own_code import is_within
from ..pointing import Name, Pointed, nearest
from ..searching import plain
from .looking import connected
from .there import Database, emptiness, look_for

# Functions that may stand where a table may, so that an unquoted name of these means no table.
NOT_TABLES = re.compile(r"\b(?:FROM|JOIN)\s+(user|current_user|session_user)\b", re.I)
COMPARED = re.compile(r"(=|<>|!=|<|>|\bLIKE|\b(IN|VALUES)\s*\([^()]*)\s*$", re.I)


def names(error: BaseException, case: Case) -> Found | None:
    """Explain a schema, a table or a column that isn't there."""
    explain = EXPLAIN.get(sqlstate_of(error) or "")
    if explain is None:
        return None
    pointed = Pointed(error)
    database = look_for(case, pointed)
    return explain(pointed, Known(case, database, is_within(error, "alembic/runtime")))


@dataclass
class Known:
    """The models, the database where it was looked at, and the migrations."""

    case: Case
    database: Database | None
    migrating: bool

    def tables(self) -> list[Table]:
        """Return the tables of the models."""
        state = self.case.state
        if state is None:
            return []
        more = getattr(state.app.extensions.get("sqlalchemy"), "metadatas", {}).values()
        found = {id(m): m for m in (state.metadata, *more) if m is not None}
        return [table for metadata in found.values() for table in metadata.tables.values()]

    def not_there(self, kind: str, name: str, table: Table, column: Any = None) -> Found:
        """Return why a table or a column of the models isn't in the database."""
        tool = tool_of(self.case.state)
        if tool is None:
            return f"{kind}-missing" if kind == "table" else f"{kind}-not-created", {}
        if self.database is None:
            return f"{kind}-missing", {}
        state = self.case.state
        assert state is not None  # noqa: S101 - the tool is its own
        with connected(self.case) as connection:
            try:
                find_revision(state, connection)
            except Finding as finding:
                if finding.entry not in ("database-behind", "table-exists"):
                    return finding.entry, finding.facts
            if not tool.made.exists():
                return "no-migrations-folder", {}
            scripts, current = tool.scripts(), current_revisions(tool, connection)
            if _names((script.path for script in pending_scripts(scripts, current)), name):
                return f"{kind}-missing", {}
            found = lost(state, connection, table, column)
        return found or (f"{kind}-not-migrated", {})


def _names(paths: Iterable[str], name: str) -> bool:
    constant = re.compile(rf"""['"]{re.escape(name)}['"]""")
    return any(constant.search(Path(path).read_text(encoding="utf-8")) for path in paths)


def _table(pointed: Pointed, known: Known) -> Found:
    *before, last = pointed.parts or [Name("")]
    if before and pointed.said and pointed.said[0] == before[0].folded:
        return _not_in_from(pointed, before[0], last)
    name, schema = last.folded, before[-1].folded if before else None
    whole = ".".join(part.written for part in pointed.parts)
    facts = {"table": name, "name": whole} | pointed.shown()
    database = known.database
    homes = (schema, None if schema in (None, "public") else schema)
    model = next((t for t in known.tables() if t.name == name and t.schema in homes), None)
    seen = {r[1] for r in database.relations if r[2]} if database else ()
    awaited = False
    if model is not None and name not in seen and tool_of(known.case.state):
        awaited = known.not_there("table", name, model)[0] == "table-missing"
    if database and (database.migrated_elsewhere or not awaited):
        if schema and schema not in database.search.schemas:
            return _schema_missing(schema, known)
        if found := _elsewhere(name, schema, database, known):
            return found[0], facts | found[1]
    if name.endswith("_seq") and model is None:
        return "sequence-missing", facts
    if model is not None and known.migrating:
        return "object-missing", {"reason": pointed.message}
    if model is not None and database and database.search.current is None:
        return database.search.nowhere(known.case.engine)
    if model is not None:
        return _table_of_model(model, known, facts)
    there = [r[1] for r in database.relations] if database else [t.name for t in known.tables()]
    if not there and database is None:
        return "table-missing", facts  # nothing is known of the models
    if database:
        facts["seen"] = "No model and no table in the database has this name, or a similar one."
    return _misspelled("table", name, last, there, facts)


def _table_of_model(model: Table, known: Known, facts: dict[str, str]) -> Found:
    name = model.name
    entry, more = known.not_there("table", name, model)
    facts |= more
    if known.database is None:
        return entry, facts
    ours = {table.name for table in known.tables()}
    there = [r[1] for r in known.database.relations if r[2]]
    near = nearest(name, [table for table in there if table not in ours])
    if near and (entry in UNEXPLAINED or tool_of(known.case.state) is None):
        return "table-named-otherwise", facts | _rename(near, name)
    return entry, facts | {"detail": "" if there else emptiness(known.case, name)}


def _not_in_from(pointed: Pointed, table: Name, column: Name) -> Found:
    sources = pointed.sources()
    alias = next((a for a, t in sources.items() if t == table.folded and a != t), "")
    near = alias or nearest(table.folded, [*sources])
    facts = {"name": table.written, "listed": _listed(sources), **pointed.shown()}
    after = f"{near}.{column.written}"
    edit = {"before": f"{table.written}.{column.written}", "after": after}
    return ("alias-hides-table" if near else "table-not-in-from"), facts | {"near": near, **edit}


def _elsewhere(name: str, schema: str | None, database: Database, known: Known) -> Found | None:
    """Find the table in another schema, or in one that is closed to the role."""
    homes = [(s, seen, usable) for s, r, seen, usable in database.relations if r == name]
    if schema is None and any(seen for _, seen, _ in homes):
        # A new connection sees it: this one has another path, which the application has set.
        search = replace(database.search, path="another than a new connection's", source="session")
        return search.elsewhere(homes[0][0], name, known.case.engine, alone=False)
    if not homes or schema in [home for home, *_ in homes]:
        return NOTHING if homes else None
    home, _, usable = homes[0]
    if not usable:
        return "schema-usage", {"schema": home}
    alone = any(r[2] for r in database.relations if r[1] in {t.name for t in known.tables()})
    return database.search.elsewhere(home, name, known.case.engine, alone=alone)


def _misspelled(
    kind: str, name: str, written: Name, there: list[str], facts: dict[str, str]
) -> Found:
    """Tell a name in another case from one that is misspelled."""
    same = next((other for other in there if other.lower() == name.lower()), "")
    near = same if same and same != name else nearest(name, there)
    if not near:
        return f"{kind}-unknown", facts | {"listed": _listed(there)}
    facts |= {"near": near, "before": written.written, "after": plain(near)}
    case = "folded" if not written.quoted else "quoted"
    return (f"name-{case}" if same else f"{kind}-misspelled"), facts


def _listed(names: Iterable[str]) -> str:
    found = sorted(set(names))
    return ", ".join(found[:12]) + (", ..." if len(found) > 12 else "") or "none"


def _column(pointed: Pointed, known: Known) -> Found:
    *before, last = pointed.parts or [Name("")]
    name = last.folded
    facts = {"column": name, "name": last.written} | pointed.shown()
    if taken := NOT_TABLES.search(pointed.statement):
        word = taken[1]
        return "reserved-word", facts | {"word": word, "before": word, "after": f'"{word}"'}
    sources = pointed.sources() or {n: n for n in pointed.said[1:]}
    wanted = sources.get(before[-1].folded) if before else None
    tables = [wanted] if wanted else [*sources.values()]
    models = [t for t in known.tables() if t.name in tables]
    model = next((t for t in models if name in t.c), None)
    if known.database:
        columns = [(t, c) for t, c in known.database.columns if t in tables]
        elsewhere = [t for t, c in known.database.columns if c == name and t not in tables]
    else:
        columns, elsewhere = [(t.name, c.name) for t in models for c in t.c], []
    there = [column for _, column in columns]
    facts |= {"table": model.name if model is not None else " or ".join(dict.fromkeys(tables))}
    if model is not None and known.migrating:
        return "object-missing", {"reason": pointed.message}
    if model is not None:
        entry, more = known.not_there("column", name, model, model.c[name])
        near = nearest(name, [c for t, c in columns if t == model.name and c not in model.c])
        facts |= more | _rename(near, name)
        if entry == "column-not-created" and known.case.engine:
            facts["sql"] = adding(model, model.c[name], known.case.engine.dialect)
        return ("column-named-otherwise" if near and entry in UNEXPLAINED else entry), facts
    same = any(other.lower() == name.lower() for other in there)
    if not same and not before and COMPARED.search(pointed.before):
        near = nearest(name, there)
        if last.quoted or not near:
            return "value-as-name", facts | {"before": last.written, "after": f"'{_bare(last)}'"}
    if elsewhere and before:
        *_, alias = (a for a, t in sources.items() if t == elsewhere[0])
        facts |= {"near": f"{alias}.{name}", "before": f"{before[-1].written}.{last.written}"}
        return "column-misspelled", facts | {"after": f"{alias}.{last.written}"}
    if not there and known.database is None:
        return "column-missing", facts  # nothing is known of the table
    if known.database:
        facts["seen"] = "None of the tables in this query has it, and no model does."
    return _misspelled("column", name, last, there, facts)


def _bare(name: Name) -> str:
    return name.folded.replace("'", "''") if name.quoted else name.written


def _rename(near: str, name: str) -> dict[str, str]:
    return {"near": near, "old": near, "new": name} if near else {}


def _schema(pointed: Pointed, known: Known) -> Found:
    """Tell a schema that isn't there from none at all."""
    if pointed.said:
        return _schema_missing(pointed.said[0], known)
    if known.database is None:
        return "no-schema-selected", {}
    return known.database.search.nowhere(known.case.engine)


def _schema_missing(schema: str, known: Known) -> Found:
    facts = {"schema": schema}
    near = nearest(schema, known.database.search.schemas) if known.database else ""
    if near and not any(table.schema == schema for table in known.tables()):
        return "schema-misspelled", facts | {"near": near, "before": schema, "after": near}
    return "schema-missing", facts


# Reasons that leave open what the right name is.
UNEXPLAINED = ("table-not-migrated", "column-not-migrated", "column-not-created")
EXPLAIN = {"42P01": _table, "42703": _column, "3F000": _schema}
