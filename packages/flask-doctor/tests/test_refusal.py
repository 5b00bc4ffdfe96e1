"""The look at a server's refusal takes no less care than libpq does."""

import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from threading import Thread

import pytest
from clusters import Cluster
from flask_doctor import refusal
from flask_doctor.libpq import Attempt, decisive

CLEARTEXT, MD5 = 3, 5


class Thief:
    """A server that asks for the password by a method of its choice, and keeps what it gets."""

    def __init__(self, method: int) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.method = method
        self.got = b""
        self.asked = 0
        self.thread = Thread(target=self.serve)
        self.thread.start()

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                with client, suppress(OSError):
                    self.answer(client)

    def answer(self, client: socket.socket) -> None:
        start = client.recv(1000)
        if start == struct.pack("!ii", 8, 80877103):
            client.sendall(b"N")  # no encryption
            start = client.recv(1000)
        if start:
            self.asked += 1
            salt = b"salt" if self.method == MD5 else b""
            client.sendall(b"R" + struct.pack("!ii", 8 + len(salt), self.method) + salt)
            self.got += client.recv(1000)

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


@pytest.fixture
def thief(request: pytest.FixtureRequest) -> Iterator[Thief]:
    server = Thief(request.param)
    yield server
    server.close()


def look(thief: Thief, **parameters: str) -> None:
    port = str(thief.listener.getsockname()[1])
    own = {"user": "x", "dbname": "x", "password": "hunter2"} | parameters
    assert refusal.examine(own, Attempt("127.0.0.1", port, "")) is None


@pytest.mark.parametrize("thief", [CLEARTEXT], indirect=True)
@pytest.mark.parametrize("sslmode", ["disable", "allow", "prefer"])
def test_a_plain_password_is_not_sent_where_others_can_listen(thief: Thief, sslmode: str):
    look(thief, sslmode=sslmode)
    assert thief.asked
    assert b"hunter2" not in thief.got


@pytest.mark.parametrize("thief", [MD5], indirect=True)
@pytest.mark.parametrize(
    ("setting", "sent"),
    [("", True), ("md5", True), ("scram-sha-256", False), ("!md5", False), ("none", False)],
)
def test_only_the_methods_that_require_auth_allows_are_answered(
    thief: Thief, setting: str, sent: bool
):
    look(thief, sslmode="disable", require_auth=setting)
    assert thief.asked == 1
    assert (b"md5" in thief.got) is sent


@pytest.mark.parametrize("thief", [CLEARTEXT], indirect=True)
@pytest.mark.parametrize(
    "parameters",
    [
        {"sslmode": "require"},
        {"sslmode": "verify-full"},
        {"channel_binding": "require"},
        {"gssencmode": "require"},
        {"service": "mine"},
        {"sslcert": "/tmp/mine.crt"},
    ],
)
def test_where_libpq_would_do_what_this_cannot_nobody_logs_in(
    thief: Thief, parameters: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    look(thief, **parameters)
    assert thief.asked == 0


@pytest.mark.parametrize("thief", [CLEARTEXT], indirect=True)
def test_the_environment_counts_as_it_does_for_libpq(thief: Thief, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PGSSLMODE", "require")
    look(thief)
    assert thief.asked == 0


@pytest.mark.parametrize(
    ("role", "database", "entry"),
    [
        ("ghost", "app", "role-missing"),
        ("trusted", "nowhere", "database-missing"),
        ("outside", "app", "no-hba-entry"),
        ("ident", "app", "ident-rejected"),
        ("trusted", "private", "no-connect-privilege"),
        ("trusted", "closed", "database-closed"),
        ("trusted", "narrow", "too-many-connections-to-database"),
        ("limited", "app", "too-many-connections-of-role"),
        ("trusted", "app", None),
    ],
)
def test_a_refusal_is_known_by_its_sqlstate(server: Cluster, role, database, entry):
    attempt = Attempt("127.0.0.1", str(server.port), "words that nobody knows")
    assert refusal.examine({"user": role, "dbname": database}, attempt) == entry


@pytest.mark.parametrize(
    ("options", "entry"),
    [
        ("-c nothing=1", "parameter-unknown"),
        ("-c work_mem=much", "parameter-invalid"),
        ("-c log_statement=all", "parameter-denied"),
    ],
)
def test_what_is_set_at_login_is_sent_as_well(server: Cluster, options: str, entry: str):
    attempt = Attempt("127.0.0.1", str(server.port), "words that nobody knows")
    parameters = {"user": "trusted", "dbname": "app", "options": options}
    assert refusal.examine(parameters, attempt) == entry


def test_of_several_attempts_the_one_that_tells_most_counts():
    """`localhost` leads to two addresses: that nobody listens at one of them says little."""
    message = (
        'connection to server at "localhost" (::1), port 5432 failed: Connection refused\n'
        'connection to server at "localhost" (127.0.0.1), port 5432 failed: '
        "fe_sendauth: no password supplied\n"
    )
    assert decisive(message).address == "127.0.0.1"


def test_of_several_attempts_the_one_that_a_server_refused_counts():
    message = (
        'connection to server at "a" (192.0.2.1), port 5432 failed: Connection refused\n'
        "\tIs the server running on that host and accepting TCP/IP connections?\n"
        'connection to server on socket "/tmp/.s.PGSQL.6000" failed: '
        'FATAL:  role "x" does not exist\n'
    )
    attempt = decisive(message)
    assert (attempt.host, attempt.port) == ("/tmp", "6000")
    assert attempt.text.endswith('role "x" does not exist')
