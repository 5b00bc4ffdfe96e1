"""Responses to reads: content negotiation, compression, ETags and 304, and streaming."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache, wraps
from hashlib import sha256
from pathlib import Path
from typing import Any
from zlib import crc32

from flask import Response, abort, current_app, request, url_for
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from . import compression
from .blueprint import View
from .problems import MEDIA_TYPE as PROBLEM

SHARED = {
    "Accept-Ranges": "none",  # each part would take the time of the whole
    "Cache-Control": "no-cache",
    "Vary": "Accept, Accept-Encoding",
}

CHUNK = 1 << 16  # bytes, about


def share(response: Response) -> Response:
    """Make caches revalidate, and release what a response without a body holds."""
    response.headers.extend(SHARED)
    if request.method == "HEAD" or response.status_code == 304:
        response.close()  # the server closes only a response with a body
    return response


def wanted(asked: str | None, media_types: Mapping[str, str]) -> str:
    """Return the name of a format: the one asked for, or the one that the Accept header prefers.

    `media_types` maps names to media types. Without an Accept header, or if it allows nothing but
    the media type of errors, the first one is used. Aborts with 406 if Accept allows none of them.
    """
    if asked:
        return asked
    best = _best(request.headers.get("Accept", ""), tuple(media_types.items()))
    if best is None:
        abort(406, f"expected Accept to allow one of {', '.join(media_types.values())}")
    return best


@lru_cache(maxsize=100)
def _best(header: str, media_types: tuple[tuple[str, str], ...]) -> str | None:
    # Parameters such as charset=utf-8 don't matter. Java sends `*; q=.2` for `*/*; q=0.2`.
    ranges = parse_accept_header(header.replace("=.", "=0."), MIMEAccept)
    names = ((value.partition(";")[0].strip(), quality) for value, quality in reversed(ranges))
    accepted = {"*/*" if name == "*" else name: quality for name, quality in names}
    forms = {media_type.partition(";")[0]: form for form, media_type in media_types}
    best = MIMEAccept(accepted.items()).best_match(forms)
    if best is None and (not accepted or accepted.get(PROBLEM)):
        return media_types[0][0]
    return best and forms[best]


def digest(package: Path) -> str:
    """Return a short digest of a package's code."""
    code = b"".join(path.read_bytes() for path in sorted(package.rglob("*.py")))
    return f"{crc32(code):08x}"


def tag(version: int, shape: str = "") -> str:
    """Return the ETag of the response to this request, for this version of the data.

    `shape` identifies the representation of the data: another shape gives another tag.
    """
    place = request.scheme, request.host, request.path  # links in the response begin with these
    accepted = request.headers.get("Accept"), compression.accepted()
    asked = *place, request.query_string, *accepted, shape
    return f"{version}-{crc32(repr(asked).encode()):08x}"


def tags_of(body: bytes) -> list[str]:
    """Return the ETags that `document` gives to this body, one for each content coding."""
    return [_tag_of(body, coding) for coding in ("", *compression.CODINGS)]


def _tag_of(body: bytes, coding: str) -> str:
    """Return the ETag of a body in this content coding; an empty string means none."""
    return f"{sha256(body).hexdigest()[:32]}{coding and f'-{coding}'}"


def address(endpoint: str, **values: Any) -> str:
    """Return the URL of an endpoint, or only its path if TRUSTED_HOSTS isn't set.

    The client chooses the host name of a request, so it can't be trusted.
    """
    return url_for(endpoint, _external=bool(current_app.config["TRUSTED_HOSTS"]), **values)


def answer(body: bytes | Iterator[bytes], media_type: str, tag: str, status: int = 200) -> Response:
    """Return a response with a strong ETag (RFC 9110, 8.8.3), compressed if that is accepted.

    A client that accepts another content coding needs another tag.
    """
    coding = compression.accepted()
    if isinstance(body, bytes) and len(body) < compression.SMALLEST:
        coding = ""
    if coding:
        parts = compression.compressed([body] if isinstance(body, bytes) else body, coding)
        body = b"".join(parts) if isinstance(body, bytes) else parts
    response = Response(body, status, content_type=media_type)
    response.set_etag(tag)
    if coding:
        response.content_encoding = coding
    return response


def document(body: bytes, media_type: str, status: int = 200) -> Response:
    """Return a response whose ETag is the digest of its body, or 304 if the client has that."""
    response = answer(body, media_type, _tag_of(body, compression.accepted()), status)
    if request.if_none_match:
        response.make_conditional(request)
    return response


def conditional(current_tag: Callable[[], str]) -> Callable[[View], View]:
    """Answer 304, without running the view, if the client has the current version.

    The 304 is never stale as long as the view reads the data and their version in one statement. An
    invalid request never gets a 304, because only a valid one ever got a tag.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def conditionally(**arguments: Any) -> Any:
            if "HTTP_IF_NONE_MATCH" not in request.environ:
                return view(**arguments)
            known, tag = request.if_none_match, current_tag()
            if tag not in known.as_set(include_weak=True):
                return view(**arguments).make_conditional(request)
            response = Response(status=304)
            response.set_etag(tag)
            return response

        return conditionally

    return decorate


def chunks(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Join the parts of a stream into larger chunks."""
    buffer = bytearray()
    for part in parts:
        buffer += part
        if len(buffer) >= CHUNK:
            yield bytes(buffer)
            buffer.clear()
    yield bytes(buffer)
