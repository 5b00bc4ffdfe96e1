"""A real browser, which reaches only the application."""

import os
from collections.abc import Iterator

import pytest
from browser import CHROMIUM, SLOWEST
from playwright.sync_api import Page, expect


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
    """A page that reaches the application alone; a script's error fails the test."""
    expect.set_options(timeout=SLOWEST)
    page.set_default_timeout(SLOWEST)
    errors: list[object] = []
    page.on("pageerror", lambda error: errors.append(error))
    foreign: list[str] = []

    def stay_here(route) -> None:
        foreign.append(route.request.url)
        route.abort()

    page.route(lambda url: not url.startswith((live_url, "data:")), stay_here)
    yield page
    assert errors == []
    assert all(url.startswith("https://tile.openstreetmap.org/") for url in foreign), foreign
