"""Whatever the server does, a request ends; and all goes on when the server does."""

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from time import monotonic

import psycopg2
import pytest
from clusters import dead_port
from flask import Flask
from flask.testing import FlaskClient
from postgres import app_on, config_for
from psycopg2.extensions import parse_dsn
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError

from stationsapp import create_app, health, limits
from stationsapp.database import read
from stationsapp.extensions import db
from stationsapp.hosts import Hosts
from stationsapp.limits import LINE, POOL, RECYCLE
from stationsapp.replica import reading

FOREVER = 60  # seconds, on any machine; what is to fail has half a second


class Line:
    """A way to the server that can be frozen: it takes what is sent, and passes nothing on."""

    def __init__(self, server: dict[str, str]) -> None:
        self.server = server
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thaw = threading.Event()
        self.thaw.set()
        self.pairs: list[tuple[socket.socket, socket.socket]] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(f"{self.server['host']}/.s.PGSQL.{self.server['port']}")
                self.pairs.append((client, server))
                threading.Thread(target=self._pass, args=(client, server), daemon=True).start()

    def _pass(self, client: socket.socket, server: socket.socket) -> None:
        with selectors.DefaultSelector() as selector, suppress(OSError):
            selector.register(client, selectors.EVENT_READ, server)
            selector.register(server, selectors.EVENT_READ, client)
            while True:
                for key, _ in selector.select():
                    data = key.fileobj.recv(65536)
                    self.thaw.wait(FOREVER)
                    if not data:
                        key.data.shutdown(socket.SHUT_RDWR)
                        return
                    key.data.sendall(data)

    def close(self) -> None:
        self.thaw.set()
        self.listener.close()
        for pair in self.pairs:
            for end in pair:
                end.close()


@pytest.fixture
def line(database_url: str) -> Iterator[Line]:
    server = parse_dsn(database_url)
    if not server["host"].startswith("/"):
        pytest.skip("the server isn't reached by a socket")
    line = Line(server)
    yield line
    line.close()


@pytest.fixture
def client(line: Line, app: Flask) -> Iterator[FlaskClient]:
    """A client of an application that reaches its database by the line."""
    url = f"postgresql://{line.server['user']}@127.0.0.1:{line.port}/{line.server['dbname']}"
    with app_on(url) as through:
        yield through.test_client()


# The connection is cut, or we wait no longer: whichever comes first.
REASONS = ("connection-lost", "database-unreachable")


@pytest.mark.parametrize("warm", [True, False], ids=["connected", "connecting"])
def test_a_frozen_server_ends_each_request_with_503(
    client: FlaskClient, line: Line, warm: bool, monkeypatch: pytest.MonkeyPatch
):
    if warm:
        assert client.get("/api/stations").status_code == 200
    line.thaw.clear()
    monkeypatch.setitem(client.application.config, "DATABASE_TIMEOUT", 0.5)
    began = monotonic()
    response = client.get("/api/stations")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    ready = client.get("/health/ready")
    assert ready.status_code == 503
    assert ready.get_json()["reason"] in REASONS
    assert client.get("/health/live").status_code == 200
    assert monotonic() - began < FOREVER
    line.thaw.set()
    monkeypatch.undo()
    monkeypatch.setattr(health, "ASK", FOREVER)
    assert client.get("/api/stations").status_code == 200
    assert client.get("/health/ready").status_code == 200


