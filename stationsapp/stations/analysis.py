"""PostgreSQL's statistics of the stations, updated when many have changed."""

from contextlib import suppress

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from .. import limits

# So many changes, plus this share of the table. Autovacuum analyses a table after about as many,
# but up to a minute later.
MANY, SHARE = 1_000, 0.1
# The sample has 300 times as many rows. The default is 100, which takes as long as to load 15,000
# stations.
TARGET = {"default_statistics_target": 20}
KNOWN = "SELECT reltuples FROM pg_class WHERE oid = 'stations'::regclass"  # -1: none yet


def renew(connection: Connection, changed: int) -> None:
    """Analyse the table, in a transaction of its own, if this number of changes is large.

    PostgreSQL then plans prepared statements again. This never waits: if the table is already being
    vacuumed or analysed, or this role isn't allowed to, the statistics stay as they are.
    """
    with suppress(DBAPIError):  # the changes are committed, so the import has succeeded
        limits.limit_command(connection)
        if changed > MANY + SHARE * connection.exec_driver_sql(KNOWN).scalar_one():
            connection.exec_driver_sql(limits.local(TARGET))
            connection.exec_driver_sql("ANALYZE (SKIP_LOCKED) stations")
        connection.commit()
