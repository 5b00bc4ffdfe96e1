"""The security headers of every answer."""

from flask import Flask, Response, request

# Only our own scripts and styles, none inline; nobody's frame around a page. Leaflet and Swagger UI
# bring pictures as `data:`.
POLICY = (
    "default-src 'self'; img-src 'self' data:{images}; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
YEAR = 365 * 24 * 3600  # seconds


def policy(images: str = "") -> str:
    """Return the Content-Security-Policy of a page with pictures from another place as well."""
    return POLICY.format(images=images and f" {images}")


def init_app(app: Flask) -> None:
    """Add the headers to all answers, but for a policy that a page brings itself."""
    headers = {
        "Referrer-Policy": "strict-origin-when-cross-origin",  # OpenStreetMap's tiles ask for it
        "X-Content-Type-Options": "nosniff",
    }
    own = policy()

    @app.after_request
    def secure(response: Response) -> Response:
        response.headers.update(headers)
        response.headers.setdefault("Content-Security-Policy", own)
        if request.is_secure and not app.debug:
            response.headers["Strict-Transport-Security"] = f"max-age={YEAR}"
        return response
