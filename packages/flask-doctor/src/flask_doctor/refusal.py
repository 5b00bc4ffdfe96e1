"""Why a server refuses a connection, asked with pg8000: it gives the SQLSTATE that libpq hides.

libpq passes a refusal on as prose, in the server's language. So this is asked only after libpq was
refused with words that the catalogue doesn't know, and never takes less care than libpq does: what
can't be done as libpq would do it is not done at all.
"""

import re
import ssl
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pg8000.core import CoreConnection
from pg8000.exceptions import DatabaseError, InterfaceError

from .libpq import Attempt, effective

TIMEOUT = 5.0  # seconds, for connecting and for each answer
# A refusal's SQLSTATE tells the entry, or that and the server's routine.
REFUSALS = {
    "28000 auth_failed": "authentication-elsewhere",
    "28000 ClientAuthentication": "client-certificate",
    "28000 InitializeSessionUserId": "role-missing",
    "28P01": "password-rejected",
    "3D000": "database-missing",
    "42501 CheckMyDatabase": "no-connect-privilege",
    "42501": "parameter-denied",
    "42601": "parameter-unknown",
    "42704": "parameter-unknown",
    "22023": "parameter-invalid",
    "53300 InitializeSessionUserId": "too-many-connections-of-role",
    "53300 CheckMyDatabase": "too-many-connections-to-database",
    "53300": "too-many-connections",
    "55000": "database-closed",
    "57P03": "server-starting",
}
# What no language translates, of refusals that share a routine.
WORDS = {"pg_hba.conf": "no-hba-entry", "peer": "peer-rejected", "ident": "ident-rejected"}
# Which of libpq's modes try it encrypted, in which order.
ENCRYPTED = {"disable": [False], "allow": [False, True], "prefer": [True, False]}
# The methods of authentication by their numbers in the protocol, and libpq's names for them.
METHODS = {0: "none", 3: "password", 5: "md5", 10: "scram-sha-256"}
# What the server is asked for at login, beside a session.
ASKED_FOR = ("options", "client_encoding")
GOING_ON = (11, 12)  # SCRAM's later steps
# With one of these, or with one of these values, libpq does what pg8000 can't.
BEYOND = {
    *("service", "sslcert", "sslcrl", "sslcrldir", "requirepeer"),
    *("ssl_min_protocol_version", "ssl_max_protocol_version"),
}
BEYOND_VALUES = {
    ("gssencmode", "require"),
    ("channel_binding", "require"),
    ("channel_binding", "disable"),
    ("sslnegotiation", "direct"),
}
HOME = Path("~/.postgresql")


def examine(parameters: Mapping[str, Any], attempt: Attempt) -> str | None:
    """Return the id of the entry that explains the server's refusal, None when nothing is learnt.

    `parameters` are those of libpq's connection, `attempt` the address at which it was refused.
    """
    own = effective(parameters)
    if _is_beyond(own):
        return None
    mode = "disable" if attempt.host.startswith("/") else own.get("sslmode", "prefer")
    refusals: dict[bool, DatabaseError] = {}
    for encrypted in ENCRYPTED.get(mode, [True]):
        try:
            error = _look(own, attempt, encrypted)
        except _NotSentError:
            break
        except Exception:  # noqa: S112 - no encryption, no PostgreSQL, too slow: all the same here
            continue
        if error is None:
            break
        refusals[encrypted] = error
        if _entry_of(error) != "no-hba-entry":
            break  # libpq tries the other way only where pg_hba.conf says no
    if not refusals:
        return None
    entry = _entry_of(list(refusals.values())[-1])
    if entry == "no-hba-entry" and set(refusals) == {False}:
        return _unless_encryption_helps(own, attempt)
    return entry


def needs_encryption(parameters: Mapping[str, Any], attempt: Attempt) -> bool:
    """Tell whether the server would let in, encrypted, whom its pg_hba.conf refuses plain."""
    own = effective(parameters)
    return not _is_beyond(own) and _unless_encryption_helps(own, attempt) == "ssl-required"


