"""Clients that are slow or send garbage. Other clients must not notice."""

import random
import socket
import time
from contextlib import ExitStack, suppress
from functools import partial

from ..load import Load
from ..world import Fault, World

HELD = 6  # seconds
HEAD = b"Host: localhost\r\n"
HALF_SENT = b"GET /api/stations HTTP/1.1\r\n" + HEAD
UNREAD = b"GET /api/stations?all=true HTTP/1.1\r\n" + HEAD + b"\r\n"
NO_BODY = (
    b"POST /api/stations HTTP/1.1\r\n" + HEAD + b"Authorization: Bearer %b\r\n"
    b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"
)
GARBAGE = random.Random(1).randbytes(10_000)


def hold(world: World, load: Load, *, data: bytes, clients: int) -> None:
    """Let many clients send the same data, and then wait without reading."""
    if data is NO_BODY:
        data %= load.token.encode()
    with ExitStack() as held:
        for _ in range(clients):
            client = held.enter_context(socket.create_connection(("127.0.0.1", load.ports[0])))
            with suppress(ConnectionError):  # refused already
                client.sendall(data)
        time.sleep(HELD)


FAULTS = [
    Fault(name, partial(hold, data=data, clients=clients), unnoticed=True)
    for name, data, clients in [
        ("50 half-sent requests", HALF_SENT, 50),
        ("16 unread `?all=true`", UNREAD, 16),
        ("8 POSTs without their body", NO_BODY, 8),
        ("50 clients that send garbage", GARBAGE, 50),
    ]
]
