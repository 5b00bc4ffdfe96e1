"""Behind PgBouncer, which gives each transaction any of its connections: nothing is left on one."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from io import BytesIO
from pathlib import Path
from subprocess import PIPE, STDOUT, Popen
from time import monotonic, sleep

import psycopg2
import pytest
from clusters import free_port
from flask import Flask
from flask_migrate import downgrade
from postgres import app_on
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from psycopg2.extensions import parse_dsn

from stationsapp import limits
from stationsapp.database import read
from stationsapp.stations.exporter import export
from stationsapp.stations.feeds.formats import FORMATS
from stationsapp.stations.importer import import_records

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
pytestmark = pytest.mark.skipif(not PROGRAM, reason="needs PgBouncer")
CONNECTIONS = 2  # to the server
FOREVER = 60  # seconds, on any machine; the server waits less than one
SETTINGS = """\
[databases]
* = host={host} port={server} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {connections}
"""


@contextmanager
def pooler(own_url: str, connections: int) -> Iterator[str]:
    """Run PgBouncer in front of a database; give the URL behind it."""
    server = parse_dsn(own_url)
    folder, port = Path(tempfile.mkdtemp()), free_port()
    folder.chmod(0o755)  # as root, PgBouncer runs as another user
    place = {"host": server["host"], "server": server["port"], "user": server["user"]}
    settings = SETTINGS.format(**place, port=port, connections=connections)
    (folder / "pgbouncer.ini").write_text(settings)
    user = {"user": "pgserver", "group": "pgserver"} if os.geteuid() == 0 else {}
    process = Popen([PROGRAM, folder / "pgbouncer.ini"], **user, stdout=PIPE, stderr=STDOUT)
    try:
        for line in process.stdout:
            if b"process up" in line:
                break
        yield f"postgresql://127.0.0.1:{port}/{server['dbname']}"
    finally:
        process.kill()
        process.communicate()
        shutil.rmtree(folder)


@pytest.fixture
def pooled_url(own_url: str) -> Iterator[str]:
    """The URL of the test's own database behind PgBouncer."""
    with pooler(own_url, CONNECTIONS) as url:
        yield url


@pytest.fixture
def app(pooled_url: str) -> Iterator[Flask]:
    with app_on(pooled_url) as app:
        yield app


# What a session has of its own, but for what PgBouncer sets for each client.
LEFT = """
SELECT name || ' = ' || setting FROM pg_settings WHERE source = 'session' AND name NOT IN
    ('application_name', 'client_encoding', 'DateStyle', 'TimeZone', 'standard_conforming_strings')
UNION ALL SELECT statement FROM pg_prepared_statements
UNION ALL SELECT 'a lock, ' || objid FROM pg_locks
    WHERE locktype = 'advisory' AND pid = pg_backend_pid()
UNION ALL SELECT relname FROM pg_class WHERE relpersistence = 't' AND pg_table_is_visible(oid)
"""


def left(url: str) -> list[str]:
    """Return what is left on the server's connections, which we have all at once."""
    found, processes = [], set()
    with ExitStack() as held:
        for _ in range(CONNECTIONS):
            cursor = held.enter_context(closing(psycopg2.connect(url))).cursor()
            cursor.execute("SELECT pg_backend_pid()")
            processes.add(cursor.fetchone())
            cursor.execute(LEFT)
            found += [what for (what,) in cursor]
    assert len(processes) == CONNECTIONS
    return found


def test_nothing_is_left_to_the_next_client(app: Flask, pooled_url: str):
    runner = app.test_cli_runner()
    with app.app_context():
        downgrade(revision="0004")
    for _ in range(3):  # a lock that was left would be in the way of the next
        prepared = runner.invoke(args=["db", "prepare"])
        assert prepared.exit_code == 0
        assert left(pooled_url) == []
    token = runner.invoke(args=["tokens", "create", "t"]).stdout.strip()
    headers = {"Authorization": f"Bearer {token}"}
    body = {"code": "1", "name": "n", "lat": 1, "lng": 2}
    client = app.test_client()
    assert client.post("/api/stations", json=body, headers=headers).status_code == 201
    for address in ("/api/stations", "/api/stations/1", "/api/stations?all=true"):
        assert client.get(address).status_code == 200
    with app.app_context():
        assert import_records("s", []).refused
        assert export(BytesIO(), FORMATS["csv"]) == export(BytesIO(), FORMATS["geojson"]) == 1
        for number in range(3):
            [row] = read("SELECT %(number)s::int + 1 AS sum", {"number": number}, prepare=True)
            assert row == {"sum": number + 1}
    assert left(pooled_url) == []


def test_an_upgrade_without_a_second_connection_says_what_to_do(
    own_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limits, "MIGRATION_POOLER", 0.1)
    with pooler(own_url, 1) as url, app_on(url) as app:
        prepared = app.test_cli_runner().invoke(args=["db", "prepare"])
    assert prepared.exit_code == 1
    assert "set it to the server's own address" in prepared.output
    assert "Traceback" not in prepared.output
    assert "sqlalche.me" not in prepared.output


def test_a_request_that_waits_for_a_lock_ends_on_the_server_too(app: Flask, own_url: str):
    token = app.test_cli_runner().invoke(args=["tokens", "create", "t"]).stdout.strip()
    app.config["DATABASE_TIMEOUT"] = 1.0
    with closing(psycopg2.connect(own_url)) as other:
        other.cursor().execute("LOCK stations IN EXCLUSIVE MODE")
        response = app.test_client().delete(
            "/api/stations/1", headers={"Authorization": f"Bearer {token}"}
        )
        assert response.status_code == 503
        cursor = other.cursor()
        end = monotonic() + FOREVER
        while waits(cursor):
            assert monotonic() < end
            sleep(0.01)


def waits(cursor: Cursor) -> bool:
    cursor.execute(
        "SELECT FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    return bool(cursor.rowcount)
