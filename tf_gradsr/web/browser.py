"""Headless Chromium, driven by Playwright: for the tests and for screenshots."""

import os
import shutil
from contextlib import contextmanager
from typing import Optional

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium() -> Optional[str]:
    """Path of the browser: the environment's CHROMIUM, or one on the PATH; None if there is none."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def launched(arguments=()):
    """Gives Playwright's `Browser`.

    Args:
        arguments: further command-line arguments for Chromium.

    Raises:
        ImportError: Playwright is missing. playwright.sync_api.Error: the browser does not start.
    """
    from playwright.sync_api import sync_playwright

    # Chromium refuses to run its sandbox as root.
    sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=[*sandbox, *arguments])
        try:
            yield browser
        finally:
            browser.close()
