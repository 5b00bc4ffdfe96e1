"""A function, an operator or a type that isn't there: whose it is, or what was meant."""

import re

from ..case import Case, Found
from ..errors import sqlstate_of
from ..pointing import Pointed, nearest
from .looking import look, rows

# What extensions bring.
EXTENSIONS = {
    "uuid-ossp": r"uuid_generate_\w+",
    "pg_trgm": r"(strict_)?(word_)?similarity|show_trgm|gi(n|st)_trgm_ops",
    "unaccent": "unaccent",
    "pgcrypto": r"crypt|gen_salt|digest|hmac|pgp_\w+|gen_random_bytes",
    "tablefunc": r"crosstab\d?",
    "fuzzystrmatch": r"levenshtein\w*|soundex|d?metaphone|difference",
    "earthdistance": r"ll_to_earth|earth_\w+",
    "citext": "citext",
    "hstore": r"hstore\w*|akeys|avals",
    "ltree": "ltree|lquery",
    "cube": "cube",
    "postgis": r"geometry|geography|raster|st_\w+",
    "vector": r"vector(_\w+)?|halfvec|(cosine|l2)_distance",
}
# What PostgreSQL has for what other databases have.
FOREIGN = {
    "coalesce(a, b)": "ifnull isnull nvl",
    "string_agg(a, ',')": "group_concat",
    "timestamptz, or date_trunc('second', a)": "datetime",
    "to_char(a, 'YYYY-MM-DD')": "strftime date_format",
    "now()": "getdate sysdate curdate utc_timestamp",
    "extract(epoch FROM a)": "unix_timestamp julianday",
    "extract(year FROM a)": "year month day hour",
    "a - b": "datediff",
    "a + interval '1 day'": "dateadd date_add",
    "length(a)": "len",
    "random()": "rand",
    "RETURNING id": "last_insert_id",
    "CASE WHEN a THEN b ELSE c END": "iif if",
    "strpos(a, b)": "charindex instr locate",
    "a ~ 'pattern'": "regexp_like",
    "a -> 'key', or a ->> 'key' for a text": "json_extract",
    "gen_random_uuid()": "uuid newid",
    "text": "nvarchar longtext mediumtext string clob",
    "smallint": "tinyint",
    "bytea": "blob longblob binary varbinary",
    "double precision, or numeric": "double number",
}
FUNCTIONS = """
SELECT proname, nspname, pg_function_is_visible(p.oid), pg_get_function_identity_arguments(p.oid)
FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace WHERE proname = %(name)s
"""
TYPES = """
SELECT typname, nspname, pg_type_is_visible(t.oid), ''
FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace WHERE typname = %(name)s
"""
NAMES = {
    "function": "SELECT DISTINCT proname FROM pg_proc WHERE proname ~ '^[a-z]'",
    "type": "SELECT typname FROM pg_type WHERE typname ~ '^[a-z]' AND typelem = 0",
}
AVAILABLE = "SELECT count(*) FROM pg_available_extensions WHERE name = %(name)s"
OPERATOR = re.compile(r": (?P<left>[^:]*?) ?(?P<operator>[-+*/<>=~!@#%^&|`?]+) (?P<right>[^:]+)$")
CALL = re.compile(r"(?:(?P<schema>\w+)\.)?(?P<name>[^\W\d]\w*)\((?P<types>.*)\)")
TEXTS = ("character varying", "text", "unknown", "character")
NUMBERS = ("integer", "bigint", "smallint", "numeric", "double precision", "real")


