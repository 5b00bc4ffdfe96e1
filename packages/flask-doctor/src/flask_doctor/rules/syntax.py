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

# What begins a statement of another database, or stands in it, and what PostgreSQL has.
FOREIGN = {
    "show": "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
    "describe": "SELECT column_name, data_type FROM information_schema.columns",
    "desc": "SELECT column_name, data_type FROM information_schema.columns",
    "use": "a connection of its own for each database",
    "pragma": "nothing like it",
    "replace": "INSERT ... ON CONFLICT (...) DO UPDATE SET ...",
    "top": "LIMIT, at the end of the statement",
    "if": "CASE WHEN a THEN b END",
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
    if pointed.after[:1] in ("'", '"', "$") and pointed.said:
        return "quote-unclosed", pointed.shown()
    # The message quotes what stands there, whatever its language; others are no syntax errors.
    if not pointed.line or ((word if word else pointed.said) and pointed.said[:1] != [word]):
        return None
    return _explain(pointed, word)


def _explain(pointed: Pointed, word: str) -> Found:
    facts = {"word": word, "name": word, **pointed.shown()}
    before, rest = pointed.before, pointed.after[len(word) :]
    for other in (word, *re.findall(r"\w+", before)[-1:], *pointed.statement.split()[:1]):
        if instead := FOREIGN.get(other.lower()):
            return "name-of-other-database", facts | {"name": other, "instead": instead}
    if word[:1].isalnum() and before.endswith("'"):
        return "quote-unclosed", facts
    reserved = _reserved(before, word, rest)
    if reserved:
        return "reserved-word", facts | {
            "word": reserved,
            "before": reserved,
            "after": f'"{reserved}"',
        }
    if word in ("?", "%", ":") or re.search(r"(=|\(|,)\s*\?", pointed.statement):
        return "placeholder-wrong", facts
    if word in "`[" and word:
        return "quotes-of-other-database", facts
    if before.rstrip().endswith(",") and word.lower() in (*CLAUSES, ")"):
        return "comma-too-many", facts
    if word.upper() == "AUTOINCREMENT" or word.upper() == "AUTO_INCREMENT":
        return "autoincrement", facts
    if word and word.upper() not in KEYWORDS:
        for wrong in (word, *re.findall(r"\w+", before)[-1:]):
            near = get_close_matches(wrong.upper(), KEYWORDS, 1, 0.74)
            if near and wrong.upper() not in KEYWORDS:
                return "keyword-misspelled", facts | {
                    "word": wrong,
                    "before": wrong,
                    "after": near[0],
                }
    return ("statement-incomplete" if not word else "syntax-error"), facts


def _reserved(before: str, word: str, rest: str) -> str:
    """Return the word of SQL that stands where a name must; "" where it isn't that."""
    if word == "." or (word == "(" and TABLES.search(before)):
        last = re.search(rf"({NAME})\s*$", before)
        return last[1] if last and last[1].lower() in RESERVED_WORDS else ""
    if word.lower() not in RESERVED_WORDS or not NAMED.search(before):
        return ""
    if word.lower() in CLAUSES and (
        word.lower() not in CLAUSES[:2] or re.match(r"\s+by\b", rest, re.I)
    ):
        return ""
    if TABLES.search(f"{before}{word}"):
        return word
    followed = re.match(r"\s*(=|<|>|,|\)|FROM\b|IS\b|IN\b|LIKE\b|$)", rest, re.I)
    named = rest.startswith(".") or (followed and word.lower() not in CLAUSES)
    return word if named else ""
