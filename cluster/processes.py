"""Starting and stopping processes, and waiting for their ports."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

Process = subprocess.Popen[bytes]


def free_ports(number: int) -> list[int]:
    """Return free ports on loopback."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(number)]
        for place in sockets:
            place.bind(("127.0.0.1", 0))
        return [place.getsockname()[1] for place in sockets]


def start(command: Sequence[object], log: Path, **options: Any) -> Process:
    """Start a process with its output in a log."""
    with log.open("ab") as output:
        return subprocess.Popen(list(map(str, command)), stdout=output, stderr=output, **options)


def as_postgres() -> dict[str, str]:
    """Return the options of `start` for programs that don't run as root."""
    return {} if os.geteuid() else {"user": "postgres", "group": "postgres"}


def until(condition: Callable[[], Any], seconds: float, what: str) -> None:
    """Wait until a condition holds. Raises RuntimeError if it doesn't in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    raise RuntimeError(f"{what}: not within {seconds} seconds")


def until_listening(port: int, process: Process) -> None:
    """Wait until a process listens on its port. Raises RuntimeError if it doesn't in time."""

    def listens() -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} has ended")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    until(listens, 60, f"{process.args!r} listens on port {port}")


def stop(process: Process, seconds: float = 40) -> None:
    """Stop a process. Kill it if that takes longer than `seconds`."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