def functions(error: BaseException, case: Case) -> Found | None:
    """Explain a function, an operator or a type that doesn't exist."""
    sqlstate = sqlstate_of(error) or ""
    if sqlstate not in ("42883", "42704"):
        return None
    pointed = Pointed(error)
    if operator := OPERATOR.search(pointed.message) if sqlstate == "42883" else None:
        return _operator(operator, pointed, case)
    call = CALL.search(pointed.message)
    name = call["name"] if call else pointed.said[0] if pointed.said else ""
    kind = "function" if sqlstate == "42883" else "type"
    if call is None and (kind == "function" or "type " not in pointed.message):
        extension = extension_of(name) if kind == "type" else ""
        return _missing_extension(extension, name, pointed, case) if extension else None
    return _named(kind, name.rpartition(".")[2], call["types"] if call else "", pointed, case)


def _named(kind: str, name: str, types: str, pointed: Pointed, case: Case) -> Found:
    facts = {"kind": kind, "name": name, "types": types, **pointed.shown()}
    there = rows(case, FUNCTIONS if kind == "function" else TYPES, name=name)
    if there and not any(row[2] for row in there):
        return "function-in-other-schema", facts | {"schema": there[0][1]}
    if there and kind == "function":
        accepted = " or ".join(f"({row[3]})" for row in there[:4])
        return "function-other-arguments", facts | {"accepted": accepted}
    own = next((ours for ours, words in FOREIGN.items() if name.lower() in words.split()), "")
    if own:
        return "name-of-other-database", facts | {"instead": own}
    if extension := extension_of(name):
        return _missing_extension(extension, name, pointed, case)
    if near := nearest(name, [row[0] for row in rows(case, NAMES[kind])]):
        edit = {"near": near, "before": name, "after": near}
        return "function-misspelled", facts | edit
    return f"{kind}-unknown", facts


def extension_of(name: str) -> str:
    """Return the extension that brings a type, a function or the like; "" where none does."""
    return next((e for e, names in EXTENSIONS.items() if re.fullmatch(names, name, re.I)), "")


def _missing_extension(extension: str, name: str, pointed: Pointed, case: Case) -> Found:
    facts = {"extension": extension, "name": name, **pointed.shown()}
    there = look(case, AVAILABLE, name=extension)
    return ("extension-not-installed" if there == (0,) else "extension-not-created"), facts


def _operator(match: re.Match[str], pointed: Pointed, case: Case) -> Found:
    """Explain two values of types that can't be compared or computed with each other."""
    left, operator, right = match["left"], match["operator"], match["right"]
    facts = {"left": left, "operator": operator, "right": right, **pointed.shown()}
    if operator in ("==", "&&", "||", "!==", "===") and not pointed.said:
        after = {"==": "=", "===": "=", "&&": "AND", "||": "OR", "!==": "<>"}[operator]
        if operator not in ("&&", "||") or {left, right} <= {"boolean", "unknown"}:
            return "operator-of-python", facts | {"before": operator, "after": after}
    if operator == "+" and left in TEXTS and right in TEXTS:
        return "operator-of-python", facts | {"before": "+", "after": "||"}
    if operator == "%" and left in TEXTS and right in TEXTS:
        return _missing_extension("pg_trgm", "%", pointed, case)
    if "json" in (left, right):
        return "json-not-comparable", facts
    if "boolean" in (left, right) and {left, right} & set(NUMBERS):
        return "boolean-is-no-number", facts
    return "types-differ", facts | {"advice": _advice(left, right)}


def _advice(left: str, right: str) -> str:
    """Say what to convert, in Python."""
    kinds = {left.removesuffix("[]"), right.removesuffix("[]")}
    if "[]" in left + right:
        return (
            "One of them is a list (an array): compare with `= ANY(...)`, in SQLAlchemy `any_()`."
        )
    if kinds & set(NUMBERS) and kinds & set(TEXTS):
        return "Pass a number: `int(value)`. Values from a form or a URL are always texts."
    if "uuid" in kinds and kinds & set(TEXTS):
        return "Convert the text to a UUID: `uuid.UUID(value)`."
    if any(kind.startswith(("timestamp", "date", "time", "interval")) for kind in kinds):
        return "Use a `datetime` if the column is a time, and a `timedelta` to add or subtract."
    return "Use a value of the column's type."
