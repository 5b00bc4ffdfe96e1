"""gunicorn's threaded worker, of whose threads a slow client holds none.

A request gets a thread when its head has arrived, and its body too if that isn't large. Until then
it waits in the worker's loop, where a thousand cost nothing: the kernel is asked to wake us when
there are more bytes than those that we have looked at (SO_RCVLOWAT).
"""

import re
import socket
import time
from contextlib import suppress
from functools import partial
from select import select
from selectors import EVENT_READ
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

SILENCE = 5  # seconds for a request to arrive
LINGER = 0.5  # seconds for a client to take note that we have closed
HEAD_END = b"\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,9})[ \t]*\r\n", re.IGNORECASE)
WAITED_FOR = 1 << 16  # bytes of a request, which the kernel keeps for us


class Worker(ThreadWorker):  # type: ignore[misc]
    """See above."""

    def set_accept_enabled(self, enabled: bool) -> None:
        """Take no more connections; at the end, leave none in a queue that nobody looks at.

        Who comes later is then refused at once, and goes elsewhere; or is for others, who have the
        socket too, such as systemd.
        """
        super().set_accept_enabled(enabled)
        if not self.alive:
            for listener in self.sockets:
                while select([listener], [], [], 0)[0]:
                    self.accept(listener)
                listener.close()

    def enqueue_req(self, conn: Any) -> None:
        """Give a thread to a request that has arrived, or have it wait."""
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
        """Tell whether a part of the request is with gunicorn already, or isn't ours to look at."""
        return self.cfg.is_ssl or (conn.initialized and bool(conn.parser.unreader.buf.getvalue()))

    def handle(self, conn: Any) -> Any:
        """Serve a request; wait here, and not in the loop, for a client that is to close."""
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
    """Return how many bytes there must be before it is worth to look again; 0 if all are there."""
    try:
        seen = sock.recv(WAITED_FOR, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return 1
    except OSError:
        return 0  # gunicorn finds out
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
    head = seen.find(HEAD_END)
    if head < 0:
        return len(seen) + 1 if 0 < len(seen) < WAITED_FOR else 0
    length = LENGTH.search(seen, 0, head + len(HEAD_END))
    wanted = head + len(HEAD_END) + int(length[1]) if length else 0
    return wanted if len(seen) < wanted <= WAITED_FOR else 0
