"""Nobody else notices a client that is slow, or a table that is locked: with a real gunicorn."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

import pytest
from flask import Flask
from gunicorn.config import Config
from sqlalchemy import text

from chaos.service import Service
from stationsapp.extensions import db
from stationsapp.worker import Logger

PATIENCE = 120  # seconds, on any machine; a worker that is held answers nobody at all
# The health checks give up soon; on a busy machine that says nothing of who holds a thread.
PATIENT = """
from stationsapp import health
from wsgi import app
health.ASK = 60
"""


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gunicorn") / "log"


@pytest.fixture(scope="module")
def port(database_url: str, log: Path) -> Iterator[int]:
    """The port of a gunicorn with one worker, on the tests' database."""
    settings = {
        "DATABASE_URL": f"{database_url}&options=-c%20lock_timeout%3D500ms",
        "WEB_CONCURRENCY": "1",
        "METRICS": "1",
        "DATABASE_TIMEOUT": "60",
    }
    log.with_name("patient.py").write_text(PATIENT)
    application = (f"--pythonpath={log.parent}", "patient:app")
    service = Service(settings, log, application=application)
    yield service.port
    folders = partial(Path("/dev/shm").glob, f"stationsapp-metrics-{service.process.pid}-*")
    assert len(list(folders())) == 1
    service.stop()
    assert list(folders()) == []


def test_gunicorn_formats_no_line_that_nobody_reads():
    config = Config()
    config.set("logconfig_dict", {"version": 1})
    assert not Logger(config).access_log_enabled


def status(port: int, path: str) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("GET", path)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status


def sent(port: int, data: bytes, held: ExitStack) -> socket.socket:
    client = held.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE))
    client.sendall(data)
    return client


HALF_SENT = b"GET /api/stations HTTP/1.1\r\nHost: x\r\n"
NO_BODY = (
    b"POST /api/stations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n"
    b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"
)
UNREAD = b"GET /api/stations?all=true HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "clients", "stations"),
    [
        (HALF_SENT, 50, 0),
        (NO_BODY, 20, 0),
        (UNREAD, 20, 20_000),  # more than what lies between the two can hold
    ],
    ids=["half-sent", "no-body", "unread"],
)
def test_slow_clients_keep_nobody_waiting(
    app: Flask, port: int, data: bytes, clients: int, stations: int
):
    with db.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO stations (source, code, name, lat, lng) SELECT 'many', n, "
                "repeat('x', 500), 0, 0 FROM generate_series(1, :stations) AS n"
            ),
            {"stations": stations},
        )
    with ExitStack() as held:
        for _ in range(clients):
            sent(port, data, held)
        for path in ("/health/live", "/health/ready", "/api/stations?limit=1"):
            assert status(port, path) == 200


def test_a_locked_table_leaves_the_health_checks_their_threads(app: Flask, port: int):
    with db.engine.begin() as connection, ExitStack() as held:
        connection.execute(text("LOCK stations"))
        waiting = [
            sent(port, b"GET /api/stations HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", held)
            for _ in range(40)
        ]
        for path in ("/health/live", "/health/ready", "/metrics"):
            assert status(port, path) == 200
        answers = [b"".join(iter(partial(client.recv, 1 << 16), b"")) for client in waiting]
    for answer in answers:
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"\r\nRetry-After: " in answer
        assert b"\r\nContent-Type: application/problem+json\r\n" in answer
    assert status(port, "/api/stations") == 200


def test_what_writers_wait_for_keeps_no_reader_waiting(app: Flask, port: int):
    """As while an import runs, which holds the rows that it has changed."""
    token = app.test_cli_runner().invoke(args=["tokens", "create", "t"]).stdout.strip()
    body = b'{"code": "1", "name": "n", "lat": 1, "lng": 2}'
    headers = b"Host: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n" % (
        token.encode()
    )
    post = b"POST /api/stations HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s"
    with db.engine.begin() as connection, ExitStack() as held:
        connection.execute(
            text("INSERT INTO stations (source, code, name, lat, lng) VALUES ('local', 1, 1, 1, 1)")
        )
        waiting = [sent(port, post % (headers, len(body), body), held) for _ in range(40)]
        for _ in range(10):
            assert status(port, "/api/stations?limit=1") == 200
        answers = [client.recv(1000) for client in waiting]
    assert all(answer.startswith(b"HTTP/1.1 503") for answer in answers)
    assert all(b"Retry-After: " in answer for answer in answers)


