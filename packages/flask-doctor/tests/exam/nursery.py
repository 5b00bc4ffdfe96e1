"""Commands run fast: a process that has imported everything forks one for each command.

A fork is what a new `python` would be after its imports. It has no module of the doctor's command
line yet, as that binds itself to the command that loads it.
"""

import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path

# What takes long to import, and isn't what is examined.
IMPORTS = (
    *("flask", "flask.cli", "flask_migrate", "flask_migrate.cli", "flask_sqlalchemy", "psycopg2"),
    *("flask_sqlalchemy_lite", "flask_alembic", "alembic.command", "alembic.autogenerate"),
    *("alembic.config", "psycopg", "psycopg.types.json", "pg8000.core", "sqlalchemy.orm", "ssl"),
    *("sqlalchemy.dialects.postgresql", "sqlalchemy.dialects.postgresql.psycopg2", "dotenv"),
    *("sqlalchemy.dialects.postgresql.psycopg", "flask_doctor", "flask_doctor.recognise"),
    # Its entry point brings a driver, which an application of the exam may not have.
    "stationsapp.prepare",
    *("flask_doctor.examine", "flask_doctor.notes", "flask_doctor.page", "multiprocessing"),
)
# Called as the program `flask`, `alembic` or `python` by a shell, and passes it on.
CLIENT = """\
#!{python} -SE
import json, os, socket, sys
nursery = socket.socket(socket.AF_UNIX)
nursery.connect({address!r})
call = [os.path.basename(sys.argv[0]), *sys.argv[1:]], os.getcwd(), dict(os.environ)
socket.send_fds(nursery, [b"x"], [0, 1, 2])
nursery.sendall(json.dumps(call).encode())
nursery.shutdown(socket.SHUT_WR)
pid, status = nursery.makefile().read().split()
sys.exit(int(status))
"""


class Nursery:
    """The process to fork from, and a folder of programs that reach it, for a shell's PATH."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="exam"))
        self.bin = self.folder / "bin"
        self.bin.mkdir()
        self.address = str(self.folder / "socket")
        for name in ("flask", "alembic", "python", "python3"):
            program = self.bin / name
            program.write_text(CLIENT.format(python=sys.executable, address=self.address))
            program.chmod(0o755)
        # By a name that is nobody's file: the doctor tells the user's own code by that.
        code = (
            f"exec(compile(open({__file__!r}).read(), '<exam>', 'exec')); nurse({self.address!r})"
        )
        self.process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert self.process.stdout
        self.process.stdout.readline()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()
        shutil.rmtree(self.folder)


@dataclass
class Call:
    """One command: as the client sends it, or the exam itself."""

    arguments: list[str]
    folder: str
    environment: dict[str, str]


def nurse(address: str) -> None:
    """Fork a process for each call that comes in; until killed."""
    for name in IMPORTS:
        with suppress(ImportError):
            __import__(name)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(16)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    print("ready", flush=True)
    while True:
        caller, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            _answer(caller, str(Path(address).with_name("bin")))
        caller.close()


def _answer(caller: socket.socket, programs: str) -> None:
    """Run one call with the caller's files, and tell it the exit status."""
    os.setsid()
    _, descriptors, _, _ = socket.recv_fds(caller, 1, 3)
    caller.sendall(f"{os.getpid()} ".encode())
    received = b""
    while part := caller.recv(65536):
        received += part
    call = Call(*json.loads(received))
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(call.folder)
    os.environ.clear()
    os.environ.update(call.environment)
    path = os.environ.get("PATH", "").split(os.pathsep)
    os.environ["PATH"] = os.pathsep.join(folder for folder in path if folder != programs)
    _hide(Path(os.environ.get("EXAM_HIDDEN", "/nowhere")))
    status = _run(call.arguments)
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    with suppress(OSError):
        caller.sendall(str(status).encode())
    os._exit(0)


def _hide(folder: Path) -> None:
    """Forget the packages that this world doesn't have, and what importing the doctor's does."""
    sys.excepthook, threading.excepthook = sys.__excepthook__, threading.__excepthook__
    del sys.modules["flask_doctor"]
    hidden = {file.stem for file in folder.glob("*.py")}
    for name in [name for name in sys.modules if name.partition(".")[0] in hidden]:
        del sys.modules[name]

    class Finder(PathFinder):
        @classmethod
        def find_spec(cls, name, *arguments):
            return None if name in hidden else super().find_spec(name, *arguments)

    sys.meta_path[sys.meta_path.index(PathFinder)] = Finder


def _run(arguments: list[str]) -> int:
    status = 0
    try:
        _main(arguments)
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        status = end.code if isinstance(end.code, int) else 1 if end.code else 0
    except BaseException as error:
        trace = error.__traceback__
        while trace and trace.tb_frame.f_code.co_filename == "<exam>":
            trace = trace.tb_next
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        status = 1
    return status


def _main(arguments: list[str]) -> None:
    import runpy

    program, *rest = arguments
    sys.path[0] = os.path.dirname(sys.executable)
    for folder in reversed(os.environ.get("PYTHONPATH", "").split(os.pathsep)):
        if folder:
            sys.path.insert(1, os.path.abspath(folder))
    hiding = {file.stem for file in Path().glob("*.py")}
    if program == "flask":  # it loads these before it looks into its folder
        hiding -= {"dotenv", "flask_doctor", "flask_migrate"}
    for name in [name for name in sys.modules if name.partition(".")[0] in hiding]:
        del sys.modules[name]
    if program in ("flask", "alembic"):
        sys.argv = [os.path.join(os.path.dirname(sys.executable), program), *rest]
        if program == "flask":
            from flask.cli import main
        else:
            from alembic.config import main
        main()
    elif rest[0] == "-c":
        sys.path[0] = ""
        sys.argv = rest
        module = type(sys)("__main__")
        sys.modules["__main__"] = module
        exec(compile(rest[1], "<string>", "exec"), module.__dict__)
    elif rest[0] == "-m":
        sys.path[0] = os.getcwd()
        sys.argv = [*rest[1:]]
        runpy.run_module(rest[1], run_name="__main__", alter_sys=True)
    else:
        sys.path[0] = os.path.dirname(os.path.abspath(rest[0]))
        sys.argv = rest
        runpy.run_path(rest[0], run_name="__main__")
