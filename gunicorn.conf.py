"""gunicorn's settings. `gunicorn wsgi:app` reads this file from the current folder."""

import logging
import os
import shutil
import socket
import struct
import tempfile
from pathlib import Path
from typing import Any

from dotenv import load_dotenv

load_dotenv(Path(__file__).with_name(".env"))
os.environ.setdefault("APP_CONFIG", "production")

bind = f"0.0.0.0:{os.environ.get('PORT') or 8000}"
workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
# Threads, so that a long download doesn't block other requests or the worker's heartbeat.
worker_class = "stationsapp.worker.Worker"
threads = 16  # four more than stationsapp.database.CONNECTIONS, for the health checks
# Only TRUSTED_PROXIES decides whose headers set the scheme. Otherwise, gunicorn would also believe
# any client on this machine.
forwarded_allow_ips = ""
# With a settings error, gunicorn then exits at once. Otherwise it would restart the workers
# forever.
preload_app = True
# The application logs each request itself, with its id and without its query string.
logger_class = "stationsapp.worker.Logger"
logconfig_dict = {
    "root": {"level": "WARNING", "handlers": ["console"]},
    "loggers": {
        "gunicorn.error": {"level": "INFO", "handlers": ["console"], "propagate": False},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
    "formatters": {"json": {"()": "stationsapp.logs.JsonFormatter"}},
}

WRITERS = 8  # threads for requests that write, which may wait for one another
SILENCE = 5  # seconds until a client that sends or reads nothing is disconnected


def when_ready(server: Any) -> None:
    """Limit how long each connection may be silent. Connections inherit this from the listener."""
    for listener in server.LISTENERS:
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            listener.sock.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", SILENCE, 0))
    logging.getLogger("gunicorn.error").addFilter(_is_worth_a_line)
    import alembic.script  # noqa: F401 - for /health/ready; now, all workers share its memory


def post_worker_init(worker: Any) -> None:
    """Keep some threads free for reads and for health checks."""
    from stationsapp.database import CONNECTIONS
    from stationsapp.gate import Gate, uses_database, writes

    log = worker.wsgi.extensions["request_log"]  # so that refused requests are logged too
    writers = Gate(log.serve, writes, WRITERS)
    log.serve = Gate(writers, uses_database, CONNECTIONS)


def child_exit(server: Any, worker: Any) -> None:
    """Remove the metrics of a worker that has exited."""
    if METRICS:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(server: Any) -> None:
    """Remove the folder for metrics, unless others share it."""
    if METRICS and Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).name.startswith(OWN):
        shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)


def _folder_for_metrics() -> str:
    """Return the shared folder from the environment, or create this gunicorn's own folder.

    Its own is in memory, so that a full disk doesn't break requests. On HUP, this file is read
    again and the folder stays. The gunicorn that USR2 starts gets its own folder.
    """
    prefix = f"{OWN}{os.getpid()}-"
    known = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")
    if known and (not Path(known).name.startswith(OWN) or Path(known).name.startswith(prefix)):
        return known
    memory = "/dev/shm"  # noqa: S108
    return tempfile.mkdtemp(prefix=prefix, dir=memory if os.path.isdir(memory) else None)


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """Drop the query string from the record, and return False for a client that timed out."""
    record.msg, record.args = record.getMessage().partition("?")[0], ()
    return not (record.exc_info and isinstance(record.exc_info[1], BlockingIOError))


OWN = "stationsapp-metrics-"  # prefix of folders that gunicorn creates
METRICS = os.environ.get("METRICS") == "1"
if METRICS:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = _folder_for_metrics()
