"""Each error of a server that is reached and can't serve, provoked for real."""

import gc
import os
import select
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import psycopg2
import pytest
from clusters import Cluster, assert_explained, engine_of, last_step, lifted_app, run_fix
from flask_doctor.catalogue import ENTRIES
from flask_doctor.diagnosis import Diagnosis, server_facts
from flask_doctor.examine import examine
from flask_doctor.recognise import diagnose
from sqlalchemy import event, text
from sqlalchemy.exc import SQLAlchemyError, TimeoutError

RELOAD = "SELECT pg_reload_conf()"


@pytest.fixture
def second_server(server: Cluster) -> Iterator[Cluster]:
    """A cluster for what would disturb the other tests; not started yet."""
    cluster = Cluster()
    cluster.make()
    yield cluster
    cluster.remove()


def error_of(url: str, *statements: str, **options: object) -> SQLAlchemyError:
    """Run statements on one connection and return the error of the last."""
    app = lifted_app(url, SQLALCHEMY_ENGINE_OPTIONS=options)
    *before, last = statements
    with engine_of(app) as engine, engine.connect() as connection:
        for statement in before:
            try:
                connection.execute(text(statement))
            except SQLAlchemyError:
                continue
        with pytest.raises(SQLAlchemyError) as caught:
            connection.execute(text(last))
    return caught.value


@pytest.mark.parametrize(
    ("role", "statements", "entry"),
    [
        ("postgres", ["COPY (SELECT 1) TO '/dev/full'"], "disk-full"),
        ("trusted", ["SELECT 1/0", "SELECT 1"], "transaction-aborted"),
        (
            "trusted",
            ["SET TRANSACTION READ ONLY", "CREATE TABLE x (y int)"],
            "read-only-transaction",
        ),
    ],
)
def test_an_error_of_a_statement_is_explained(server: Cluster, role, statements, entry):
    assert_explained(error_of(server.url(role, "app"), *statements), entry)


def test_the_commands_for_a_missing_privilege_grant_it(server: Cluster):
    server.execute("CREATE DATABASE locked")
    url = server.url("trusted", "locked")
    error = error_of(url, "CREATE TABLE x (y int)")
    assert_explained(error, "schema-privilege")
    run_fix(error.diagnosis, server.folder)
    with engine_of(lifted_app(url)) as engine, engine.begin() as connection:
        connection.execute(text("CREATE TABLE x (y int)"))
    server.execute("DROP DATABASE locked")


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"
)
@pytest.mark.parametrize("driver", ["psycopg2", "psycopg"])
def test_a_database_without_an_encoding(server: Cluster, driver: str):
    url = server.url("trusted", "ascii").replace("psycopg2", driver)
    app = lifted_app(url)
    with engine_of(app) as engine:
        with pytest.raises((UnicodeError, TypeError)) as caught, engine.connect() as connection:
            connection.execute(text("SELECT 'ü'"))
        known = diagnose(caught.value, engine, state=app.extensions["doctor"])
    known = getattr(caught.value, "diagnosis", known)
    assert (known.entry.id, known.facts["encoding"]) == ("database-encoding", "SQL_ASCII")
    told = lifted_app(f"{url}?client_encoding=utf8")
    with engine_of(told) as engine, engine.connect() as connection:
        assert connection.scalar(text("SELECT 'ü'")) == "ü"
    del caught, known
    gc.collect()  # SQLAlchemy leaves the connection open that it couldn't make ready


@pytest.mark.parametrize("driver", ["psycopg2", "psycopg"])
def test_a_session_that_was_idle_for_too_long(server: Cluster, driver: str):
    server.execute("ALTER ROLE humble SET idle_session_timeout = '100ms'")
    with (
        engine_of(lifted_app(server.url("humble", "app").replace("psycopg2", driver))) as engine,
        engine.connect() as connection,
    ):
        connection.rollback()
        select.select([connection.connection.dbapi_connection.fileno()], [], [], 60)
        with pytest.raises(SQLAlchemyError) as caught:
            connection.execute(text("SELECT 1"))
    told = caught.value.diagnosis
    assert told.entry.id == ("idle-session" if driver == "psycopg" else "connection-lost")
    assert driver == "psycopg" or "`idle_session_timeout` is 100ms" in told.why
    server.execute("ALTER ROLE humble RESET idle_session_timeout")


