"""The security headers of pages, answers of the API, files and errors."""

import pytest
from flask.testing import FlaskClient


@pytest.mark.parametrize(
    "path", ["/", "/docs/", "/api/stations", "/static/0/style.css", "/nowhere"]
)
def test_every_answer_has_the_headers(client: FlaskClient, path: str):
    with client.get(path) as response:  # a file is closed
        headers = response.headers
    policy = headers.get_all("Content-Security-Policy")
    assert len(policy) == 1
    assert "default-src 'self';" in policy[0]
    assert "frame-ancestors 'none'" in policy[0]
    assert "unsafe" not in policy[0]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "strict-origin-when-cross-origin"


@pytest.mark.parametrize(("scheme", "sent"), [("http", False), ("https", True)])
def test_a_browser_is_told_to_stay_with_tls(client: FlaskClient, scheme: str, sent: bool):
    response = client.get("/health/live", base_url=f"{scheme}://localhost")
    assert ("Strict-Transport-Security" in response.headers) is sent


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/", "private, no-cache"),
        ("/stations/new", "private, no-cache"),
        ("/nowhere", "private, no-cache"),
        ("/api/stations", "no-cache"),
        ("/static/0/style.css", "no-cache"),
    ],
)
def test_only_what_is_the_same_for_all_is_for_shared_caches(
    signed_in: FlaskClient, path: str, told: str
):
    with signed_in.get(path) as response:
        assert response.headers.getlist("Cache-Control") == [told]
