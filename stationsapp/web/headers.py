"""Headers of all responses, such as those for security."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flask import Flask

# Only our own scripts and styles, none inline, and no framing by other sites. Leaflet and Swagger
# UI use images as `data:`.
POLICY = (
    "default-src 'self'; img-src 'self' data:{images}; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
YEAR = 365 * 24 * 3600  # seconds

Environ = dict[str, Any]


def policy(images: str = "") -> str:
    """Return a Content-Security-Policy that also allows images from these sources."""
    return POLICY.format(images=images and f" {images}")


SECURE = {
    "Referrer-Policy": "strict-origin-when-cross-origin",  # OpenStreetMap's tiles need it
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": policy(),
    # A page may be for who is signed in: no shared cache keeps it.
    "Cache-Control": "private, no-cache",
}
STAY_SECURE = SECURE | {"Strict-Transport-Security": f"max-age={YEAR}"}


def init_app(app: Flask) -> None:
    """Add the headers for security to all responses, unless a page sets its own policy."""

    def secure(environ: Environ) -> Mapping[str, str]:
        return STAY_SECURE if environ["wsgi.url_scheme"] == "https" and not app.debug else SECURE

    add(app, secure)


def add(app: Flask, headers: Callable[[Environ], Mapping[str, str]]) -> None:
    """Add these headers of a request to its response, unless it has them.

    As WSGI middleware: `after_request` takes five times as long, a twentieth of a small read.
    """
    serve: Any = app.wsgi_app

    def serve_with_headers(environ: Environ, start_response: Any) -> Iterable[bytes]:
        def start(status: str, given: list[tuple[str, str]], *error: Any) -> Any:
            known = {name for name, _ in given}
            added = [item for item in headers(environ).items() if item[0] not in known]
            return start_response(status, given + added, *error)

        return serve(environ, start)  # type: ignore[no-any-return]

    app.wsgi_app = serve_with_headers  # type: ignore[method-assign]