def test_a_locked_table_ends_each_request_with_503(
    client: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(health, "ASK", FOREVER)
    monkeypatch.setitem(client.application.config, "DATABASE_TIMEOUT", 0.5)
    with db.engine.begin() as connection:
        connection.execute(text("LOCK stations"))
        assert client.get("/api/stations").status_code == 503
        assert client.get("/health/ready").status_code == 200
    assert client.get("/api/stations").status_code == 200


def test_a_query_that_took_too_long_is_not_run_twice(app: Flask, database_url: str):
    slow = create_app(config_for(f"{database_url}&options=-c%20statement_timeout%3D200ms"))
    with db.engine.begin() as connection:
        connection.execute(text("CREATE SEQUENCE times"))
    with slow.app_context():
        with pytest.raises(DBAPIError, match="statement timeout"):
            read("SELECT nextval('times'), pg_sleep(60)")
        db.engines["read"].dispose()
    with db.engine.begin() as connection:
        assert connection.scalar(text("SELECT last_value FROM times")) == 1
        connection.execute(text("DROP SEQUENCE times"))


def test_a_connection_that_is_lost_after_the_answer_fails_no_request(app: Flask):
    with app.app_context():  # which ends as a request does
        db.session.execute(text("SELECT"))
        db.session.connection().info[LINE].cut()
    with app.app_context():
        assert db.session.scalar(text("SELECT 1")) == 1


def test_both_engines_bound_the_wait_for_a_connection_and_its_life(app: Flask):
    pools = [engine.pool for engine in db.engines.values()]
    assert [(pool.timeout(), pool._recycle) for pool in pools] == [(POOL, RECYCLE)] * 2


def test_one_error_does_not_end_preparing(app: Flask):
    prepared = "SELECT count(*) AS count FROM pg_prepared_statements WHERE name ~ 'read_'"
    db.engines["read"].dispose()
    for number, times in [(1, 1), (2**70, 1), (2, 1)]:
        with suppress(DBAPIError):
            read("SELECT %(number)s::int AS number", {"number": number}, prepare=True)
        assert read(prepared) == [{"count": times}]


OTHERS = """FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'stationsapp'
    AND pid <> pg_backend_pid()"""


def test_after_a_restart_no_request_meets_an_old_connection(app: Flask, client: FlaskClient):
    with db.engine.connect() as connection:
        connection.execute(text(f"SELECT pg_terminate_backend(pid) {OTHERS}"))
    for _ in range(4):
        assert client.get("/api/stations").status_code == 200


def test_a_server_that_has_become_read_only_is_parted_with(app: Flask):
    with db.engine.connect() as connection:
        process = connection.scalar(text("SELECT pg_backend_pid()"))
        connection.execute(text("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"))
        connection.commit()
        with pytest.raises(DBAPIError):
            connection.execute(text("CREATE TABLE nothing ()"))
    with db.engine.begin() as connection:
        connection.execute(text("DELETE FROM stations"))
        assert connection.scalar(text("SELECT pg_backend_pid()")) != process


def test_a_server_that_says_that_it_is_read_only_is_parted_with_before_a_write(
    app: Flask, database_url: str
):
    other = create_app(config_for(f"{database_url}&target_session_attrs=read-write"))
    with other.app_context():
        for engine in db.engines.values():
            with engine.connect() as connection:
                connection.execute(text("SET default_transaction_read_only = on"))
                connection.commit()
            with engine.connect() as connection:
                on = connection.scalar(text("SHOW transaction_read_only"))
            engine.dispose()
            assert on == "off"


def test_of_several_hosts_the_one_that_answered_is_tried_first_and_who_hangs_last(
    app: Flask, database_url: str
):
    known, hosts = parse_dsn(database_url), Hosts()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = str(silent.getsockname()[1])
        places = {"host": f"127.0.0.1,{known['host']}", "port": f"{port},{known['port']}"}
        parameters = known | places | {"connect_timeout": "2"}
        with pytest.raises(psycopg2.OperationalError):
            hosts.connect(parameters | {"target_session_attrs": "standby"})
        assert hosts.places == {("127.0.0.1", port): 1}
        hosts.connect(parameters).close()
    assert list(hosts.places.values()) == [1, -2]


def test_reads_go_on_where_writes_go_when_the_replica_does_not_answer(
    app: Flask, database_url: str
):
    gone = f"postgresql://127.0.0.1:{dead_port()}/gone"
    with app_on(database_url, DATABASE_READ_URL=gone) as other:
        assert other.test_client().get("/api/stations").status_code == 200


def test_while_one_request_tries_the_replica_again_the_others_go_to_the_primary(
    app: Flask, database_url: str
):
    pools = []

    def meanwhile(*_: object) -> None:
        with reading() as connection:
            pools.append(connection.engine.pool)

    with app_on(database_url, DATABASE_READ_URL=database_url) as other, other.app_context():
        other.extensions["replica"].away_until = 1.0  # it was away, and its pause is over
        event.listen(db.engines["read"], "checkout", meanwhile)
        with reading() as connection:
            pools.append(connection.engine.pool)
        assert pools == [db.engine.pool, db.engines["read"].pool]


def test_a_connection_that_is_new_is_taken_for_alive(app: Flask, monkeypatch: pytest.MonkeyPatch):
    with db.engine.connect():
        pass

    def fail(_: object) -> None:
        raise psycopg2.OperationalError

    monkeypatch.setattr(db.engine.dialect, "do_ping", fail)
    with db.engine.connect() as connection:
        assert connection.scalar(text("SELECT 1")) == 1


def test_a_command_has_more_time_than_a_request(app: Flask, database_url: str):
    """Even where the role has little of it, as for a pooler's sake."""
    url = f"{database_url}&options=-c%20lock_timeout%3D3s"
    shown = "SELECT current_setting('statement_timeout') AS statement, current_setting(%s) AS lock"
    with (
        app_on(url, DATABASE_COMMAND_TIMEOUT=7200.0) as other,
        other.app_context(),
        db.engine.connect() as connection,
    ):
        found = connection.exec_driver_sql(shown, ("lock_timeout",)).one()
    assert found == ("2h", "3s")


@pytest.mark.parametrize(("interval", "kept"), [("1s", "1s"), ("-1s", "0")], ids=["yes", "no"])
def test_a_command_runs_where_the_server_cannot_tell_that_a_client_is_gone(
    app: Flask, monkeypatch: pytest.MonkeyPatch, interval: str, kept: str
):
    monkeypatch.setattr(limits, "CHECK_CLIENT", limits.CHECK_CLIENT.replace("1s", interval))
    with db.engine.connect() as connection:
        limits.limit_command(connection)
        assert connection.scalar(text("SHOW client_connection_check_interval")) == kept
        assert connection.scalar(text("SHOW statement_timeout")) == "1h"
