"""Which tests need a browser."""

import shutil

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
SLOWEST = 120_000  # milliseconds, where much else runs
in_browser = pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed")
