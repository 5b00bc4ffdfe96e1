"""A real browser, which reaches only the application."""

import os
from collections.abc import Iterator

import pytest
from browser import CHROMIUM, SLOWEST
from playwright.sync_api import ConsoleMessage, Page, expect


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict:
    # As root Chromium has no sandbox; its background traffic is of no use to a test.
    arguments = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    return {
        "executable_path": CHROMIUM,
        "timeout": SLOWEST,
        "args": [*arguments, *(["--no-sandbox"] if os.getuid() == 0 else [])],
    }


@pytest.fixture
def offline_page(page: Page, live_url: str) -> Iterator[Page]:
    """A page that reaches the application alone; an error of a script or of the page fails."""
    expect.set_options(timeout=SLOWEST)
    page.set_default_timeout(SLOWEST)
    errors: list[object] = []
    page.on("pageerror", lambda error: errors.append(error))
    page.on("dialog", lambda dialog: errors.append(dialog.message))
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
    foreign: list[str] = []

    def stay_here(route) -> None:
        foreign.append(route.request.url)
        route.abort()

    page.route(lambda url: not url.startswith((live_url, "data:")), stay_here)
    yield page
    assert errors == []
    assert all(url.startswith("https://tile.openstreetmap.org/") for url in foreign), foreign


@pytest.fixture
def editor(offline_page: Page, live_url: str, token: str) -> Page:
    """A browser that is signed in as ada."""
    offline_page.goto(f"{live_url}/sign-in")
    offline_page.get_by_label("API token").fill(token)
    offline_page.get_by_role("button", name="Sign in").click()
    expect(offline_page.get_by_text("You are signed in as ada.")).to_be_visible()
    return offline_page
