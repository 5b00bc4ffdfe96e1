"""The fastest way to fill the table: without indexes, which are built when the rows are there.

PostgreSQL builds an index several times faster than it inserts the same rows one by one. But the
table is locked until the end of the transaction, for readers too.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg2.errors import LockNotAvailable
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from .. import limits
from . import locks

MANY = 10_000  # stations: with fewer, the indexes stay, and the order is that of the feed

# A role may do this if it owns the table. While deferred triggers are pending, a table can't be
# altered; and a trigger that somebody has enabled in another way isn't disabled and enabled again.
IS_ALLOWED = """
SELECT pg_has_role(relowner, 'USAGE') AND has_schema_privilege(relnamespace, 'CREATE')
    AND NOT EXISTS (
        SELECT FROM pg_trigger WHERE tgrelid = pg_class.oid AND (tgdeferrable OR tgenabled <> 'O')
    )
FROM pg_class WHERE oid = 'stations'::regclass
"""
HAS_MORE = "SELECT EXISTS (SELECT FROM stations OFFSET %s)"
# Not those with properties that aren't in their definition, such as a comment, or on which other
# objects depend, such as a foreign key. Of constraints, only those of unique columns.
INDEXES = """
SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition,
    quote_ident(min(conname::text)) AS constraint
FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
LEFT JOIN pg_constraint ON conindid = indexrelid
WHERE indrelid = 'stations'::regclass AND indisvalid AND reltablespace = 0
    AND NOT indisclustered AND NOT indisreplident
    AND NOT EXISTS (
        SELECT FROM pg_depend WHERE refobjid IN (indexrelid, pg_constraint.oid) AND deptype = 'n'
    )
    AND NOT EXISTS (SELECT FROM pg_description WHERE objoid IN (indexrelid, pg_constraint.oid))
    AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = indexrelid AND attstattarget >= 0)
GROUP BY indexrelid
HAVING bool_and(contype IS NULL OR contype = 'u' AND NOT condeferrable AND %(unique)s)
ORDER BY name
"""
# The triggers that count stations need the indexes.
COUNT = """
ALTER TABLE stations {0} TRIGGER a_count_insert, {0} TRIGGER a_count_update,
    {0} TRIGGER a_count_delete
"""


def lock(connection: Connection, added: int, *, fast: bool) -> bool:
    """Lock the table if it is empty or, with `fast`, has fewer stations than are added.

    Return False if it isn't worth it, or if somebody uses the table: while this waits for a lock,
    later readers wait too, so it doesn't wait long.
    """
    if added < MANY or not connection.exec_driver_sql(IS_ALLOWED).scalar_one():
        return False
    most = added - 1 if fast else 0
    savepoint = connection.begin_nested()  # a rollback releases its locks
    try:
        if not _has_more(connection, most):
            connection.exec_driver_sql(limits.local(limits.MIGRATION_SESSION))
            locks.wait_for_cells(connection)
            connection.exec_driver_sql("LOCK TABLE stations")
            if not _has_more(connection, most):  # nothing was added in the meantime
                limits.limit_command(connection)
                savepoint.commit()
                return True
    except OperationalError as error:
        if not isinstance(error.orig, LockNotAvailable):
            raise
    savepoint.rollback()
    return False


def _has_more(connection: Connection, count: int) -> bool:
    return bool(connection.exec_driver_sql(HAS_MORE, (count,)).scalar_one())


@contextmanager
def indexes_afterwards(connection: Connection, *, unique: bool = False) -> Iterator[None]:
    """Drop the indexes of the locked table. At the end, build them and count the stations.

    With `unique`, those of unique constraints too, if the table is empty: nothing may then be
    written that has to be checked for conflicts.
    """
    unique = unique and not _has_more(connection, 0)
    indexes = connection.exec_driver_sql(INDEXES, {"unique": unique}).all()
    for name, _, constraint in indexes:
        drop = f"ALTER TABLE stations DROP CONSTRAINT {constraint}"
        _run(connection, drop if constraint else f"DROP INDEX {name}")
    connection.exec_driver_sql(COUNT.format("DISABLE"))
    yield
    connection.exec_driver_sql(COUNT.format("ENABLE"))
    for _, definition, constraint in indexes:
        _run(connection, definition)
        if constraint:  # which has the name of its index
            add = f"ALTER TABLE stations ADD CONSTRAINT {constraint} UNIQUE"
            _run(connection, f"{add} USING INDEX {constraint}")
    connection.exec_driver_sql("SELECT recount_stations()")


def _run(connection: Connection, statement: str) -> None:
    """Run a statement in which names and values may contain percent signs."""
    connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
