"""gunicorn's settings, found by `gunicorn wsgi:app` in the folder that it starts in."""

import logging
import os
import socket
import struct
from pathlib import Path
from typing import Any

from dotenv import load_dotenv

load_dotenv(Path(__file__).with_name(".env"))
os.environ.setdefault("APP_CONFIG", "production")

bind = f"0.0.0.0:{os.environ.get('PORT') or 8000}"
workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
# Threads, so that a long export keeps neither other requests nor the worker's heartbeat waiting.
worker_class = "stationsapp.worker.Worker"
threads = 16
# A settings error then ends gunicorn at once, where workers would be started again for ever.
preload_app = True
accesslog = "-"

SPARE = 4  # threads that no query can hold, for the health checks
WRITERS = 8  # threads for requests that write, and so may wait for one another
SILENCE = 5  # seconds until a client that sends nothing of a long body, or takes nothing, is left


def when_ready(server: Any) -> None:
    """Give each connection its limits: it has them of the socket that accepts it."""
    for listener in server.LISTENERS:
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            listener.sock.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", SILENCE, 0))
    logging.getLogger("gunicorn.error").addFilter(_is_worth_a_line)


def post_worker_init(worker: Any) -> None:
    """Keep some threads free."""
    from stationsapp.gate import Gate, uses_database, writes

    worker.wsgi = Gate(Gate(worker.wsgi, writes, WRITERS), uses_database, threads - SPARE)


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """Tell whether it is more than a client that fell silent."""
    return not (record.exc_info and isinstance(record.exc_info[1], BlockingIOError))
