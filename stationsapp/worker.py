"""gunicorn's threaded worker, changed so that a slow client doesn't occupy a thread.

A request gets a thread when its headers have arrived, and its body too unless it is large. Until
then it waits in the worker's event loop, where thousands of requests cost little. With SO_RCVLOWAT,
the kernel wakes us only when new bytes have arrived.
"""

import re
import socket
import time
from contextlib import suppress
from functools import partial
from select import select
from selectors import EVENT_READ
from typing import Any

from gunicorn.glogging import Logger as GunicornLogger
from gunicorn.workers.gthread import ThreadWorker

from .logs import request_id

SILENCE = 5  # seconds for a request to arrive
LINGER = 0.5  # seconds for a client to close its side after we have closed ours
HEAD_END = b"\r\n\r\n"
EXPECTS = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE)
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,9})[ \t]*\r\n", re.IGNORECASE)
WAITED_FOR = 1 << 16  # bytes of a request to wait for, while the kernel buffers them


class Logger(GunicornLogger):  # type: ignore[misc]
    """gunicorn's log without a line for each request, as the application writes one itself.

    Because gunicorn has a logging configuration, it would format its line and discard it.
    """

    access_log_enabled = False


class Worker(ThreadWorker):  # type: ignore[misc]
    """A worker whose threads serve only requests that have arrived."""

    def set_accept_enabled(self, enabled: bool) -> None:
        """Stop accepting connections; when the worker exits, accept those that are still queued.

        Later clients are then refused at once and can connect elsewhere, or another process that
        has the socket, such as one of systemd's, accepts them.
        """
        super().set_accept_enabled(enabled)
        if not self.alive:
            for listener in self.sockets:
                while select([listener], [], [], 0)[0]:
                    self.accept(listener)
                listener.close()

    def enqueue_req(self, conn: Any) -> None:
        """Give a thread to a request that has arrived, or let it wait in the loop."""
        missing = 0 if self._has_read(conn) else _missing(conn.sock)
        if not missing:
            conn.until = None
            super().enqueue_req(conn)
            return
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, missing)
        conn.timeout = conn.until = getattr(conn, "until", None) or time.monotonic() + SILENCE
        conn.sock.setblocking(False)
        self.pending_conns.append(conn)
        readable = partial(self.on_pending_socket_readable, conn)
        self.poller.register(conn.sock, EVENT_READ, readable)

    def _has_read(self, conn: Any) -> bool:
        """Tell whether gunicorn has read a part of the request, or only TLS can read it."""
        return self.cfg.is_ssl or (conn.initialized and bool(conn.parser.unreader.buf.getvalue()))

    def handle(self, conn: Any) -> Any:
        """Serve a request; if the connection ends, wait here for the client and not in the loop."""
        request_id.set("")  # gunicorn's own messages don't belong to the thread's last request
        kept = super().handle(conn)
        if kept is False:
            with suppress(OSError):
                conn.sock.shutdown(socket.SHUT_WR)
                conn.sock.settimeout(LINGER)
                while conn.sock.recv(4096):
                    pass
            with suppress(OSError):
                conn.sock.shutdown(socket.SHUT_RD)
        return kept


def _missing(sock: socket.socket) -> int:
    """Return how many bytes to wait for before looking again; 0 if the request has arrived."""
    try:
        seen = sock.recv(WAITED_FOR, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return 1
    except OSError:
        return 0  # gunicorn handles it
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
    head = seen.find(HEAD_END)
    if head < 0:
        return len(seen) + 1 if 0 < len(seen) < WAITED_FOR else 0
    body = head + len(HEAD_END)
    length = LENGTH.search(seen, 0, body)
    wanted = body + int(length[1]) if length else 0
    if not len(seen) < wanted <= WAITED_FOR:
        return 0
    if len(seen) == body and EXPECTS.search(seen):
        sock.send(CONTINUE)  # the client waits for this before it sends the body
    return wanted
