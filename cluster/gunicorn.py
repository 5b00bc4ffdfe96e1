"""gunicorn as the systemd units start it: the socket stays open during a restart."""

import os
import re
import shlex
import socket
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import NamedTemporaryFile

from .processes import Process, start, stop

ROOT = Path(__file__).parents[1]
UNIT = ROOT / "deploy" / "stationsapp@.service"
DATAGRAMS = socket.AF_UNIX, socket.SOCK_DGRAM

# systemd passes sockets as file descriptors from 3 on, with the process id in LISTEN_PID.
PASS = """
import os, sys
number, *command = sys.argv[1:]
os.dup2(int(number), 3)
os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
os.execv(sys.executable, [sys.executable, "-m", "gunicorn", *command])
"""


class Service:
    """What systemd manages: a socket, and the two gunicorns that share it."""

    def __init__(self, settings: Mapping[str, str], folder: Path) -> None:
        self.folder = folder
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.port: int = self.socket.getsockname()[1]
        self.environment = os.environ | settings
        with ThreadPoolExecutor() as threads:
            self.processes = list(threads.map(self._start, [ROOT, ROOT]))

    def _start(self, release: Path) -> Process:
        """Start gunicorn in a release's folder, and wait until it is ready."""
        line = re.search("^ExecStart=(.*)$", UNIT.read_text(), re.MULTILINE)
        assert line
        _, *arguments = shlex.split(line[1])
        number = self.socket.fileno()
        with NamedTemporaryFile(dir=self.folder) as place, socket.socket(*DATAGRAMS) as notices:
            notices.bind(f"{place.name}.ready")
            notices.settimeout(60)
            process = start(
                [sys.executable, "-c", PASS, number, *arguments],
                self.folder / "gunicorn.log",
                cwd=release,
                env=self.environment | {"NOTIFY_SOCKET": f"{place.name}.ready"},
                pass_fds=[number, 3],
            )
            while b"READY=1" not in notices.recv(4096):
                pass
        return process

    def restart(self, release: Path = ROOT) -> None:
        """Restart one after the other, like `systemctl restart stationsapp@1` and then `@2`."""
        for place, process in enumerate(self.processes):
            stop(process)
            self.processes[place] = self._start(release)

    def close(self) -> None:
        """Stop both, and close the socket."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            stop(process)
        self.socket.close()
