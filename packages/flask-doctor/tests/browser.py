"""The browser for the tests, and the mark of those that need it."""

import os
import shutil

import pytest
from playwright.sync_api import expect

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
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
