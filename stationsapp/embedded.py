"""The embedded PostgreSQL for development and tests: a real server, installed as a wheel.

It starts with the first connection and stops soon after the last one is closed. A separate process,
the keeper, does both.
"""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import psycopg2

if TYPE_CHECKING:
    from filelock import BaseFileLock
    from psycopg2.extensions import connection as Connection  # noqa: N812

ROLE = "postgres"
# PostgreSQL doesn't run as root. root's server runs as this user, which is created if necessary.
SYSTEM_USER = "pgserver"
READY = "ready"
KEEPER = f"{__package__}.keeper"
REMEDIES = {
    "No space left on device": "free some disk space, and try again",
    "Read-only file system": "move the project to a folder that you can write to",
    "Permission denied": "run this as the folder's owner, or move the project to your own folder",
}


class EmbeddedServerError(psycopg2.OperationalError):
    """The embedded server can't be started; the message says why and what to do."""


def connect(directory: Path, database: str, options: str = "") -> "Connection":
    """Connect to the server with its data in `directory`; create and start it if necessary.

    `options` are libpq's: settings of the session.

    Raises EmbeddedServerError if it can't be started, psycopg2.OperationalError if it refuses.
    """
    if os.name == "nt":
        raise EmbeddedServerError("the embedded server doesn't run on Windows: set DATABASE_URL")
    _refuse_to_take(directory)
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        # Held until we are connected, so that the keeper doesn't stop the server before.
        with lock(directory, "start"):
            if not _is_running(directory):
                _start(directory)
            parameters = {"dbname": database, "options": options, **address(directory)}
            connection: Connection = psycopg2.connect(**parameters)
            return connection
    except OSError as error:
        if error.strerror not in REMEDIES:
            raise
        raise EmbeddedServerError(
            f"can't write {error.filename}: {error.strerror}: {REMEDIES[error.strerror]}"
        ) from error
    except ModuleNotFoundError as error:
        raise EmbeddedServerError(
            f"the embedded server needs {error.name}, which is not installed: "
            "set DATABASE_URL, or run pip install -e '.[dev]'"
        ) from error


def start_early() -> "list[Connection]":
    """Start the server in the background, if it is used, while the application loads.

    Return a list that gets the connection, which keeps the server running. An error isn't reported
    here, because the next attempt to connect reports it.
    """
    connections: list[Connection] = []

    def start() -> None:
        with suppress(Exception):
            from config import DevelopmentConfig

            directory = DevelopmentConfig.EMBEDDED_POSTGRES
            if directory and not (DevelopmentConfig.DATABASE_URL or os.environ.get("APP_CONFIG")):
                connections.append(connect(directory, "postgres"))

    # A daemon, so that neither Ctrl-C nor an error of the application waits for it.
    Thread(target=start, daemon=True).start()
    return connections


def address(directory: Path) -> dict[str, Any]:
    """Return the running server's host (or its socket's folder), port and role.

    Raises FileNotFoundError if it isn't running, or if its folder was renamed since. PostgreSQL's
    src/include/utils/pidfile.h documents the lines of postmaster.pid: the 2nd is the data folder,
    the 4th to 6th are the port, the socket folder and the host.
    """
    lines = (directory / "postmaster.pid").read_text().splitlines()
    if not directory.samefile(lines[1]):
        raise FileNotFoundError(f"{directory} was renamed")
    port, folder, host = (line.strip() for line in [*lines, "", "", "", "", "", ""][3:6])
    return {"host": folder or host, "port": port, "user": ROLE}


def _refuse_to_take(directory: Path) -> None:
    """Refuse to run as root in another user's folder, which would lock that user out."""
    if os.geteuid() != 0:
        return
    for place in (directory, directory.parent):
        if place.exists() and (owner := place.owner()) not in ("root", SYSTEM_USER):
            raise EmbeddedServerError(
                f"{place} belongs to user {owner}, but you are root: run this as {owner}, "
                "or set DATABASE_URL"
            )


def _is_running(directory: Path) -> bool:
    from filelock import Timeout

    with suppress(Timeout), lock(directory, "keeper").acquire(blocking=False):
        return False
    try:
        psycopg2.connect(dbname="postgres", **address(directory)).close()
    except (FileNotFoundError, psycopg2.OperationalError):
        return False
    return True


def _start(directory: Path) -> None:
    starter = subprocess.Popen(  # noqa: S603
        [sys.executable, "-W", "ignore", "-m", KEEPER, str(directory)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # so that Ctrl-C doesn't stop the server
    )
    assert starter.stdout is not None  # noqa: S101
    last = "the keeper was killed"
    with starter.stdout as lines:
        for line in lines:
            last = line.strip() or last
            if last == READY:
                break
    starter.wait()
    if last != READY:
        raise EmbeddedServerError(last)


def lock(directory: Path, name: str) -> "BaseFileLock":
    """Return the lock of this name for all processes that use the same data."""
    from filelock import FileLock

    return FileLock(directory.with_name(f"{directory.name}.{name}.lock"))
