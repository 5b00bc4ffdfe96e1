"""Temporary PostgreSQL servers that can be copied, frozen, killed and promoted."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg2

from cluster.processes import free_ports
from stationsapp.keeper import prepare_for_system_user, run

ROLE = "postgres"
DATABASE = "stations"
# The data need not survive a power cut. A standby uses streaming replication.
OPTIONS = "-c listen_addresses=127.0.0.1 -c fsync=off -c wal_level=replica -c max_wal_senders=4"


class Server:
    """A server with its data in a folder of its own, on a port of its own."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.programs = programs
        self.folder = folder
        (self.port,) = free_ports(1)

    def make(self) -> None:
        """Create the server with an empty database `stations`, and start it."""
        self._make_folder()
        run(self.programs, "initdb", "-D", self.folder, "-U", ROLE, "-A", "trust", "--no-sync")
        self.start()
        self.execute(f"CREATE DATABASE {DATABASE}", database="postgres")

    def copy(self, stopped: "Server") -> None:
        """Copy the data of a stopped server."""
        subprocess.run(["cp", "-a", stopped.folder, self.folder], check=True)

    def follow(self, primary: "Server", options: str = "") -> None:
        """Create the server as a standby of a running primary, and start it."""
        self._make_folder()
        source = f"host=127.0.0.1 port={primary.port} user={ROLE} application_name=standby"
        arguments = ("-D", self.folder, "-R", "-X", "stream", "-c", "fast", "--no-sync")
        run(self.programs, "pg_basebackup", "-d", source, *arguments)
        self.start(options)

    def _make_folder(self) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        prepare_for_system_user(self.programs, self.folder)

    def start(self, options: str = "") -> None:
        """Start the server with these options of `postgres`."""
        options = f"-p {self.port} -k '' {OPTIONS} {options}"
        log = self.folder / "log"
        run(self.programs, "pg_ctl", "-D", self.folder, "-w", "-l", log, "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop the server: `immediate` like a crash, or `fast` with a clean shutdown."""
        run(self.programs, "pg_ctl", "-D", self.folder, "-w", "-m", mode, "stop")

    def promote(self) -> None:
        """Promote a standby."""
        run(self.programs, "pg_ctl", "-D", self.folder, "-w", "promote")

    def processes(self) -> list[psutil.Process]:
        """Return the running processes, beginning with the parent of the others."""
        try:
            number = int((self.folder / "postmaster.pid").read_text().split()[0])
            first = psutil.Process(number)
            return [first, *first.children()]
        except (FileNotFoundError, psutil.NoSuchProcess):
            return []

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Suspend all processes; the kernel still acknowledges packets."""
        stopped = self.processes()
        for process in stopped:
            process.suspend()
        try:
            yield
        finally:
            for process in stopped:
                process.resume()

    def kill(self) -> None:
        """Kill all processes, of which some end with the first."""
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def remove(self) -> None:
        """Kill the processes, and remove the data."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def execute(
        self, statement: str, parameters: Any = None, *, database: str = DATABASE
    ) -> list[tuple[Any, ...]]:
        """Run a statement in autocommit, and return its rows."""
        with closing(self.connect(database)) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def connect(self, database: str = DATABASE) -> Any:
        """Connect as the superuser."""
        return psycopg2.connect(host="127.0.0.1", port=self.port, user=ROLE, dbname=database)


def url(*ports: int) -> str:
    """Return the URL of the database, whose primary is on one of these ports."""
    hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
    attributes = "?target_session_attrs=read-write" if len(ports) > 1 else ""
    return f"postgresql://{ROLE}@{hosts}/{DATABASE}{attributes}"
