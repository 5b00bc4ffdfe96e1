"""A TCP proxy that can lose packets."""

import selectors
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Any


class Proxy:
    """Forwards connections to a server's port, and can swallow what is sent."""

    def __init__(self, server: int) -> None:
        self.server = server
        self.swallows = Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        Thread(target=self._accept, daemon=True).start()

    @contextmanager
    def swallowing(self) -> Iterator[None]:
        """Silently lose everything that is sent in either direction."""
        self.swallows.set()
        try:
            yield
        finally:
            self.swallows.clear()

    def close(self) -> None:
        """Accept no more connections."""
        self.listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                Thread(target=self._pass, args=(client,), daemon=True).start()

    def _pass(self, client: socket.socket) -> None:
        """Forward a connection's bytes. After it has lost some, it never forwards any more."""
        broken = False
        others: dict[Any, socket.socket]
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.server)) as server:
            others = {client: server, server: client}
            with selectors.DefaultSelector() as selector:
                for end in others:
                    selector.register(end, selectors.EVENT_READ)
                while True:
                    for key, _ in selector.select():
                        data = others[others[key.fileobj]].recv(1 << 16)
                        broken = broken or self.swallows.is_set()
                        if not data:
                            return
                        if not broken:
                            others[key.fileobj].sendall(data)
        client.close()
