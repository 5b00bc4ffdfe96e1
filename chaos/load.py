"""Many clients at once that read, write, read their writes, and check the health."""

from collections.abc import Callable
from itertools import count
from threading import Event, Thread

from .client import Answer, Client

READERS, WRITERS = 24, 8  # enough to keep all threads of both workers busy
PAUSE = 0.3  # seconds between two requests of a client, so that the machine can keep up
READS = (
    "/api/stations?limit=20",
    "/api/stations/nearest?lat=47&lng=8&limit=10",
    "/api/stations/1",
    "/api/stations?bbox=8,47,9,48&limit=20",
)


class Load:
    """The clients, and the answers that they got."""

    def __init__(self, ports: list[int], token: str) -> None:
        self.ports = ports
        self.token = token
        self.answers: list[Answer] = []
        self.acknowledged: set[str] = set()
        self._codes = count(1)
        self._end = Event()
        self._threads: list[Thread] = []

    def start(self) -> None:
        """Start all clients."""
        for number in range(READERS):
            self.get("read", READS[number % len(READS)])
        for _ in range(WRITERS):
            self.add(self._write)
        for kind in ("live", "ready"):
            self.get(kind, f"/health/{kind}")

    def get(self, kind: str, path: str) -> None:
        """Add a client that reads this path again and again."""
        self.add(lambda client: [client.ask(kind, "GET", path)])

    def add(self, act: Callable[[Client], list[Answer]]) -> None:
        """Add a client that does this again and again."""

        def repeat() -> None:
            client = Client(self.ports, self.token)
            while not self._end.is_set():
                self.answers += act(client)
                self._end.wait(PAUSE)
            client.close()

        thread = Thread(target=repeat, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _write(self, client: Client) -> list[Answer]:
        """Create a station, and read it at its Location."""
        code = str(next(self._codes))
        station = {"source": "chaos", "code": code, "name": code, "lat": 47.0, "lng": 8.0}
        made = client.ask("write", "POST", "/api/stations", station)
        if made.failed:
            return [made]
        self.acknowledged.add(code)
        return [made, client.ask("read of the write", "GET", made.location)]

    def stop(self) -> None:
        """Stop the clients, and wait for their last answers."""
        self._end.set()
        for thread in self._threads:
            thread.join()
