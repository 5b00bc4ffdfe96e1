"""`GET /metrics` for Prometheus: requests, pools, the database, and metrics of other modules.

Each worker keeps its numbers in files in PROMETHEUS_MULTIPROC_DIR, which gunicorn.conf.py creates.
The worker that serves a scrape adds them up, and queries the database for less than a second.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import TimeoutError as TooSlowError
from functools import cache

from flask import Blueprint, Flask, Response, abort, current_app, request
from prometheus_client import REGISTRY, CollectorRegistry, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from . import health
from .extensions import db
from .web.request_log import Finished

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

REQUESTS = Histogram(
    "http_request_duration_seconds",
    "Duration of requests, until the last byte was sent",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
IN_USE = Gauge(
    "database_pool_connections_in_use",
    "Connections in use, after the last request of each worker",
    ["engine"],
    multiprocess_mode="livesum",
)
PRIMARY = """
SELECT current_setting('server_version'),
    CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_lsn()::text END
"""
# A replica that has replayed everything doesn't lag, however old the last write is.
REPLICA = """
SELECT current_setting('server_version'),
    CASE WHEN NOT pg_is_in_recovery() OR pg_last_wal_replay_lsn() >= CAST(:position AS pg_lsn)
    THEN 0 ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END
"""

bp = Blueprint("metrics", __name__)
Question = Callable[[], Iterable[Metric]]


def init_app(app: Flask) -> None:
    """Serve /metrics, and count requests and connections."""
    app.register_blueprint(bp)
    app.extensions["metrics"] = [_servers]
    app.extensions["request_log"].watchers.append(_count)
    with app.app_context():
        for name, engine in db.engines.items():
            pool = Pool(engine, IN_USE.labels(name or "write"))
            app.extensions["request_log"].watchers.append(pool.look)


def add(app: Flask, question: Question) -> None:
    """Add a query that runs with each scrape."""
    app.extensions["metrics"].append(question)


@bp.get("/metrics")
def metrics() -> Response:
    """Return the metrics, but only to a client that connects directly and not through a proxy."""
    if "X-Forwarded-For" in request.headers:
        abort(404)
    asked = CollectorRegistry()
    asked.register(_Asked())
    body = generate_latest(_counted()) + generate_latest(asked)
    return Response(body, content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _counted() -> CollectorRegistry:
    """Return the totals of all workers."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def _count(finished: Finished) -> None:
    method = finished.method if finished.method in METHODS else "other"
    _histogram(method, finished.route, finished.status).observe(finished.seconds)


@cache
def _histogram(method: str, route: str, status: int) -> Histogram:
    return REQUESTS.labels(method, route, status)


class Pool:
    """Counts an engine's connections in use at the end of each request."""

    def __init__(self, engine: Engine, in_use: Gauge) -> None:
        self.engine = engine
        self.in_use = in_use
        self.last = 0

    def look(self, _: Finished) -> None:
        """Update the gauge if the number has changed, which is rare."""
        now = self.engine.pool.checkedout()  # type: ignore[attr-defined]
        if now != self.last:
            self.last = now
            self.in_use.set(now)


class _Asked:
    """The metrics that come from the database."""

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        questions: list[Question] = current_app.extensions["metrics"]
        try:
            [answer] = health.ask(lambda: [metric for ask in questions for metric in ask()])
            found = answer.result(0)
        except (SQLAlchemyError, TooSlowError):
            found = []
        up = GaugeMetricFamily("database_up", "Whether the database answers", bool(found))
        yield from [up, *found]


def _servers() -> Iterator[Metric]:
    """Yield the servers' versions and the replica's lag."""
    version = GaugeMetricFamily(
        "database_server_info", "Versions of the servers", labels=["server", "version"]
    )
    with db.engine.connect() as connection:
        number, position = connection.execute(text(PRIMARY)).one()
    version.add_metric(["primary", number], 1)
    yield version
    if current_app.config["DATABASE_READ_URL"]:
        with db.engines["read"].connect() as connection:
            number, lag = connection.execute(text(REPLICA), {"position": position}).one()
        version.add_metric(["replica", number], 1)
        yield GaugeMetricFamily(
            "database_replica_lag_seconds", "How far the replica is behind", float(lag or 0)
        )
