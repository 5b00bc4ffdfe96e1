"""The browser for the tests, and the mark of those that need it."""

import os
import shutil

import pytest
from playwright.sync_api import expect

# The first has the same engine without windows and menus: it takes half as much processor time.
NAMES = ("chromium-headless-shell", "chromium", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
SLOWEST = 120_000  # milliseconds, where much else runs
in_browser = pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed")
LAUNCH = {
    "executable_path": CHROMIUM,
    "timeout": SLOWEST,
    "args": [
        # It can't reach other servers, and does nothing in the background.
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        "--disable-gpu",  # imitating one takes time
        *(["--no-sandbox"] if os.getuid() == 0 else []),  # as root it has none
    ],
}
expect.set_options(timeout=SLOWEST)
