from contextlib import closing

import pytest
from postgres import is_ours, refuse_foreign_database, server_connection


def test_tests_know_the_databases_that_they_made(database_url: str):
    name = database_url.partition("///")[2].partition("?")[0]
    with closing(server_connection(name)) as connection:
        refuse_foreign_database(connection)
        assert is_ours(connection, name)
        assert is_ours(connection, "nowhere") is None


def test_tests_refuse_a_database_that_they_did_not_make(connected: None):
    with (
        closing(server_connection("postgres")) as connection,
        pytest.raises(pytest.exit.Exception, match="postgres was not made by these tests"),
    ):
        refuse_foreign_database(connection)
