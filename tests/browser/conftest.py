"""A real browser: the system's Chromium, which must be there; or SPILLOVER_TEST_BROWSER."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

SECONDS = 20


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = os.environ.get("SPILLOVER_TEST_BROWSER") or shutil.which("chromium") or shutil.which("google-chrome")
    assert found, "browser: found none, expected chromium; apt-get install chromium, or SPILLOVER_TEST_BROWSER=PATH"
    with sync_playwright() as playwright:
        # Without its sandbox, which wants rights that a container's root has not; it opens nothing but loopback.
        started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of its own, on which no script may fail."""
    found = browser.new_page(viewport={"width": 1100, "height": 1400})
    found.set_default_timeout(SECONDS * 1000)
    failed: list[str] = []
    found.on("pageerror", lambda error: failed.append(str(error)))
    yield found
    found.close()
    assert failed == []
