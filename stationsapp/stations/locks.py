"""The locks of everything that writes stations, in an order that avoids deadlocks.

An import takes the lock of its source, then the rows and codes that it writes. At the end of the
statement, it takes a shard of the data version, as every writer does. A request takes one row or
one code, and then the shard. Only a request that changes a code holds a row while it waits for a
code. So it is refused during an import of its source.

The map's cells have a lock too: whoever adds changes to them only tries to get it, and does nothing
if somebody else has it. Only a recount waits for it, and holds nothing before.
"""

from sqlalchemy import Connection

# The first keys of the advisory locks.
IMPORT = 7_220_001  # the second is the source's hash
UPLOAD = 7_220_003  # the second is the upload's id
CELLS = 7_220_002  # the only key, as in the migration that makes the cells


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


def wait_for_cells(connection: Connection) -> None:
    """Wait for whoever writes cells, and keep others out until the transaction ends."""
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (CELLS,))


def hold_upload(connection: Connection, upload_id: int) -> bool:
    """Mark this upload as in use until the end of the transaction.

    Return False if it is already in use.
    """
    statement = "SELECT pg_try_advisory_xact_lock(%s, %s)"
    return bool(connection.exec_driver_sql(statement, (UPLOAD, upload_id)).scalar_one())


def is_held(connection: Connection, upload_id: int) -> bool:
    """Tell whether this upload is in use."""
    statement = """
        SELECT EXISTS (
            SELECT FROM pg_locks JOIN pg_database ON pg_locks.database = pg_database.oid
            WHERE datname = current_database() AND locktype = 'advisory' AND granted
                AND classid = %s AND objid::bigint = %s AND objsubid = 2
        )
    """
    return bool(connection.exec_driver_sql(statement, (UPLOAD, upload_id)).scalar_one())