def _unless_encryption_helps(own: dict[str, str], attempt: Attempt) -> str:
    try:
        error = _look(own, attempt, encrypted=True)
    except _NotSentError:  # asked for a password, so pg_hba.conf has a line for us
        return "ssl-required"
    except Exception:
        return "no-hba-entry"
    return "no-hba-entry" if error and _entry_of(error) == "no-hba-entry" else "ssl-required"


def _is_beyond(own: dict[str, str]) -> bool:
    return (
        any(own.get(name) for name in BEYOND)
        or not BEYOND_VALUES.isdisjoint(own.items())
        or (HOME / "postgresql.crt").expanduser().exists()
    )


def _entry_of(error: DatabaseError) -> str | None:
    fields = error.args[0]
    code, routine = fields.get("C", ""), fields.get("R", "")
    if routine in ("auth_failed", "ClientAuthentication") and code == "28000":
        for word, entry in WORDS.items():
            if re.search(rf"\b{re.escape(word)}\b", fields.get("M", ""), re.I):
                return entry
    return REFUSALS.get(f"{code} {routine}") or REFUSALS.get(code)


def _look(own: dict[str, str], attempt: Attempt, encrypted: bool) -> DatabaseError | None:
    """Log in and return the server's refusal; None when it lets us in."""
    address: dict[str, Any] = {"host": attempt.host, "port": int(attempt.port)}
    if attempt.host.startswith("/"):
        address = {"unix_sock": f"{attempt.host}/.s.PGSQL.{attempt.port}"}
    try:
        _Look(
            _allowed(own, trusted=encrypted or "unix_sock" in address),
            user=own.get("user"),
            database=own.get("dbname"),
            password=own.get("password"),
            ssl_context=_context(own) if encrypted else False,
            timeout=TIMEOUT,
            startup_params={name: own[name] for name in ASKED_FOR if own.get(name)},
            **address,
        ).close()
    except DatabaseError as error:
        return error
    return None


class _NotSentError(InterfaceError):  # type: ignore[misc]
    """The server asks for what we don't have, or don't send."""


class _Look(CoreConnection):  # type: ignore[misc]
    """A connection that answers only the methods of authentication that are allowed."""

    def __init__(self, allowed: set[str], **arguments: Any) -> None:
        self.allowed = allowed
        super().__init__(**arguments)

    def close(self) -> None:
        # A server that has refused us is gone by now: that must not hide why.
        with suppress(InterfaceError):
            super().close()

    def handle_AUTHENTICATION_REQUEST(self, data: bytes, context: Any) -> None:  # noqa: N802
        number = int.from_bytes(data[:4], "big")
        if number not in GOING_ON:
            method = METHODS.get(number, "")
            if method not in self.allowed or (number and not self.password):
                raise _NotSentError(f"not answered: authentication by method {number}")
        super().handle_AUTHENTICATION_REQUEST(data, context)


def _allowed(own: dict[str, str], trusted: bool) -> set[str]:
    """Return the methods that `require_auth` allows; a plain password only where nobody listens."""
    wanted = own.get("require_auth", "").replace(" ", "")
    methods = set(METHODS.values())
    if wanted.startswith("!"):
        methods -= {name.lstrip("!") for name in wanted.split(",")}
    elif wanted:
        methods &= set(wanted.split(","))
    return methods if trusted else methods - {"password"}


def _context(own: dict[str, str]) -> ssl.SSLContext:
    """Return what checks the server's certificate as libpq's sslmode and sslrootcert say."""
    mode = own.get("sslmode", "prefer")
    root = own.get("sslrootcert") or str((HOME / "root.crt").expanduser())
    if root == "system":
        context = ssl.create_default_context()
        context.check_hostname = True
        return context
    exists = Path(root).exists()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = mode == "verify-full"
    if mode.startswith("verify-") or (mode == "require" and exists):
        context.load_verify_locations(root)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
