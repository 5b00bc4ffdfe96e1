"""A real browser, which reaches only the application."""

from collections.abc import Iterator

import pytest
from browser import LAUNCH, SLOWEST
from playwright.sync_api import ConsoleMessage, Page, expect


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict:
    return LAUNCH


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict) -> dict:
    """Settings of each page: no animations, which take a third of a map's processor time."""
    return browser_context_args | {"reduced_motion": "reduce"}


@pytest.fixture
def offline_page(page: Page, live_url: str) -> Iterator[Page]:
    """A page that reaches the application alone; an error of a script or of the page fails."""
    page.set_default_timeout(SLOWEST)
    errors: list[object] = []
    page.on("pageerror", lambda error: errors.append(error))
    page.on("dialog", lambda dialog: errors.append(dialog.message))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    pages: list[str] = []
    page.on(
        "request", lambda request: request.is_navigation_request() and pages.append(request.url)
    )

    def note(message: ConsoleMessage) -> None:
        # A page may be an error's, and a test may cut the connection.
        is_expected = message.location["url"] in pages or "net::ERR_" in message.text
        if message.type == "error" and not is_expected:
            errors.append(message.text)

    page.on("console", note)
    yield page
    assert errors == []
    known = (live_url, "data:", "https://tile.openstreetmap.org/")
    assert [url for url in asked if not url.startswith(known)] == []


@pytest.fixture
def editor(offline_page: Page, live_url: str, token: str) -> Page:
    """A browser that is signed in as ada."""
    offline_page.goto(f"{live_url}/sign-in")
    offline_page.get_by_label("API token").fill(token)
    offline_page.get_by_role("button", name="Sign in").click()
    expect(offline_page.get_by_text("You are signed in as ada.")).to_be_visible()
    return offline_page
