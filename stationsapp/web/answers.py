"""Answers to a read: in the format that is wanted, not sent again unless they changed, for all."""

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
    """Let the pages of other origins read (Fetch standard, CORS), and caches ask again."""
    response.headers.extend(SHARED)
    if request.method == "OPTIONS":
        response.headers.extend(PREFLIGHT)
    if request.method == "HEAD" or response.status_code == 304:
        response.close()  # without a body to send, nobody else does
    return response


def wanted(asked: str | None, media_types: Mapping[str, str]) -> str:
    """Return a format's name: the one asked for, else the one whose type Accept prefers.

    `media_types` has the types by the formats' names; without an Accept header the first is wanted.
    Aborts with 406 when Accept takes none of them.
    """
    if asked:
        return asked
    if not request.accept_mimetypes:
        return next(iter(media_types))
    best = request.accept_mimetypes.best_match(media_types.values())
    if best is None:
        abort(406, f"expected an Accept header that takes one of {', '.join(media_types.values())}")
    return next(form for form, media_type in media_types.items() if media_type == best)


def digest(package: Path) -> str:
    """Return a short digest of a package's code."""
    code = b"".join(path.read_bytes() for path in sorted(package.rglob("*.py")))
    return f"{crc32(code):08x}"


def tag(version: int, shape: str = "") -> str:
    """Return the tag of the answer to this very request, at this version of the data.

    `shape` stands for how the data are represented: another shape is another tag.
    """
    place = request.scheme, request.host, request.path  # which links in the answer begin with
    asked = *place, request.query_string, request.headers.get("Accept"), shape
    return f"{version}-{crc32(repr(asked).encode()):08x}"


def address(endpoint: str, **values: Any) -> str:
    """Return a link to a place here, or only its path where TRUSTED_HOSTS doesn't say our names.

    The host that a request names is anybody's word.
    """
    return url_for(endpoint, _external=bool(current_app.config["TRUSTED_HOSTS"]), **values)


def answer(body: bytes | Iterator[bytes], media_type: str, tag: str, status: int = 200) -> Response:
    """Return an answer with a strong ETag (RFC 9110, 8.8.3)."""
    response = Response(body, status, content_type=media_type)
    response.set_etag(tag)
    return response


def conditional(current_tag: Callable[[], str]) -> Callable[[View], View]:
    """Answer 304 if the client has what this data version gives, without making the answer.

    That is never stale, if a view's answer has the tag of the version that was seen by the very
    statement that found its data: if the version now is the same, so are the writes that it counts,
    and so are the data. Nor is it ever an answer to a bad request: only a good one was given a tag.
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
    """Join the parts of a stream to chunks that are worth sending."""
    buffer = bytearray()
    for part in parts:
        buffer += part
        if len(buffer) >= CHUNK:
            yield bytes(buffer)
            buffer.clear()
    yield bytes(buffer)
