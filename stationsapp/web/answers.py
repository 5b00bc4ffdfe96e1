"""Responses to reads: content negotiation, ETags and 304, CORS, and streaming."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from pathlib import Path
from typing import Any
from zlib import crc32

from flask import Response, abort, current_app, request, url_for

from .blueprint import View

SHARED = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, Link",
    "Cache-Control": "no-cache",
    "Vary": "Accept",
}
PREFLIGHT = {
    "Access-Control-Allow-Headers": "Accept, If-None-Match",
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
}

CHUNK = 1 << 16  # bytes, about


def share(response: Response) -> Response:
    """Allow reads from other origins (CORS), and make caches revalidate."""
    response.headers.extend(SHARED)
    if request.method == "OPTIONS":
        response.headers.extend(PREFLIGHT)
    if request.method == "HEAD" or response.status_code == 304:
        response.close()  # the server closes only a response with a body
    return response


def wanted(asked: str | None, media_types: Mapping[str, str]) -> str:
    """Return the name of a format: the one asked for, or the one that the Accept header prefers.

    `media_types` maps names to media types. Without an Accept header, the first one is used. Aborts
    with 406 if Accept allows none of them.
    """
    if asked:
        return asked
    if not request.accept_mimetypes:
        return next(iter(media_types))
    best = request.accept_mimetypes.best_match(media_types.values())
    if best is None:
        abort(406, f"expected Accept to allow one of {', '.join(media_types.values())}")
    return next(form for form, media_type in media_types.items() if media_type == best)


def digest(package: Path) -> str:
    """Return a short digest of a package's code."""
    code = b"".join(path.read_bytes() for path in sorted(package.rglob("*.py")))
    return f"{crc32(code):08x}"


def tag(version: int, shape: str = "") -> str:
    """Return the ETag of the response to this request, for this version of the data.

    `shape` identifies the representation of the data: another shape gives another tag.
    """
    place = request.scheme, request.host, request.path  # links in the response begin with these
    asked = *place, request.query_string, request.headers.get("Accept"), shape
    return f"{version}-{crc32(repr(asked).encode()):08x}"


def address(endpoint: str, **values: Any) -> str:
    """Return the URL of an endpoint, or only its path if TRUSTED_HOSTS isn't set.

    The client chooses the host name of a request, so it can't be trusted.
    """
    return url_for(endpoint, _external=bool(current_app.config["TRUSTED_HOSTS"]), **values)


def answer(body: bytes | Iterator[bytes], media_type: str, tag: str, status: int = 200) -> Response:
    """Return a response with a strong ETag (RFC 9110, 8.8.3)."""
    response = Response(body, status, content_type=media_type)
    response.set_etag(tag)
    return response


def conditional(current_tag: Callable[[], str]) -> Callable[[View], View]:
    """Answer 304, without running the view, if the client has the current version.

    The 304 is never stale as long as the view reads the data and their version in one statement. An
    invalid request never gets a 304, because only a valid one ever got a tag.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def conditionally(**arguments: Any) -> Any:
            known = request.if_none_match
            if not known:
                return view(**arguments)
            tag = current_tag()
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