@pytest.mark.parametrize(
    ("statements", "entry"),
    [
        (
            ["SET temp_file_limit = 0", "SELECT * FROM generate_series(1, 300000) n ORDER BY -n"],
            "temp-file-limit",
        ),
        (
            ["DO 'BEGIN FOR i IN 1..90000 LOOP PERFORM pg_advisory_xact_lock(i); END LOOP; END'"],
            "out-of-memory",
        ),
    ],
)
def test_a_statement_that_needs_more_than_there_is(server: Cluster, statements, entry):
    assert_explained(error_of(server.url("postgres", "app"), *statements), entry)


def test_lock_timeout(server: Cluster):
    server.execute("CREATE TABLE IF NOT EXISTS locked (y int)", database="app")
    holder = psycopg2.connect(host="127.0.0.1", port=server.port, user="postgres", dbname="app")
    holder.cursor().execute("LOCK TABLE locked")
    error = error_of(
        server.url("postgres", "app"), "SET LOCAL lock_timeout = '50ms'", "TABLE locked"
    )
    holder.close()
    assert_explained(error, "lock-timeout")


def test_server_shutting_down(server: Cluster):
    """psycopg2 keeps only the last of the messages (a lost connection); psycopg the first."""
    app = lifted_app(server.url("trusted", "app").replace("psycopg2", "psycopg"))
    with engine_of(app) as engine, engine.connect() as connection:
        number = connection.connection.dbapi_connection.info.backend_pid
        server.execute(f"SELECT pg_terminate_backend({number}, 1000)")
        with pytest.raises(SQLAlchemyError) as caught:
            connection.execute(text("SELECT 1"))
    assert_explained(caught.value, "server-shutting-down")


def test_connection_cut_without_a_word(server: Cluster):
    app = lifted_app(server.url("trusted", "app"))
    with engine_of(app) as engine, engine.connect() as connection:
        number = connection.connection.dbapi_connection.fileno()
        with socket.socket(fileno=os.dup(number)) as wire:
            wire.shutdown(socket.SHUT_RDWR)
        with pytest.raises(SQLAlchemyError) as caught:
            connection.execute(text("SELECT 1"))
    assert_explained(caught.value, "connection-lost")


def test_too_many_connections(server: Cluster):
    with ExitStack() as stack:
        arguments = {"host": "127.0.0.1", "port": server.port, "user": "trusted", "dbname": "app"}
        with suppress(psycopg2.OperationalError):
            for _ in range(60):
                stack.callback(psycopg2.connect(**arguments).close)
        app = lifted_app(server.url("trusted", "app"))
        with engine_of(app) as engine, pytest.raises(SQLAlchemyError) as caught:
            engine.connect()
        assert_explained(caught.value, "too-many-connections")
        assert last_step(app).diagnosis.entry.id == "too-many-connections"


def test_a_pool_larger_than_the_server_is_mentioned(server: Cluster):
    server.execute("CREATE DATABASE empty_one OWNER trusted")
    url = server.url("trusted", "empty_one")
    app = lifted_app(url, SQLALCHEMY_ENGINE_OPTIONS={"pool_size": 50})
    del app.extensions["migrate"]
    step = last_step(app)
    assert (step.ok, step.stage) == (True, "connections")
    assert "may open up to 60, and 40 are allowed" in step.detail
    server.execute("DROP DATABASE empty_one")


def test_pool_exhausted(server: Cluster):
    options = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.1}
    app = lifted_app(
        server.url("trusted", "app"),
        SQLALCHEMY_ENGINE_OPTIONS=options,
        DEBUG=True,
        DOCTOR_AHEAD=False,
    )

    @app.get("/")
    def leak():
        engine = app.extensions["sqlalchemy"].engine
        with engine.connect(), engine.connect():
            return "never"

    answer = app.test_client().get("/")
    assert (answer.status_code, answer.get_json()["diagnosis"]["id"]) == (503, "pool-exhausted")
    with (
        engine_of(app) as engine,
        pytest.raises(TimeoutError, match="QueuePool limit of size 1"),
        engine.connect(),
    ):
        engine.connect()


def test_server_starting(second_server: Cluster):
    """A standby waits for its archive, and lets nobody in meanwhile."""
    second_server.configure("restore_command = 'sleep 60'")
    (second_server.data / "standby.signal").touch()
    shutil.chown(second_server.data / "standby.signal", second_server.data.owner())
    second_server.start(wait=False)
    app = lifted_app(second_server.url())
    for _ in range(600):
        with engine_of(app) as engine, pytest.raises(SQLAlchemyError) as caught:
            engine.connect()
        if "Connection refused" not in str(caught.value):
            break
        time.sleep(0.1)
    assert_explained(caught.value, "server-starting")
    assert last_step(app).diagnosis.entry.id == "server-starting"


