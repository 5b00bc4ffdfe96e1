"""PostgreSQL's log-in on the wire, spoken just far enough to learn why a server refuses.

libpq passes a refusal on as prose, in the server's language and without its SQLSTATE. On the wire
it has both the SQLSTATE and the name of the server's routine, the same in every language.
"""

import base64
import hashlib
import hmac
import secrets
import socket
import ssl
import struct
from typing import NamedTuple

PROTOCOL = 196608  # 3.0
SSL_REQUEST = struct.pack("!ii", 8, 80877103)
AUTHENTICATED, CLEARTEXT, MD5, SASL, SASL_CONTINUE, SASL_FINAL = 0, 3, 5, 10, 11, 12


class Refusal(NamedTuple):
    """The server's answer to a log-in that it refuses."""

    sqlstate: str
    routine: str


class NotPostgreSQLError(Exception):
    """What answers doesn't speak the protocol."""


class NoPasswordError(Exception):
    """The server asks for a password, and there is none."""


class NoEncryptionError(Exception):
    """Encryption is wanted, and the server has none."""


def encrypt(plain: socket.socket, context: ssl.SSLContext, host: str) -> ssl.SSLSocket:
    """Ask for encryption and return the encrypted socket.

    Raises NoEncryptionError, NotPostgreSQLError, OSError (ssl.SSLError among them).
    """
    plain.sendall(SSL_REQUEST)
    try:
        answer = plain.recv(1)
    except OSError as error:
        raise NotPostgreSQLError from error
    if answer == b"N":
        raise NoEncryptionError
    if answer != b"S":
        raise NotPostgreSQLError
    return context.wrap_socket(plain, server_hostname=host)


def log_in(stream: socket.socket, role: str, database: str, password: str | None) -> Refusal | None:
    """Log in and return the server's refusal; None when it lets us in.

    Raises NoPasswordError, NotPostgreSQLError; NotImplementedError for a method of
    authentication that isn't a password's.
    """
    parameters = f"user\0{role}\0database\0{database}\0\0".encode()
    stream.sendall(struct.pack("!ii", len(parameters) + 8, PROTOCOL) + parameters)
    scram = _Scram(password or "")
    while True:
        kind, body = _receive(stream)
        if kind == b"E":
            fields = {part[:1]: part[1:].decode(errors="replace") for part in body.split(b"\0")}
            return Refusal(fields.get(b"C", ""), fields.get(b"R", ""))
        if kind == b"Z":
            stream.sendall(b"X" + struct.pack("!i", 4))
            return None
        if kind != b"R":
            continue  # the server's settings, its process number, notices
        (method,) = struct.unpack_from("!i", body)
        if method in (AUTHENTICATED, SASL_FINAL):
            continue
        if not password and method in (CLEARTEXT, MD5, SASL):
            raise NoPasswordError
        if method == CLEARTEXT:
            answer = str(password).encode() + b"\0"
        elif method == MD5:
            answer = _md5(role, str(password), body[4:8]) + b"\0"
        elif method == SASL:
            answer = scram.first()
        elif method == SASL_CONTINUE:
            answer = scram.final(body[4:].decode())
        else:
            raise NotImplementedError
        stream.sendall(b"p" + struct.pack("!i", len(answer) + 4) + answer)


def _receive(stream: socket.socket) -> tuple[bytes, bytes]:
    try:
        header = _exactly(stream, 5)
        kind, length = header[:1], struct.unpack("!i", header[1:])[0]
        if kind not in b"RSKZNEv" or not 4 <= length < 100_000:
            raise NotPostgreSQLError
        return kind, _exactly(stream, length - 4)
    except OSError as error:
        raise NotPostgreSQLError from error


def _exactly(stream: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = stream.recv(size - len(data))
        if not part:
            raise NotPostgreSQLError
        data += part
    return data


def _md5(role: str, password: str, salt: bytes) -> bytes:
    inner = hashlib.md5((password + role).encode(), usedforsecurity=False).hexdigest()
    outer = hashlib.md5(inner.encode() + salt, usedforsecurity=False).hexdigest()
    return b"md5" + outer.encode()


class _Scram:
    """The client's half of SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding."""

    def __init__(self, password: str) -> None:
        self.password = password
        self.hello = f"n=,r={secrets.token_urlsafe(18)}"

    def first(self) -> bytes:
        message = f"n,,{self.hello}".encode()
        return b"SCRAM-SHA-256\0" + struct.pack("!i", len(message)) + message

    def final(self, challenge: str) -> bytes:
        values = dict(part.split("=", 1) for part in challenge.split(","))
        salt, rounds = base64.b64decode(values["s"]), int(values["i"])
        salted = hashlib.pbkdf2_hmac("sha256", self.password.encode(), salt, rounds)
        key = hmac.digest(salted, b"Client Key", "sha256")
        bare = f"c=biws,r={values['r']}"
        signed = f"{self.hello},{challenge},{bare}".encode()
        signature = hmac.digest(hashlib.sha256(key).digest(), signed, "sha256")
        proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
        return f"{bare},p={base64.b64encode(proof).decode()}".encode()