def get(path: bytes = b"/api/stations?limit=1", headers: bytes = b"Host: x\r\n") -> bytes:
    return b"GET %s HTTP/1.1\r\n%sConnection: close\r\n\r\n" % (path, headers)


def post(headers: bytes, body: bytes) -> bytes:
    head = b"POST /api/stations HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    return b"%sContent-Type: application/json\r\n%s\r\n%s" % (head, headers, body)


CHUNKED = b"Transfer-Encoding: chunked\r\n"
STRANGE = {
    "no host": (get(headers=b""), 200),
    "a host that is none": (get(headers=b"Host: [::1\r\n"), 200),
    "two hosts": (get(headers=b"Host: a\r\nHost: b\r\n"), 400),
    "a whole address": (get(b"http://other.example/api/stations?limit=1"), 200),
    "an address that is none": (get(b"http://[::1/"), 400),
    "%00 in the path": (get(b"/api/stations/%00"), 404),
    "%00 in the query": (get(b"/api/stations?q=%00"), 422),
    "bad UTF-8 in the path": (get(b"/api/%ff%fe"), 404),
    "bad UTF-8 in the query": (get(b"/api/stations?q=%ff%fe"), 200),
    "raw bytes in the address": (get(b"/\xff\xfe?secret"), 400),
    "out of the folder": (get(b"/static/%2e%2e/..%2fconfig.py"), 404),
    "a huge header": (get(headers=b"X: %s\r\n" % (b"a" * 100_000)), 431),
    "a huge address": (get(b"/%s" % (b"a" * 100_000)), 414),
    "a range": (get(headers=b"Host: x\r\nRange: bytes=0-1,-0\r\n"), 200),
    "another's root": (get(headers=b"Host: x\r\nSCRIPT_NAME: /api\r\n"), 200),
    "HTTP/1.0": (b"GET /api/stations?limit=1 HTTP/1.0\r\n\r\n", 200),
    "HTTP/9.9": (b"GET / HTTP/9.9\r\n\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
    "an unknown method": (b"BREW / HTTP/1.0\r\n\r\n", 405),
    "one after the other": (b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n" * 3 + get(), 200),
    "two lengths": (post(b"Content-Length: 2\r\n" * 2, b"{}"), 400),
    "a length and chunks": (post(CHUNKED + b"Content-Length: 2\r\n", b"{}"), 400),
    "a length beyond all": (post(b"Content-Length: %s\r\n" % (b"9" * 30), b""), 413),
    "chunks that are none": (post(CHUNKED, b"ZZ\r\n{}\r\n0\r\n\r\n"), 400),
    "chunks that are none, of a form": (
        b"POST /sign-in HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n%s\r\nZZ\r\n" % CHUNKED,
        400,
    ),
    "chunks that are none, of a read": (get(headers=b"Host: x\r\n" + CHUNKED) + b"ZZ\r\n", 200),
    "a chunk that is too short": (post(CHUNKED, b"5\r\n{}\r\n0\r\n\r\n"), 400),
    "an unknown expectation": (post(b"Expect: tea\r\nContent-Length: 2\r\n", b"{}"), 417),
}


@pytest.mark.parametrize(("data", "expected"), STRANGE.values(), ids=STRANGE.keys())
def test_a_strange_request_has_an_answer(
    app: Flask, port: int, log: Path, data: bytes, expected: int
):
    logged = log.stat().st_size
    with ExitStack() as held:
        client = sent(port, data, held)
        answer = b"".join(iter(partial(client.recv, 1 << 16), b""))
    assert int(answer.split(b" ", 2)[1]) == expected
    assert b"Traceback" not in log.read_bytes()[logged:]


def test_a_body_is_asked_for_if_the_client_waits_for_that(app: Flask, port: int):
    with ExitStack() as held:
        head = post(b"Expect: 100-continue\r\nContent-Length: 2\r\n", b"")
        client = sent(port, head, held)
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"{}")
        answer = b"".join(iter(partial(client.recv, 1 << 16), b""))
    assert b"HTTP/1.1 401 " in answer
