"""Why a migration finds what it creates: what made it, and how the two are brought together."""

import re

from sqlalchemy import Enum

from ..case import Case, Found
from ..drift import enum_facts
from ..editing import before, changed, literal, prompt, with_keyword
from ..lost import fitting
from ..migrations import tool_of
from ..pending import file_of
from .failed import Failed
from .looking import connected

NAMED = re.compile(
    r'(relation|type|column|constraint|function|trigger|schema) "?(.+?)"?'
    r'(?: (?:of|for) relation "(.+)")? already exists'
)
CREATES = {
    "create_table": r"CREATE TABLE",
    "create_index": r"CREATE (?:UNIQUE )?INDEX",
    "add_column": r"ALTER TABLE .* ADD COLUMN",
}


def exists(failed: Failed) -> Found | None:
    """Explain something that a migration creates and that is there."""
    match = NAMED.search(failed.message)
    if not match:
        return None
    kind, name = match[1], match[2]
    state = failed.case.state
    if state is not None and failed.case.probe and failed.case.engine is not None:
        with connected(failed.case) as connection:
            stamp = fitting(state, connection)
        if stamp:
            return "table-exists", stamp
    if kind == "type":
        return _type(failed, name)
    created = re.match(r"\s*CREATE (?:UNIQUE )?(TABLE|INDEX|SEQUENCE|VIEW)", failed.statement)
    thing = created[1].lower() if created and kind == "relation" else kind
    facts = {"object": f"{thing} {name}"}
    made = next((n for n, sql in CREATES.items() if re.match(sql, failed.statement.strip())), None)
    operation = failed.operation(made, naming=name) if made else None
    if operation:
        return "object-exists", facts | {"edit": with_keyword(operation, "if_not_exists=True")}
    if re.search(r"ADD CONSTRAINT", failed.statement):
        drop = f"op.drop_constraint({name!r}, {failed.table.strip(chr(34))!r})"
        return "object-exists", facts | {"look": before(failed.path, failed.line, drop)}
    return "object-exists", facts


def _type(failed: Failed, name: str) -> Found:
    """Explain an enum that is there: nobody needs it, or the migration can use it."""
    labels = failed.rows(
        "SELECT enumlabel FROM pg_enum WHERE enumtypid = to_regtype(%(name)s)",
        name=f'"{name}"',
    )
    used = failed.rows(
        "SELECT attrelid::regclass::text || '.' || attname FROM pg_attribute"
        " JOIN pg_class c ON c.oid = attrelid AND relkind IN ('r', 'p')"
        " WHERE atttypid = to_regtype(%(name)s) AND NOT attisdropped",
        name=f'"{name}"',
    )
    there = [label for (label,) in labels]
    wanted = re.findall(r"'((?:[^']|'')*)'", failed.statement)
    facts = {"type": name}
    if there and not used:
        return "enum-left-over", facts | {
            "look": prompt(f'DROP TYPE "{name}"'),
            "edit": literal(f"+     sa.Enum(name={name!r}).drop(op.get_bind())"),
        }
    file = file_of(failed.path)
    more = [
        f"op.execute(\"ALTER TYPE {name} ADD VALUE IF NOT EXISTS '{label}'\")"
        for label in wanted
        if there and label not in there
    ]
    imported = re.search(r"import .*\bpostgresql\b", file.source)
    edit = ["" if imported else "+ from sqlalchemy.dialects import postgresql"]
    edit.append(before(failed.path, failed.line, *more))
    for match in re.finditer(rf"sa\.Enum\(([^()]*name=['\"]{name}['\"][^()]*)\)", file.source):
        inside = " ".join(match[1].split()).rstrip(", ")
        new = f"postgresql.ENUM({inside}, create_type=False)"
        edit.append(changed(" ".join(match[0].split()), new))
    return "enum-exists", facts | {
        "edit": "\n".join(filter(None, edit)),
        "used": f"Used by: {', '.join(name for (name,) in used)}." if used else "",
    }


def enum_value(error: BaseException, case: Case) -> Found | None:
    """Explain a value that the model's enum has, and the database's type hasn't yet."""
    match = re.search(
        r'invalid input value for enum (.+?): "(.+)"', str(getattr(error, "orig", ""))
    )
    state = case.state
    if not match or state is None or tool_of(state) is None:
        return None
    name = match[1].strip('"')
    for table in state.tables:
        for column in table.columns:
            kind = column.type
            if isinstance(kind, Enum) and kind.name == name and match[2] in kind.enums:
                return "enum-value-missing", enum_facts(name, [match[2]], str(column))
    return None
