"""The order in which those who write stations take their locks, so that no two wait in a circle.

An import takes its source's lock, then the rows and the codes that it writes, and at the end of
that statement, as every writer does, a shard of the data version. A request takes one row or one
code before the shard. Only a change of a code holds a row and waits for a code too: during an
import of its source it is refused.
"""

from sqlalchemy import Connection

IMPORT = 7_220_001  # the first of an advisory lock's two numbers; the second is the source's


def wait_for_imports(connection: Connection, source: str) -> None:
    """Have the imports of a source queue until the transaction's end; others run side by side."""
    statement = "SELECT pg_advisory_xact_lock(%s, hashtext(%s))"
    connection.exec_driver_sql(statement, (IMPORT, source))


def keep_imports_out(connection: Connection, source: str) -> bool:
    """Keep imports of a source from beginning until the transaction's end, unless one is there.

    Return whether there is none.
    """
    statement = "SELECT pg_try_advisory_xact_lock_shared(%s, hashtext(%s))"
    return bool(connection.exec_driver_sql(statement, (IMPORT, source)).scalar_one())
