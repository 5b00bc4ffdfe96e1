"""PgBouncer between the application and its server: its own words, provoked for real."""

import select
import shutil
import subprocess
import time
from collections.abc import Iterator

import psycopg2
import pytest
from clusters import (
    SYSTEM_USER,
    Cluster,
    assert_explained,
    dead_port,
    engine_of,
    free_port,
    last_step,
    lifted_app,
)
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

PGBOUNCER = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")
pytestmark = pytest.mark.skipif(not PGBOUNCER, reason="needs PgBouncer")
SETTINGS = """\
[databases]
app = host=127.0.0.1 port={server} dbname=app
nowhere = host=127.0.0.1 port={server} dbname=nowhere
narrow = host=127.0.0.1 port={server} dbname=narrow
renamed = host=127.0.0.1 port={server} dbname=nowhere
dead = host=127.0.0.1 port={dead}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = transaction
max_client_conn = 4
query_wait_timeout = 1
server_login_retry = 0
idle_transaction_timeout = 0.2
"""


@pytest.fixture(scope="module")
def pooler(server: Cluster) -> Iterator[str]:
    """PgBouncer before the server, as the beginning of a URL."""
    folder, port = server.folder / "pooler", free_port()
    folder.mkdir()
    settings = SETTINGS.format(server=server.port, dead=dead_port(), port=port, folder=folder)
    (folder / "settings.ini").write_text(settings)
    (folder / "users").write_text('"trusted" ""\n')
    for path in (folder, *folder.iterdir()):
        if SYSTEM_USER:
            shutil.chown(path, SYSTEM_USER)
    process = subprocess.Popen(
        [PGBOUNCER, "-q", folder / "settings.ini"], user=SYSTEM_USER, stderr=subprocess.DEVNULL
    )
    for _ in range(2400):
        try:
            psycopg2.connect(host="127.0.0.1", port=port, user="trusted", dbname="app").close()
            break
        except psycopg2.OperationalError:
            time.sleep(0.05)
    yield f"postgresql+psycopg2://trusted@127.0.0.1:{port}/"
    process.terminate()
    process.wait()


@pytest.mark.parametrize("driver", ["psycopg2", "psycopg"])
@pytest.mark.parametrize(
    ("place", "entry"),
    [
        ("unknown", "pooler-database-missing"),
        ("dead", "pooler-without-server"),
        ("app?options=-c%20search_path%3Dx", "pooler-parameter"),
        ("renamed", "pooler-target-missing"),
        ("nowhere", "database-missing"),
        ("narrow", "too-many-connections-to-database"),
    ],
)
def test_the_poolers_own_words_are_known(pooler: str, driver: str, place: str, entry: str):
    app = lifted_app(pooler.replace("psycopg2", driver) + place)
    with engine_of(app) as engine, pytest.raises(SQLAlchemyError) as caught:
        engine.connect()
    assert_explained(caught.value, entry)
    assert "is reached" in caught.value.diagnosis.ruled_out


def test_a_role_that_the_pooler_does_not_know(pooler: str):
    step = last_step(lifted_app(pooler.replace("trusted", "stranger") + "app"))
    assert step.diagnosis.entry.id == "pooler-password"


def test_a_full_pooler(pooler: str):
    url = pooler.replace("+psycopg2", "")
    taken = [psycopg2.connect(url + "app") for _ in range(4)]
    step = last_step(lifted_app(pooler + "app"))
    for connection in taken:
        connection.close()
    assert step.diagnosis.entry.id == "pooler-full"


def test_a_pooler_that_ends_an_idle_transaction(pooler: str):
    app = lifted_app(pooler.replace("psycopg2", "psycopg") + "app")
    with engine_of(app) as engine, engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        wire = connection.connection.dbapi_connection.fileno()
        _until_readable(wire)
        with pytest.raises(SQLAlchemyError) as caught:
            connection.execute(text("SELECT 1"))
    assert_explained(caught.value, "pooler-closed")


def _until_readable(wire: int) -> None:
    assert select.select([wire], [], [], 60)[0]
