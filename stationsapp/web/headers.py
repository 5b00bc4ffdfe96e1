"""The security headers of every response."""

from flask import Flask, Response, request

# Only our own scripts and styles, none inline, and no framing by other sites. Leaflet and Swagger
# UI use images as `data:`.
POLICY = (
    "default-src 'self'; img-src 'self' data:{images}; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
YEAR = 365 * 24 * 3600  # seconds


def policy(images: str = "") -> str:
    """Return a Content-Security-Policy that also allows images from these sources."""
    return POLICY.format(images=images and f" {images}")


def init_app(app: Flask) -> None:
    """Add the headers to all responses, unless a page sets its own policy."""
    headers = {
        "Referrer-Policy": "strict-origin-when-cross-origin",  # OpenStreetMap's tiles need it
        "X-Content-Type-Options": "nosniff",
    }
    own = policy()

    @app.after_request
    def secure(response: Response) -> Response:
        response.headers.update(headers)
        response.headers.setdefault("Content-Security-Policy", own)
        # A page may be for who is signed in: no shared cache keeps it.
        response.headers.setdefault("Cache-Control", "private, no-cache")
        if request.is_secure and not app.debug:
            response.headers["Strict-Transport-Security"] = f"max-age={YEAR}"
        return response
