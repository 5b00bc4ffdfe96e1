"""Clients that read and write all the time, and record the results."""

import json
import ssl
import threading
import time
from collections.abc import Callable
from http.client import HTTPException, HTTPSConnection
from itertools import count, pairwise
from typing import NamedTuple

READERS, WRITERS = 4, 3
PAUSE = 0.05  # seconds between two requests of a client
PATIENCE = 30  # seconds
PATHS = ["/api/stations?limit=10", "/api/stations/nearest?lat=47&lng=8&limit=5"]


class Request(NamedTuple):
    """A finished request, timed by `time.monotonic`; its status is 0 if no response came."""

    start: float
    end: float
    status: int
    code: str | None = None  # of the station that it created

    @property
    def is_good(self) -> bool:
        """Tell whether the request succeeded."""
        return self.status in (200, 201, 304)


class Client:
    """A client with its own address, because nginx limits requests by address."""

    ADDRESSES = count(2)
    CONTEXT = ssl._create_unverified_context()

    def __init__(self, port: int) -> None:
        address = next(self.ADDRESSES)
        self.connection = HTTPSConnection(
            "localhost",
            port,
            timeout=PATIENCE,
            context=self.CONTEXT,
            source_address=(f"127.0.{address // 250}.{address % 250}", 0),
        )

    def ask(self, method: str, path: str, token: str = "", body: object = None) -> int:
        """Send a request and return its status, or 0 if no response comes."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        try:
            content = None if body is None else json.dumps(body)
            self.connection.request(method, path, content, headers if token else {})
            response = self.connection.getresponse()
            response.read()
            return response.status
        except (OSError, HTTPException):
            self.connection.close()
            return 0


class Load:
    """Readers and writers, each in its own thread."""

    def __init__(self, port: int, token: str) -> None:
        self.port, self.token = port, token
        self.reads: list[Request] = []
        self.writes: list[Request] = []
        self.over = threading.Event()
        self.codes = count()
        loops = [self._read] * READERS + [self._write] * WRITERS
        self.threads = [threading.Thread(target=self._run, args=[loop]) for loop in loops]
        for thread in self.threads:
            thread.start()

    def _run(self, step: Callable[[Client, int], None]) -> None:
        client = Client(self.port)
        for number in count():
            if self.over.wait(PAUSE):
                client.connection.close()
                return
            step(client, number)

    def _read(self, client: Client, number: int) -> None:
        start = time.monotonic()
        status = client.ask("GET", PATHS[number % len(PATHS)])
        self.reads.append(Request(start, time.monotonic(), status))

    def _write(self, client: Client, number: int) -> None:
        code = f"cluster-{next(self.codes)}"
        station = {"code": code, "name": f"Station {code}", "lat": 47, "lng": 8}
        start = time.monotonic()
        status = client.ask("POST", "/api/stations", self.token, station)
        self.writes.append(Request(start, time.monotonic(), status, code))

    def stop(self) -> None:
        """Stop all clients."""
        self.over.set()
        for thread in self.threads:
            thread.join()


def away(requests: list[Request], start: float, end: float) -> float:
    """Return the longest time between two good answers, in seconds."""
    good = sorted(request.end for request in requests if request.is_good)
    times = [start, *(time for time in good if start <= time <= end), end]
    return max(later - earlier for earlier, later in pairwise(times))
