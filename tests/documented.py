"""Runs what a document shows: its commands, which must print what it says, and its diffs."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

from clusters import BIN, Cluster, dead_port, free_port
from installed import clone, install
from postgres import SETTINGS
from psycopg2.extensions import connection as Connection  # noqa: N812

from stationsapp import embedded

BLOCK = re.compile(r"^```(console|diff)\n(.*?)^```$|^(## )", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (.*(?:\n> .*)*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
SERVERS = re.compile(r"make (run|serve)|gunicorn|flask run")
END = "(the end)"
GIT = {
    f"GIT_{who}_{what}": "ada@localhost"
    for who in ("AUTHOR", "COMMITTER")
    for what in ("NAME", "EMAIL")
}
PATIENCE = 120  # seconds, on any machine


class Terminal:
    """A shell in a clone of this project. `ports` says which stand for those of a document."""

    def __init__(self, folder: Path) -> None:
        self.ports = {5000: free_port(), 8000: free_port(), 5433: dead_port()}
        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in SETTINGS and not name.startswith(("PYTEST", "PG", "MAKE", "MFLAGS"))
        }
        self.made = folder / "shops"
        self.log = folder / "server.log"
        (folder / ".curlrc").write_text("silent")  # as it is in a terminal
        self.kept: list[tuple[Path, Connection]] = []
        self.shell = subprocess.Popen(
            ["bash", "--norc"],
            cwd=clone(folder),
            env=kept | GIT | {"HOME": str(folder), "LC_ALL": "C.UTF-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # so that nothing can ask for a password
        )

    def run(self, command: str, stdin: str = "/dev/null") -> str:
        """Run a command, and return what it prints."""
        for shown, port in self.ports.items():
            command = command.replace(f":{shown}", f":{port}")
        self.shell.stdin.write(f"{{ {command}\n}} < {stdin}; echo; echo '{END}'\n")
        self.shell.stdin.flush()
        output = ""
        patience = Timer(PATIENCE, os.killpg, [self.shell.pid, signal.SIGKILL])
        patience.start()
        for line in iter(self.shell.stdout.readline, f"{END}\n"):
            assert line, f"$ {command}\n{output}"  # the shell was killed
            output += line
        patience.cancel()
        return self._as_shown(output.removesuffix("\n"))

    def serve(self, command: str, expected: re.Pattern[str]) -> str:
        """Start a server, and return what it prints until that is what is expected."""
        self.log.write_text("")
        port = self.ports[8000 if "gunicorn" in command else 5000]
        self.run(f"PORT={port} setsid {command} >> '{self.log}' 2>&1 & server=$!")
        last = time.monotonic() + PATIENCE
        while True:
            output = self._as_shown(self.log.read_text())
            if expected.match(output) or time.monotonic() > last:
                return output
            time.sleep(0.05)

    def stop_server(self) -> None:
        """Stop the server that was started, if one was, and wait for it."""
        self.run('[ -z "$server" ] || { kill -TERM -- -$server; wait $server; server=; }')

    def keep_server(self, data: Path) -> None:
        """Start an embedded server, and keep it running, so that each command needn't start it."""
        self.kept.append((data, embedded.connect(data, "postgres")))

    def close(self) -> None:
        self.stop_server()
        for data, connection in self.kept:
            connection.close()
            with embedded.lock(data, "keeper").acquire(timeout=PATIENCE):
                pass  # the server has stopped
        self.shell.stdin.close()
        self.shell.wait()
        self.shell.stdout.close()

    def _as_shown(self, output: str) -> str:
        for shown, port in self.ports.items():
            output = re.sub(rf"\b{port}\b", str(shown), output)
        return re.sub(r"[ \t]+$", "", output, flags=re.MULTILINE)


@contextmanager
def own_server(terminal: Terminal) -> Iterator[None]:
    """Let the terminal reach a PostgreSQL that asks for passwords, as Debian's does."""
    cluster = Cluster()
    cluster.make()
    cluster.configure("", "host all all 127.0.0.1/32 scram-sha-256\n")
    cluster.start()
    terminal.ports[5432] = cluster.port
    psql = f"{BIN}/psql -h {cluster.folder} -p {cluster.port} -U postgres"
    terminal.run(f'sudo() {{ shift 3; {psql} "$@"; }}')  # sudo -u postgres psql ...
    try:
        yield
    finally:
        cluster.remove()


def expected(lines: str) -> re.Pattern[str]:
    """Return a pattern for what a command prints. `...` stands for anything, or for any lines."""
    parts = [
        r"(?:.*\n)*?" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") + r"\n"
        for line in lines.splitlines()
    ]
    return re.compile("".join(parts))


def follow(document: Path, terminal: Terminal, until: str = END) -> None:
    """Do what a document says, until a heading. Servers are stopped at the end of their section."""
    text, _, _ = document.read_text().partition(f"\n## {until}")
    for block in BLOCK.finditer(text):
        kind, content, heading = block.groups()
        line = text.count("\n", 0, block.start()) + 1
        if heading:
            terminal.stop_server()
        elif kind == "diff":
            patch = terminal.log.with_name("patch")
            patch.write_text(content)
            assert terminal.run("git apply", str(patch)) == "", f"{document.name}:{line}"
        else:
            for command, output in COMMAND.findall(content):
                _check(terminal, command.replace("\n> ", "\n"), output, f"{document.name}:{line}")


def _check(terminal: Terminal, command: str, output: str, place: str) -> None:
    pattern = expected(output)
    if SERVERS.match(command):
        printed = terminal.serve(command, pattern)
        assert pattern.match(printed), f"{place}: $ {command}\n{printed}"
    else:
        printed = terminal.run(command)
        assert pattern.fullmatch(printed), f"{place}: $ {command}\n{printed}"
    if command.startswith("make new"):
        install(terminal.made)
        terminal.keep_server(terminal.made / "instance/postgres")
    elif command == "make clean":
        install(terminal.made)
