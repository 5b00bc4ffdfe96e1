"""Programs that listen on a port, and aren't the healthy server that was meant."""

import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress


class Fake:
    """A program that does one thing with each connection."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.serve = serve
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            self.serve(connection)

    def close(self) -> None:
        self.listener.close()


def http_server() -> Fake:
    """Answer as a web server does to what it doesn't understand."""

    def serve(connection: socket.socket) -> None:
        connection.recv(1024)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

    return Fake(serve)


def silent() -> Fake:
    """Take connections, and never say a word."""
    return Fake(lambda connection: time.sleep(60))


def hanging_up(after: float = 0.0) -> Fake:
    """End each connection as it logs in."""

    def serve(connection: socket.socket) -> None:
        connection.recv(1024)
        time.sleep(after)

    return Fake(serve)


def saying(sqlstate: str, message: str, severity: str = "FATAL") -> Fake:
    """Refuse each connection with a server's, or a pooler's, own message."""

    def serve(connection: socket.socket) -> None:
        while connection.recv(8)[4:8] in (b"\x04\xd2\x16\x2f", b"\x04\xd2\x16\x30"):
            connection.sendall(b"N")  # no encryption
        fields = {"S": severity, "V": severity, "C": sqlstate, "M": message}
        body = b"".join(k.encode() + v.encode() + b"\0" for k, v in fields.items()) + b"\0"
        connection.sendall(b"E" + struct.pack("!i", len(body) + 4) + body)
        time.sleep(0.1)

    return Fake(serve)


def relay(port: int, delay: float = 0.0) -> Fake:
    """Pass all on to the server on this port, after a while."""

    def pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def serve(connection: socket.socket) -> None:
        time.sleep(delay)
        with socket.create_connection(("127.0.0.1", port)) as server:
            back = threading.Thread(target=pump, args=(server, connection), daemon=True)
            back.start()
            pump(connection, server)
            back.join()

    return Fake(serve)
