"""A database to measure on, and gunicorn as in production."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

from stationsapp import embedded

ROOT = Path(__file__).parent.parent
DIRECTORY = ROOT / "instance" / "benchmarks"
DATABASE = "benchmarks"
PORT = 8765


@contextmanager
def no_database() -> Iterator[None]:
    """Set DATABASE_URL to a database that isn't there, on an embedded server, and drop it after."""
    with closing(embedded.connect(DIRECTORY, "postgres")) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        drop = f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)"
        cursor.execute(drop)
        os.environ["DATABASE_URL"] = (
            f"postgresql:///{DATABASE}?{urlencode(embedded.address(DIRECTORY))}"
        )
        os.environ |= {"APP_CONFIG": "production", "SECRET_KEY": "for benchmarks only"}
        os.environ.pop("DATABASE_READ_URL", None)
        try:
            yield
        finally:
            cursor.execute(drop)


@contextmanager
def gunicorn() -> Iterator[None]:
    """Serve the application and its ceilings by 2 workers, with the project's own settings."""
    # A queue for each worker: or the first to wake takes all connections, and a core stands idle.
    command = [
        *(sys.executable, "-m", "gunicorn", "benchmarks.ceilings:app", "--workers", "2"),
        *("--bind", f"127.0.0.1:{PORT}", "--reuse-port", "--access-logfile", os.devnull),
        *("--log-level", "error"),
    ]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        _wait(process)
        yield
    finally:
        process.terminate()
        process.wait()


def _wait(process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            urlopen(f"http://127.0.0.1:{PORT}/health/ready").close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"gunicorn did not start: is port {PORT} taken?")
