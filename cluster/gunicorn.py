"""gunicorn as its systemd units start it: the socket stays open while it restarts."""

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

# As systemd passes sockets: from number 3 on, with the number of the process that they are for.
PASS = """
import os, sys
number, *command = sys.argv[1:]
os.dup2(int(number), 3)
os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
os.execv(sys.executable, [sys.executable, "-m", "gunicorn", *command])
"""


class Service:
    """What systemd would look after: a socket, and the two gunicorns that share it."""

    def __init__(self, settings: Mapping[str, str], folder: Path) -> None:
        self.folder = folder
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.port: int = self.socket.getsockname()[1]
        self.environment = os.environ | settings
        with ThreadPoolExecutor() as threads:
            self.processes = list(threads.map(self._start, [ROOT, ROOT]))

    def _start(self, release: Path) -> Process:
        """Start the application that is in a folder, and wait until it says that it is ready."""
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
        """Do what `systemctl restart stationsapp@1 && systemctl restart stationsapp@2` does."""
        for place, process in enumerate(self.processes):
            stop(process)
            self.processes[place] = self._start(release)

    def close(self) -> None:
        """End both, and close the socket."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            stop(process)
        self.socket.close()
