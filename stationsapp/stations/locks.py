"""The locks of those that write stations, and their order, which avoids deadlocks.

An import takes the lock of its source, then the rows and codes that it writes. At the end of the
statement, it takes a shard of the data version, as every writer does. A request takes one row or
one code, and then the shard. Only a request that changes a code holds a row while it waits for a
code. So it is refused during an import of its source.
"""

from sqlalchemy import Connection

IMPORT = 7_220_001  # the first key of the advisory lock; the second is the source's hash


def wait_for_imports(connection: Connection, source: str) -> None:
    """Wait for other imports of this source, and keep them out until the transaction ends."""
    statement = "SELECT pg_advisory_xact_lock(%s, hashtext(%s))"
    connection.exec_driver_sql(statement, (IMPORT, source))


def keep_imports_out(connection: Connection, source: str) -> bool:
    """Let no import of this source start until the end of the transaction.

    Return False if one is already running.
    """
    statement = "SELECT pg_try_advisory_xact_lock_shared(%s, hashtext(%s))"
    return bool(connection.exec_driver_sql(statement, (IMPORT, source)).scalar_one())
