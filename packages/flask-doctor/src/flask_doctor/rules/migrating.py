"""Why a migration fails in the database: by the SQLSTATE."""

import os
from collections.abc import Callable

from ..case import Case, Found
from ..errors import sqlstate_of
from .existing import exists
from .failed import Failed, migration_of
from .objects import alone, dependents, enum_value, locked, missing
from .rows import cast, check, duplicates, null, orphans, values

EXPLAINED: dict[str, Callable[[Failed], Found | None]] = {
    "23502": null,
    "23505": duplicates,
    "23503": orphans,
    "23514": check,
    "25001": alone,
    "55P04": enum_value,
    "42804": cast,
    "22": values,
    "2BP01": dependents,
    "0A000": dependents,
    "58P01": dependents,
    "55P03": locked,
    "40P01": locked,
    "42P07": exists,
    "42710": exists,
    "42701": exists,
    "42723": exists,
    "3F000": missing,
    "42P01": missing,
    "42703": missing,
    "42704": missing,
    "42883": missing,
}

# What a migration isn't to blame for: the connection, the server, privileges.
OTHERS = ("08", "25", "28", "3D", "3F", "42501", "42601", "53", "57", "58", "XX")


def migrating(error: BaseException, case: Case) -> Found | None:
    """Explain an error that the database has with a migration."""
    sqlstate = sqlstate_of(error)
    place = migration_of(error) if sqlstate and hasattr(error, "statement") else None
    if not sqlstate or place is None:
        return None
    failed = Failed(error, case, *place)
    explain = next((e for s, e in EXPLAINED.items() if sqlstate.startswith(s)), None)
    found = explain(failed) if explain else None
    if found is None and sqlstate.startswith(OTHERS):
        return None
    entry, facts = found or ("migration-fails", {})
    facts = {"table": failed.table.strip('"'), "message": failed.message} | failed.fields | facts
    return entry, facts | {"place": f"{os.path.relpath(failed.path)}, line {failed.line}"}
