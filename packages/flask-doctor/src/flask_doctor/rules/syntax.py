"""A statement that PostgreSQL can't read: where it stops, and the usual mistakes there."""

import re
from difflib import get_close_matches

from sqlalchemy.dialects.postgresql.base import RESERVED_WORDS

from ..case import Case, Found
from ..errors import sqlstate_of
from ..pointing import NAME, Pointed

KEYWORDS = re.findall(
    r"\w+",
    """SELECT INSERT UPDATE DELETE FROM WHERE GROUP ORDER BY HAVING LIMIT OFFSET JOIN LEFT RIGHT
    INNER OUTER ON AND OR NOT IN LIKE ILIKE IS NULL BETWEEN VALUES INTO SET RETURNING CREATE ALTER
    DROP TABLE INDEX COLUMN CONSTRAINT DISTINCT UNION EXISTS CASE WHEN THEN ELSE END AS WITH""",
)
# Where a word stands that is meant as a name.
NAMED = re.compile(
    r"(\b(FROM|JOIN|INTO|UPDATE|TABLE|SELECT|WHERE|BY|AND|OR|SET|ON)|[,(.])\s*$", re.I
)
TABLES = re.compile(rf"\b(?:FROM|JOIN|INTO|UPDATE|TABLE)\s+({NAME})\s*$", re.I)
# The first two are tables of many applications.
CLAUSES = (
    *("group", "order", "from", "where", "having", "limit", "on", "and", "or", "union", "select"),
    "as",
)

# What begins a statement of another database, and what PostgreSQL has.
BEGINNINGS = {
    "show": "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
    "describe": "SELECT column_name, data_type FROM information_schema.columns",
    "desc": "SELECT column_name, data_type FROM information_schema.columns",
    "use": "a connection of its own for each database",
    "pragma": "nothing like it",
    "replace": "INSERT ... ON CONFLICT (...) DO UPDATE SET ...",
    "if": "CASE WHEN a THEN b END",
}
# What stands within one; the error is at the word, or at what follows it.
WITHIN = {
    "top": "LIMIT, at the end of the statement",
    "minus": "EXCEPT",
    "engine": "nothing like it",
    "unsigned": "CHECK (column >= 0)",
    "ignore": "INSERT ... ON CONFLICT DO NOTHING",
    "regexp": "column ~ 'pattern'",
    "rlike": "column ~ 'pattern'",
}


def syntax(error: BaseException, case: Case) -> Found | None:
    """Explain a syntax error by what stands at its place."""
    if sqlstate_of(error) != "42601":
        return None
    pointed = Pointed(error)
    found = re.match(r"\w+", pointed.after)
    word = found[0] if found else pointed.after[:1]
    quoted = re.search(r'"(.*)"', pointed.message, re.S)
    if quoted and pointed.after[:1] in ("'", '"') and quoted[1].count(pointed.after[0]) % 2:
        return "quote-unclosed", pointed.shown()
    # The message quotes what stands there, whatever its language; others are no syntax errors.
    if not pointed.line or ((word if word else pointed.said) and pointed.said[:1] != [word]):
        return None
    return _explain(pointed, word)


def _explain(pointed: Pointed, word: str) -> Found:
    before, rest = pointed.before, pointed.after[len(word) :]
    last = (re.findall(r"\w+", before) or [""])[-1]
    facts = {"word": word, "name": word, **pointed.shown()}
    foreign = (WITHIN if before.strip() else BEGINNINGS).get(word.lower())
    if foreign or last.lower() == "top":
        name = word if foreign else last
        return "name-of-other-database", facts | {"name": name, "instead": foreign or WITHIN["top"]}
    if word[:1].isalnum() and before.endswith("'"):
        return "quote-unclosed", facts
    if reserved := _reserved(before, word, rest):
        edit = {"before": reserved, "after": f'"{reserved}"'}
        return "reserved-word", facts | edit | {"word": reserved}
    if word in ("?", "%", ":", "{") or re.search(r"(=|\(|,)\s*\?", pointed.statement):
        return "placeholder-wrong", facts
    if word in ("`", "["):
        return "quotes-of-other-database", facts
    if before.rstrip().endswith(",") and word.lower() in (*CLAUSES, ")"):
        return "comma-too-many", facts
    if word.upper() in ("AUTOINCREMENT", "AUTO_INCREMENT"):
        return "autoincrement", facts
    for wrong in (word, last):
        near = get_close_matches(wrong.upper(), KEYWORDS, 1, 0.74)
        if near and len(wrong) > 3 and not {wrong.upper(), word.upper()} & {*KEYWORDS}:
            edit = {"before": wrong, "after": near[0]}
            return "keyword-misspelled", facts | edit | {"word": wrong}
    return ("syntax-error" if word else "statement-incomplete"), facts


def _reserved(before: str, word: str, rest: str) -> str:
    """Return the word of SQL that stands where a name must; "" where it isn't that."""
    last = re.search(rf"({NAME})\s*$", before)
    if last and last[1].lower() in CLAUSES[:2] and NAMED.search(before[: last.start()]):
        return last[1]  # in `SELECT order FROM`, only FROM shows that it isn't ORDER BY
    if word == "." or (word == "(" and TABLES.search(before)):
        return last[1] if last and last[1].lower() in RESERVED_WORDS else ""
    if word.lower() not in RESERVED_WORDS or not NAMED.search(before):
        return ""
    if word.lower() in CLAUSES[2:] or re.match(r"\s+by\b", rest, re.I):
        return ""
    followed = re.match(r"\s*(=|<|>|,|\)|\.|FROM\b|IS\b|IN\b|LIKE\b|$)", rest, re.I)
    return word if followed or TABLES.search(f"{before}{word}") else ""
