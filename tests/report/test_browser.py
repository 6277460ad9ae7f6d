"""The page in a real browser: drawn, quiet, alone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from rpa_lab.report.html import write_html

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

    from tests.report.conftest import MakeReport

pytestmark = pytest.mark.browser

_CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_HOSTILE = "</script><script>alert(1)</script> <img src=x onerror=alert(2)> ${7*7} {{7*7}}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, _CHROMIUM)), None)
    if path is None:
        if os.environ.get("RPA_LAB_BROWSER") == "require":
            pytest.fail("RPA_LAB_BROWSER=require, but there is no Chromium on the PATH")
        pytest.skip("there is no Chromium on the PATH")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=_QUIET)
        yield opened
        opened.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_of_hostile_text_is_drawn_and_nothing_else_happens(
    browser: Browser, make_report: MakeReport, tmp_path: Path, scheme: str
) -> None:
    path = write_html(make_report(_HOSTILE), tmp_path / "page.html")
    page = browser.new_page(color_scheme="dark" if scheme == "dark" else "light")
    said: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_selector("html.drawn", timeout=20_000)
    assert said == []
    assert requests == [path.as_uri()]
    assert page.locator("h1").inner_text() == _HOSTILE
    assert page.locator(".chart svg .mark-rect path").count() == 2
    assert page.locator("img").count() == 0
    page.close()


def test_a_tooltip_shows_text_and_the_page_fits_a_phone(
    browser: Browser, make_report: MakeReport, tmp_path: Path
) -> None:
    path = write_html(make_report("invoices"), tmp_path / "page.html")
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto(path.as_uri())
    page.wait_for_selector("html.drawn", timeout=20_000)
    page.locator(".chart svg .mark-rect path").first.hover()
    page.wait_for_selector("#vg-tooltip-element.visible")
    assert "0 ms to 5 s" in page.locator("#vg-tooltip-element").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()
