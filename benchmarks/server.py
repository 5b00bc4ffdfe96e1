"""The database for the measurements, and gunicorn as in production."""

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote, urlencode
from urllib.request import urlopen

import psycopg2
from psycopg2.extensions import parse_dsn

from stationsapp import embedded

ROOT = Path(__file__).parent.parent
DIRECTORY = ROOT / "instance" / "benchmarks"


@contextmanager
def no_database(server: str | None) -> Iterator[None]:
    """Set DATABASE_URL to a new database, and drop it afterwards.

    `server` is the URL of a database on the server to use, or None for an embedded one. A run holds
    a lock, so several runs can share a server, and each drops the databases of killed runs.
    """
    name = f"benchmark_{secrets.token_hex(4)}"
    connected = psycopg2.connect(server) if server else embedded.connect(DIRECTORY, "postgres")
    with closing(connected) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute("SELECT pg_advisory_lock(hashtext(%s))", [name])
        cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, 'benchmark_')")
        for (other,) in cursor.fetchall():
            cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [other])
            if cursor.fetchone() == (True,):
                cursor.execute(f"DROP DATABASE IF EXISTS {other} WITH (FORCE)")
        parameters = parse_dsn(server) if server else embedded.address(DIRECTORY)
        parameters.pop("dbname", None)
        address = urlencode(parameters, quote_via=quote)
        os.environ["DATABASE_URL"] = f"postgresql:///{name}?{address}"
        os.environ |= {"APP_CONFIG": "production", "SECRET_KEY": "for benchmarks only"}
        os.environ |= {"TRUSTED_HOSTS": "127.0.0.1,localhost", "LOG_LEVEL": "ERROR"}
        os.environ.pop("DATABASE_READ_URL", None)
        try:
            yield
        finally:
            cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@contextmanager
def gunicorn() -> Iterator[int]:
    """Serve the application and its ceilings with 2 workers, as in production; yield the port."""
    with socket.socket() as place:
        # A queue for each worker: or the first to wake takes all connections, and a core stands
        # idle. This socket listens to nobody; it keeps the port ours, which others could share.
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
        command = [
            *(sys.executable, "-m", "gunicorn", "benchmarks.ceilings:app", "--workers", "2"),
            *("--bind", f"127.0.0.1:{port}", "--reuse-port", "--log-level", "error"),
            *("--keep-alive", "60"),  # seconds, for slow clients' sake
        ]
        process = subprocess.Popen(command, cwd=ROOT)
        try:
            _wait(process, port)
            yield port
        finally:
            process.terminate()
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    while process.poll() is None:
        try:
            urlopen(f"http://127.0.0.1:{port}/health/ready").close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("gunicorn did not start")