def test_a_standby_is_a_read_only_server(second_server: Cluster):
    (second_server.data / "standby.signal").touch()
    shutil.chown(second_server.data / "standby.signal", second_server.data.owner())
    second_server.start()
    error = error_of(second_server.url(), "CREATE TABLE x (y int)")
    assert_explained(error, "read-only-standby")
    assert last_step(lifted_app(second_server.url())).diagnosis.entry.id == "read-only-standby"


@pytest.mark.parametrize(
    ("where", "entry"),
    [
        ("ROLE humble SET", "read-only-setting"),
        ("DATABASE app SET", "read-only-setting"),
        ("ROLE humble IN DATABASE app SET", "read-only-setting"),
        ("SYSTEM SET", "read-only-setting"),
        ("", "read-only-options"),
    ],
)
@pytest.mark.parametrize("driver", ["psycopg2", "psycopg"])
def test_who_turned_writing_off_is_told(server: Cluster, where: str, entry: str, driver: str):
    url = server.url("humble", "app").replace("psycopg2", driver)
    if where:
        server.execute(f"ALTER {where} default_transaction_read_only = on", RELOAD)
    else:
        url += "?options=-c%20default_transaction_read_only%3Don"
    assert_explained(error_of(url, "CREATE TABLE x (y int)"), entry)
    step = last_step(lifted_app(url))
    assert (step.stage, step.diagnosis.entry.id) == ("connection", entry)
    run_fix(step.diagnosis, server.folder)
    fixed = last_step(lifted_app(server.url("humble", "app")))
    assert fixed.stage != "connection", fixed


@pytest.mark.parametrize("driver", ["psycopg2", "psycopg"])
def test_a_frozen_server_takes_the_connection_and_says_nothing(server: Cluster, driver: str):
    number = int((server.data / "postmaster.pid").read_text().split()[0])
    url = server.url("trusted", "app").replace("psycopg2", driver) + "?connect_timeout=2"
    os.kill(number, signal.SIGSTOP)
    try:
        step = last_step(lifted_app(url))
    finally:
        os.kill(number, signal.SIGCONT)
    assert (step.stage, step.diagnosis.entry.id) == ("connection", "no-answer")


def test_an_examination_does_not_wait_for_ever_and_an_application_may(server: Cluster):
    app = lifted_app(server.url("trusted", "app"))
    used = []
    with engine_of(app) as engine:
        event.listen(engine, "do_connect", lambda *a: used.append(a[3].get("connect_timeout")))
        engine.connect().close()
        engine.dispose()
        list(examine(lambda: app))
    assert used[0] is None
    assert set(used[1:]) == {10}


@pytest.mark.parametrize(
    "entry",
    [
        *("peer-rejected", "ident-rejected", "no-hba-entry", "too-many-connections", "disk-full"),
        *("out-of-memory", "lock-timeout", "read-only-server", "read-only-standby", "no-answer"),
        *("too-many-connections-of-role", "too-many-connections-to-database", "idle-session"),
    ],
)
def test_the_administrators_commands_can_be_run_as_printed(server: Cluster, entry: str):
    facts = server_facts("127.0.0.1", str(server.port), "trusted", "app")
    run_fix(Diagnosis(ENTRIES[entry], facts | {"system_user": "somebody"}), server.folder)
    server.execute("DROP ROLE IF EXISTS somebody")


def test_where_an_own_connector_led_is_told_by_the_connection(server: Cluster):
    def connect():
        return psycopg2.connect(host="127.0.0.1", port=server.port, user="trusted", dbname="app")

    error = error_of("postgresql+psycopg2://", "TABLE nothing", creator=connect)
    assert error.diagnosis.facts["port"] == str(server.port)
    assert error.diagnosis.facts["database"] == "app"


def test_a_connection_that_died_in_the_pool_is_no_finding(server: Cluster):
    app = lifted_app(server.url("trusted", "app"))
    with app.app_context():
        engine = app.extensions["sqlalchemy"].engine
        with engine.connect() as connection:
            number = connection.connection.dbapi_connection.info.backend_pid
        server.execute(f"SELECT pg_terminate_backend({number}, 60000)")
        assert "connection" in {step.stage for step in examine(lambda: app) if step.ok}
        engine.dispose()
