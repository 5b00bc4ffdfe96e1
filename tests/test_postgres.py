from contextlib import closing
from uuid import uuid4

import pytest
from postgres import databases, drop_leftovers_and_lock, refuse_foreign_database, server_connection
from sqlalchemy import make_url


def test_a_run_drops_what_killed_ones_left_and_keeps_what_is_in_use(database_url: str):
    dead, alive = (f"stationsapp_tests_{uuid4().hex[:8]}" for _ in range(2))
    with closing(server_connection()) as connection, closing(server_connection()) as another:
        drop_leftovers_and_lock(another, alive)
        for run in (dead, alive):
            another.cursor().execute(f"CREATE DATABASE {run}gw0_tmpl IS_TEMPLATE true")
        another.cursor().execute(f"CREATE DATABASE {dead}gw0")
        cursor = connection.cursor()
        # As PostgreSQL marks one whose DROP DATABASE was interrupted.
        half_dropped = "UPDATE pg_database SET datconnlimit = -2 WHERE datname = %s"
        cursor.execute(half_dropped, [f"{dead}gw0"])
        cursor.execute("SELECT pg_advisory_lock(hashtext(%s))", [dead])  # another run may do it
        drop_leftovers_and_lock(connection)
        assert databases(cursor, dead) == []
        assert databases(cursor, alive) == [f"{alive}gw0_tmpl"]
        assert make_url(database_url).database in databases(cursor)
        another.close()
        cursor.execute("SELECT pg_advisory_lock(hashtext(%s))", [alive])  # until it is gone
        drop_leftovers_and_lock(connection)
        assert databases(cursor, alive) == []


def test_tests_refuse_a_database_that_they_did_not_make(database_url: str):
    refuse_foreign_database(make_url(database_url).database)
    with pytest.raises(AssertionError, match="postgres was not made by this run"):
        refuse_foreign_database("postgres")
