"""A function, an operator or a type that isn't there: whose it is, or what was meant."""

import logging
import re

from ..case import Case, Found
from ..errors import sqlstate_of
from ..pointing import Pointed, nearest
from .looking import looking

log = logging.getLogger(__name__)

# What extensions bring, by the beginning of its name.
EXTENSIONS = {
    "uuid_generate_": "uuid-ossp",
    **dict.fromkeys(
        ("similarity", "word_similarity", "show_trgm", "gin_trgm", "gist_trgm"), "pg_trgm"
    ),
    "unaccent": "unaccent",
    **dict.fromkeys(
        ("crypt", "gen_salt", "digest", "hmac", "pgp_", "gen_random_bytes"), "pgcrypto"
    ),
    "crosstab": "tablefunc",
    **dict.fromkeys(("levenshtein", "soundex", "metaphone", "difference"), "fuzzystrmatch"),
    **dict.fromkeys(("ll_to_earth", "earth_"), "earthdistance"),
    "citext": "citext",
    **dict.fromkeys(("hstore", "akeys", "avals"), "hstore"),
    **dict.fromkeys(("ltree", "lquery"), "ltree"),
    "cube": "cube",
    **dict.fromkeys(("geometry", "geography", "raster", "st_"), "postgis"),
    **dict.fromkeys(("vector", "halfvec", "cosine_distance", "l2_distance"), "vector"),
}
# What other databases call it, and PostgreSQL.
FOREIGN = {
    **dict.fromkeys(("ifnull", "isnull", "nvl"), "coalesce(a, b)"),
    "group_concat": "string_agg(a, ',')",
    "datetime": "timestamptz, or date_trunc('second', a)",
    "strftime": "to_char(a, 'YYYY-MM-DD')",
    "date_format": "to_char(a, 'YYYY-MM-DD')",
    **dict.fromkeys(("getdate", "sysdate", "curdate", "utc_timestamp"), "now()"),
    **dict.fromkeys(("unix_timestamp", "julianday"), "extract(epoch FROM a)"),
    **dict.fromkeys(("year", "month", "day", "hour"), "extract(year FROM a)"),
    "datediff": "a - b",
    "dateadd": "a + interval '1 day'",
    "date_add": "a + interval '1 day'",
    "len": "length(a)",
    "rand": "random()",
    "last_insert_id": "RETURNING id",
    "iif": "CASE WHEN a THEN b ELSE c END",
    "if": "CASE WHEN a THEN b ELSE c END",
    "charindex": "strpos(a, b)",
    "instr": "strpos(a, b)",
    "locate": "strpos(a, b)",
    "regexp_like": "a ~ 'pattern'",
    "json_extract": "a -> 'key', or a ->> 'key' for a text",
    "uuid": "gen_random_uuid()",
    "newid": "gen_random_uuid()",
    **dict.fromkeys(("nvarchar", "longtext", "mediumtext", "string", "clob"), "text"),
    **dict.fromkeys(("tinyint", "int8unsigned"), "smallint"),
    **dict.fromkeys(("blob", "longblob", "binary", "varbinary"), "bytea"),
    **dict.fromkeys(("double", "number"), "double precision, or numeric"),
    "bool_": "boolean",
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
    "42883": "SELECT DISTINCT proname FROM pg_proc WHERE proname ~ '^[a-z]'",
    "42704": "SELECT typname FROM pg_type WHERE typname ~ '^[a-z]' AND typelem = 0",
}
AVAILABLE = "SELECT installed_version FROM pg_available_extensions WHERE name = %(name)s"
OPERATOR = re.compile(r": (?P<left>[^:]*?) ?(?P<operator>[-+*/<>=~!@#%^&|`?]+) (?P<right>[^:]+)$")
CALL = re.compile(r"(?:(?P<schema>\w+)\.)?(?P<name>[^\W\d]\w*)\((?P<types>.*)\)")
TEXTS = ("character varying", "text", "unknown", "character")
NUMBERS = ("integer", "bigint", "smallint", "numeric", "double precision", "real")


def functions(error: BaseException, case: Case) -> Found | None:
    """Explain a function, an operator or a type that doesn't exist."""
    sqlstate = sqlstate_of(error) or ""
    if sqlstate not in NAMES:
        return None
    pointed = Pointed(error)
    if operator := OPERATOR.search(pointed.message) if sqlstate == "42883" else None:
        return _operator(operator, pointed, case)
    call = CALL.search(pointed.message)
    name = call["name"] if call else pointed.said[0] if pointed.said else ""
    kind = "function" if sqlstate == "42883" else "type"
    if call is None and (kind == "function" or "type " not in pointed.message):
        extension = _extension(name) if kind == "type" else ""
        return _missing_extension(extension, name, pointed, case) if extension else None
    facts = {"name": name, "types": call["types"] if call else "", **pointed.shown()}
    return _named(kind, name.rpartition(".")[2], facts, sqlstate, pointed, case)


def _named(
    kind: str, name: str, facts: dict[str, str], sqlstate: str, pointed: Pointed, case: Case
) -> Found | None:
    there, all_names = _look(
        case, FUNCTIONS if kind == "function" else TYPES, name, NAMES[sqlstate]
    )
    hidden = [row for row in there if not row[2]]
    if there and len(hidden) == len(there):
        return "function-in-other-schema", facts | {"kind": kind, "schema": there[0][1]}
    if there and kind == "function":
        accepted = " or ".join(f"({row[3]})" for row in there[:4])
        return "function-other-arguments", facts | {"accepted": accepted}
    if name.lower() in FOREIGN:
        return "name-of-other-database", facts | {"instead": FOREIGN[name.lower()]}
    if extension := _extension(name):
        return _missing_extension(extension, name, pointed, case)
    near = nearest(name, all_names)
    if near:
        return "function-misspelled", facts | {
            "kind": kind,
            "near": near,
            "before": name,
            "after": near,
        }
    return f"{kind}-unknown", facts


def _extension(name: str) -> str:
    plain = name.lower()
    return next((e for start, e in EXTENSIONS.items() if plain.startswith(start)), "")


def _missing_extension(extension: str, name: str, pointed: Pointed, case: Case) -> Found:
    facts = {"extension": extension, "name": name, **pointed.shown()}
    try:
        with looking(case) as cursor:
            cursor.execute(AVAILABLE, {"name": extension})
            available = cursor.fetchone() is not None
    except Exception:
        log.debug("no look at the database", exc_info=True)
        available = True
    return ("extension-not-created" if available else "extension-not-installed"), facts


def _look(
    case: Case, query: str, name: str, names: str
) -> tuple[list[tuple[str, str, bool, str]], list[str]]:
    try:
        with looking(case) as cursor:
            cursor.execute(query, {"name": name})
            found = cursor.fetchall()
            cursor.execute(names)
            return found, [row[0] for row in cursor.fetchall()]
    except Exception:
        log.debug("no look at the database", exc_info=True)
        return [], []


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
    if (left + right).endswith("[]") or left.endswith("[]"):
        return (
            "One of them is a list (an array): compare with `= ANY(...)`, in SQLAlchemy `any_()`."
        )
    if kinds & set(NUMBERS) and kinds & set(TEXTS):
        return (
            "Give a number for a number: `int(value)`. What a form or a URL sends is always a text."
        )
    if "uuid" in kinds and kinds & set(TEXTS):
        return "Make a UUID of the text: `uuid.UUID(value)`."
    if any(kind.startswith(("timestamp", "date", "time", "interval")) for kind in kinds):
        return "Give a `datetime` where the column is a time, and a `timedelta` to add or subtract."
    return "Give a value of the column's own type."
