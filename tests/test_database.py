import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing

import psycopg2
import pytest
from clusters import BIN, dead_port
from flask import Flask
from flask_migrate import downgrade, upgrade
from postgres import ROOT, config_for, server_connection, url_of
from pytest_postgresql.executors import NoopExecutor
from sqlalchemy import text

from stationsapp import create_app
from stationsapp.database import CONNECTIONS, read
from stationsapp.extensions import db
from stationsapp.postgres import LIBPQ, create_database, engine_url


@pytest.mark.parametrize(
    ("value", "rendered"),
    [
        ("postgres://u:p@h/d", "postgresql+psycopg2://u:p@/d?host=h"),
        ("postgresql://u:p%40%2F@h:1/d", "postgresql+psycopg2://u:p%40%2F@/d?host=h&port=1"),
        ("postgresql+psycopg://h/d", "postgresql+psycopg2:///d?host=h"),
        ("postgresql://a:1,b:2/d", "postgresql+psycopg2:///d?host=a%2Cb&port=1%2C2"),
        ("postgresql:///d?host=/tmp", "postgresql+psycopg2:///d?host=%2Ftmp"),
        ("postgresql://h/d?sslmode=require", "postgresql+psycopg2:///d?host=h&sslmode=require"),
    ],
)
def test_any_libpq_url_becomes_one_for_psycopg2(value: str, rendered: str):
    url = engine_url("DATABASE_URL", value)
    url = url.difference_update_query([*LIBPQ])
    assert url.render_as_string(hide_password=False) == rendered


def test_of_several_hosts_the_one_that_answers_is_taken(database_url: str):
    port = "&port=1," + database_url.partition("port=")[2].partition("&")[0]
    url = database_url.replace("host=", "host=127.0.0.1,").replace("port=", "ignored=")
    url = url.partition("&ignored")[0] + port + "&user=" + database_url.partition("user=")[2]
    app = create_app(config_for(url))
    with app.app_context():
        assert db.session.scalar(text("SELECT 1")) == 1
        db.session.remove()
        db.engine.dispose()


def test_a_read_is_one_statement_that_begins_and_ends_no_transaction(app: Flask):
    statement = """
        SELECT pg_backend_pid(), pg_current_xact_id_if_assigned(), now(), statement_timestamp()
    """
    [row] = read(statement)
    assert row["pg_current_xact_id_if_assigned"] is None
    assert row["now"] == row["statement_timestamp"]  # no BEGIN came before it
    last = text("SELECT state, query FROM pg_stat_activity WHERE pid = :process")
    with db.engine.connect() as connection:  # and no ROLLBACK came after it
        assert connection.execute(last, {"process": row["pg_backend_pid"]}).one() == (
            "idle",
            statement,
        )


def test_a_query_is_prepared_once_and_answers_even_when_that_is_lost(app: Flask):
    def ask(number: int) -> int:
        return read("SELECT %(number)s::int + 1 AS sum", {"number": number}, prepare=True)[0]["sum"]

    db.engines["read"].dispose()  # what follows has one connection, and a new one
    assert [ask(1), ask(2)] == [2, 3]
    prepared = "SELECT generic_plans FROM pg_prepared_statements"
    assert read(prepared) == [{"generic_plans": 2}]
    read("DEALLOCATE ALL; SELECT 1")  # as if a pooler had given the next query another connection
    assert [ask(3), ask(4)] == [4, 5]
    assert read(prepared) == []


def test_a_read_outlives_the_loss_of_its_connection(app: Flask):
    process = read("SELECT pg_backend_pid()")[0]["pg_backend_pid"]
    with db.engine.connect() as connection:
        connection.execute(text(f"SELECT pg_terminate_backend({process}, 5000)"))
    assert read("SELECT 1 AS one") == [{"one": 1}]


def test_the_connections_of_a_busy_worker_stay_open(app: Flask):
    with ExitStack() as held:
        for _ in range(CONNECTIONS):
            held.enter_context(db.engines["read"].connect())
    assert db.engines["read"].pool.checkedin() == CONNECTIONS  # type: ignore[attr-defined]


def test_each_session_has_its_options_beside_those_of_the_url(database_url: str):
    app = create_app(config_for(f"{database_url}&options=-c%20work_mem%3D9MB"))
    names = ("jit", "plan_cache_mode", "work_mem")
    with app.app_context():
        for engine in db.engines.values():
            with engine.connect() as connection:
                values = [connection.scalar(text(f"SHOW {name}")) for name in names]
            assert values == ["off", "force_generic_plan", "9MB"]
            engine.dispose()


@pytest.fixture
def fresh_url(connected: None, template: NoopExecutor) -> Iterator[str]:
    """The URL of a database that isn't there yet, and is gone after the test."""
    name = f"{template.dbname}_fresh"
    yield url_of(template, name)
    with closing(server_connection()) as connection:
        connection.cursor().execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def test_a_missing_database_is_created_once(fresh_url: str):
    app = create_app(config_for(fresh_url))
    assert [create_database(app), create_database(app)] == [True, False]


def prepare(url: str, config: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "flask", "db", "prepare"],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": url, "APP_CONFIG": config, "SECRET_KEY": "x" * 16},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_prepare_may_be_run_by_several_processes_at_once_and_again(fresh_url: str):
    started = [prepare(fresh_url, "development") for _ in range(2)]
    outputs = [process.communicate() for process in started]
    assert [process.returncode for process in started] == [0, 0], outputs
    assert prepare(fresh_url, "development").communicate()[0] == "The database is up to date.\n"
    with closing(psycopg2.connect(fresh_url)) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT count(*) FROM stations")
        assert cursor.fetchone() == (271,)


def test_prepare_loads_no_sample_outside_development(fresh_url: str):
    output, _ = prepare(fresh_url, "production").communicate()
    assert output.splitlines()[1:] == ["The database is up to date."]


def test_prepare_says_in_one_line_that_the_server_does_not_answer():
    process = prepare(f"postgresql://127.0.0.1:{dead_port()}/d", "development")
    _, said = process.communicate()
    assert process.returncode == 1
    assert "Traceback" not in said
    assert "Connection refused" in said


def schema(url: str) -> str:
    """All that is in the database, functions, triggers and comments too, but for the data."""
    command = [BIN / "pg_dump", "--schema-only", "--exclude-table=alembic_version", url]
    dump = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return re.sub(r"^\\(un)?restrict .*$", "", dump, flags=re.MULTILINE)  # a number drawn for each


def test_each_migration_leaves_nothing_behind_when_it_is_undone(fresh_url: str):
    app = create_app(config_for(fresh_url))
    create_database(app)
    with app.app_context():
        schemas = [schema(fresh_url)]
        for _ in (ROOT / "migrations" / "versions").glob("*.py"):
            upgrade(revision="+1")
            schemas.append(schema(fresh_url))
        for before in schemas[-2::-1]:
            downgrade()
            assert schema(fresh_url) == before
        upgrade()
        assert schema(fresh_url) == schemas[-1]
        db.engine.dispose()


def test_the_models_and_the_migrations_agree(app: Flask):
    result = app.test_cli_runner().invoke(args=["db", "check"])
    assert result.exit_code == 0, result.output
