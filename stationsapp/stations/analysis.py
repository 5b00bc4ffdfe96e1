"""PostgreSQL's statistics of the stations, made anew when many have changed."""

from contextlib import suppress

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from .. import limits

# Stations, and of the table: autovacuum makes them from there on too, but up to a minute later.
MANY, SHARE = 1_000, 0.1
# The sample: 300 times so many rows. Autovacuum takes 100, which is as much work as to load 15,000.
TARGET = {"default_statistics_target": 20}
KNOWN = "SELECT reltuples FROM pg_class WHERE oid = 'stations'::regclass"  # -1: none yet


def renew(connection: Connection, changed: int) -> None:
    """Analyse the stations if so many changed ones are many, in a transaction of its own.

    Prepared statements are planned again then. This waits for nobody: if the table is being
    vacuumed or analysed already, or can't be analysed by this role, the statistics stay.
    """
    with suppress(DBAPIError):  # what was changed is committed: nothing of it has failed
        limits.limit_command(connection)
        if changed > MANY + SHARE * connection.exec_driver_sql(KNOWN).scalar_one():
            connection.exec_driver_sql(limits.local(TARGET))
            connection.exec_driver_sql("ANALYZE (SKIP_LOCKED) stations")
        connection.commit()
