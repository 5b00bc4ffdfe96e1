"""Requests over real HTTP: their rate and their latency."""

import json
import shutil
import socket
import subprocess
import threading
import time
from itertools import count
from pathlib import Path
from statistics import quantiles
from tempfile import NamedTemporaryFile
from typing import NamedTuple

CONNECTIONS = 16  # so many that both workers get some

WRK = shutil.which("wrk")


class Load(NamedTuple):
    """The result of a round: the number of requests, the seconds, and percentiles in ms."""

    requests: int
    seconds: float
    p50: float
    p99: float
    failed: int = 0

    @property
    def rate(self) -> float:
        """Requests a second that didn't fail."""
        return (self.requests - self.failed) / self.seconds


def load(
    port: int,
    paths: list[str],
    seconds: float,
    etag: str | None = None,
    connections: int = CONNECTIONS,
    *,
    may_fail: bool = False,
) -> Load:
    """Request the paths in turn on all connections, with wrk if it is installed.

    With an ETag, the requests have `If-None-Match`. If no response comes in time, the time is
    multiplied by ten. Raises RuntimeError if a request fails and none may, because nothing is as
    fast as an error.
    """
    ask = _wrk if WRK else _threads
    result = ask(port, paths, seconds, etag, connections)
    if not result.requests:
        result = ask(port, paths, 10 * seconds, etag, connections)
    if (result.failed and not may_fail) or not result.requests:
        raise RuntimeError(f"{result.failed} of {result.requests} requests failed: {paths[0]}")
    return result


def _wrk(port: int, paths: list[str], seconds: float, etag: str | None, connections: int) -> Load:
    with NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(paths))
        file.flush()
        command = [
            *(str(WRK), "--threads", "1", "--connections", str(connections)),
            *("--duration", f"{seconds}s", "--timeout", "60s"),
            *("--script", str(Path(__file__).with_name("load.lua"))),
            *(f"http://127.0.0.1:{port}", "--", file.name, *([etag] if etag else [])),
        ]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return Load(**json.loads(output[output.index("{") :]))


def _threads(
    port: int, paths: list[str], seconds: float, etag: str | None, connections: int
) -> Load:
    """Do the same as wrk with blocking sockets, which is faster than any library."""
    header = f"If-None-Match: {etag}\r\n" if etag else ""
    requests = [
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n".encode() for path in paths
    ]
    latencies: list[float] = []
    failed: list[bytes] = []
    place = count()
    start = time.perf_counter()

    def ask() -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            begin = time.perf_counter()
            while True:  # once at least, on a machine that is slow to start a thread
                connection.sendall(requests[next(place) % len(requests)])
                status = _receive(connection)
                end = time.perf_counter()
                latencies.append(end - begin)
                if status not in (b"200", b"304"):
                    failed.append(status)
                if end >= start + seconds:
                    return
                begin = end

    threads = [threading.Thread(target=ask) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - start
    cuts = quantiles([1e3 * latency for latency in latencies], n=100)
    return Load(len(latencies), elapsed, cuts[49], cuts[98], len(failed))


def _receive(connection: socket.socket) -> bytes:
    """Read one response and return its status, or `closed` if it is incomplete."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += (piece := connection.recv(1 << 16))
        if not piece:
            return b"closed"
    head, _, body = data.partition(b"\r\n\r\n")
    _, found, length = head.lower().partition(b"content-length: ")
    missing = int(length.split(b"\r\n")[0]) - len(body) if found else 0
    while missing > 0:
        missing -= (received := len(connection.recv(1 << 16)))
        if not received:
            return b"closed"
    return head.split(b" ", 2)[1]
