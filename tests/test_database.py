import subprocess
import sys
from contextlib import closing

import pytest
from flask import Flask
from flask_migrate import downgrade, upgrade
from postgres import config_for, server_connection, url_of
from pytest_postgresql.executors import NoopExecutor
from sqlalchemy import inspect, text

from config import TestingConfig
from stationsapp import create_app
from stationsapp.database import create_database, engine_url, read
from stationsapp.extensions import db


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
    url = url.difference_update_query(["connect_timeout", "application_name"])
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


def test_reads_take_one_statement_and_no_transaction(app: Flask):
    with db.engine.begin() as connection:
        connection.execute(text("SELECT 1"))
    first = read("SELECT pg_current_xact_id_if_assigned(), now()")
    second = read("SELECT pg_current_xact_id_if_assigned(), now()")
    assert first[0]["now"] != second[0]["now"]


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


@pytest.fixture
def fresh_url(connected: None, template: NoopExecutor):
    """The URL of a database that isn't there yet, and is gone after the test."""
    name = f"{template.dbname}_fresh"
    yield url_of(template, name)
    with closing(server_connection()) as connection:
        connection.autocommit = True
        connection.cursor().execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def test_a_missing_database_is_created_once(fresh_url: str):
    app = create_app(config_for(fresh_url))
    assert [create_database(app), create_database(app)] == [True, False]


def test_prepare_may_be_run_by_several_processes_at_once_and_again(fresh_url: str):
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "db", "prepare"]
    environment = {"DATABASE_URL": fresh_url, "APP_CONFIG": "development", "PATH": ""}
    started = [
        subprocess.Popen(command, env=environment, stdout=-1, stderr=-1, text=True)
        for _ in range(4)
    ]
    outputs = [process.communicate(timeout=60) for process in started]
    assert [process.returncode for process in started] == [0] * 4, outputs
    again = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (again.returncode, again.stdout) == (0, "The database is up to date.\n")
    app = create_app(config_for(fresh_url))
    with app.app_context():
        assert db.session.scalar(text("SELECT count(*) FROM stations")) > 150
        db.session.remove()
        db.engine.dispose()


def test_prepare_loads_no_sample_outside_development(fresh_url: str):
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "db", "prepare"]
    environment = {"DATABASE_URL": fresh_url, "APP_CONFIG": "production", "SECRET_KEY": "x"}
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.stdout.splitlines()[1:] == ["The database is up to date."]


def test_prepare_says_in_one_line_that_the_server_does_not_answer():
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "db", "prepare"]
    environment = {"DATABASE_URL": "postgresql://127.0.0.1:1/d"}
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "Connection refused" in result.stderr


def schema() -> list:
    inspector = inspect(db.engine)
    return [
        [
            table,
            inspector.get_columns(table),
            inspector.get_indexes(table),
            inspector.get_check_constraints(table),
            inspector.get_unique_constraints(table),
        ]
        for table in inspector.get_table_names()
    ]


def test_down_and_up_again_leaves_the_same_schema(fresh_url: str):
    app = create_app(config_for(fresh_url))
    create_database(app)
    with app.app_context():
        upgrade()
        before = str(schema())
        downgrade(revision="base")
        assert inspect(db.engine).get_table_names() == ["alembic_version"]
        upgrade()
        after = str(schema())
        db.engine.dispose()
    assert before == after


def test_the_models_and_the_migrations_agree(app: Flask):
    result = app.test_cli_runner().invoke(args=["db", "check"])
    assert result.exit_code == 0, result.output


@pytest.mark.skipif(bool(TestingConfig.DATABASE_URL), reason="DATABASE_URL chose another server")
def test_without_database_url_the_embedded_server_answers():
    app = create_app("testing")
    with app.app_context():
        assert db.session.scalar(text("SELECT current_database()")) == "stationsapp"
        db.session.remove()
        db.engine.dispose()
