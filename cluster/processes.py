"""Processes that we start, and the ports that they listen on."""

import socket
import subprocess
import time
from contextlib import ExitStack


def free_ports(number: int) -> list[int]:
    """Return ports of loopback that nobody listens on."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(number)]
        for place in sockets:
            place.bind(("127.0.0.1", 0))
        return [place.getsockname()[1] for place in sockets]


def until_listening(port: int, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    """Wait until a process listens on its port. Raises RuntimeError if it never does."""
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} does not listen on port {port}")


def stop(process: subprocess.Popen[bytes], seconds: float = 40) -> None:
    """End a process, by force if it takes longer."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
