"""A client that behaves like a proxy: it keeps its connection open and retries lost requests."""

import json
import time
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any, NamedTuple
from urllib.parse import urlsplit

PATIENCE = 30  # seconds until it gives up
PROBLEM = "application/problem+json"


class Answer(NamedTuple):
    """The result of a request, timed by `time.monotonic`; status 0 if there was no response."""

    kind: str
    begun: float
    seconds: float
    status: int
    again: bool = False  # sent a second time
    flaw: str = ""
    location: str = ""

    @property
    def ended(self) -> float:
        """When the request ended."""
        return self.begun + self.seconds

    @property
    def failed(self) -> bool:
        """Whether the status isn't 2xx."""
        return not 200 <= self.status < 300


class Client:
    """One client of a service that listens on one or several ports."""

    def __init__(self, ports: list[int], token: str) -> None:
        self.ports = ports
        self.writes = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self.connection: HTTPConnection | None = None

    def ask(self, kind: str, method: str, path: str, document: Any = None) -> Answer:
        """Send a request, and once more if a kept connection is closed without a response."""
        begun = time.monotonic()
        body = json.dumps(document) if document is not None else None
        kept = self.connection is not None
        response = self._send(method, path, body)
        again = response is None and kept and time.monotonic() < begun + PATIENCE
        if again:
            response = self._send(method, path, body)
        seconds = time.monotonic() - begun
        if response is None:
            return Answer(kind, begun, seconds, 0, again, "no answer")
        location = urlsplit(response.headers.get("Location", "")).path
        flaw = _flaw(kind, response)
        return Answer(kind, begun, seconds, response.status, again, flaw, location)

    def _send(self, method: str, path: str, body: str | None) -> HTTPResponse | None:
        try:
            if self.connection is None:
                self.connection = self._connect()
            self.connection.request(method, path, body, self.writes if body else {})
            response = self.connection.getresponse()
            response.read()
        except (OSError, HTTPException):
            self.close()
            return None
        if response.will_close:
            self.close()
        return response

    def _connect(self) -> HTTPConnection:
        """Connect to the first port that somebody listens on."""
        for port in self.ports:
            connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
            try:
                connection.connect()
            except ConnectionRefusedError:
                continue
            return connection
        raise ConnectionRefusedError

    def close(self) -> None:
        """Close the connection."""
        if self.connection:
            self.connection.close()
            self.connection = None


def _flaw(kind: str, response: HTTPResponse) -> str:
    """Return how a response breaks the API's promises, or an empty string."""
    if response.status not in (200, 201, 204, 409, 503):
        return f"{kind} {response.status}"
    if kind == "live" and response.status != 200:
        return f"live {response.status}"
    if response.status < 400 or kind == "ready":
        return ""
    if PROBLEM not in response.headers["Content-Type"]:
        return f"{response.status} isn't a problem document"
    if response.status == 503 and "Retry-After" not in response.headers:
        return "503 without Retry-After"
    return ""
