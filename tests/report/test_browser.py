"""The page in a real browser: drawn, quiet, alone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest

from rpa_lab.chart.comparison import comparison_intervals
from rpa_lab.chart.history import history_timeline
from rpa_lab.chart.waterfall import attribution_waterfall
from rpa_lab.report.block import Chart
from rpa_lab.report.html import write_html
from rpa_lab.report.model import Provenance, Report, ReportPeriod

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


def test_what_differs_is_drawn_without_a_complaint(browser: Browser, tmp_path: Path) -> None:
    """A waterfall, groups side by side, and histories with and without events of each kind."""
    parts = pl.DataFrame({"kind": ["time", "waiting"], "node_id": ["submit", None], "change_ms": [9e3, -1e3]})
    parts = parts.with_columns(low_ms=8e3, high_ms=pl.lit(None, pl.Float64), before=1e4, after=2e4, notable=True)
    table = pl.DataFrame({"metric": "avg", "group": ["a", "b"], "value": [5e3, 6e3], "n": 40, "days": 9})
    bounds = dict.fromkeys(("difference", "difference_low", "difference_high"), 1e3)
    table = table.with_columns(**bounds, ratio=1.2, ratio_low=1.1, ratio_high=1.3, q_value=0.3, significant=False)
    on = pl.date_range(date(2026, 11, 1), date(2026, 11, 20), eager=True)
    days = pl.DataFrame({"date": on, "level_ms": 5e3, "n": 40, "segment_ms": 5e3})
    at = [datetime(2026, 11, day, 9, tzinfo=UTC) for day in (2, 19)]
    events = pl.DataFrame({"at": at, "until": [at[0] + timedelta(hours=3), None], "kind": ["outage", "note"]})
    events = events.with_columns(node_id=pl.lit(None, pl.String), text=pl.lit("something happened"))
    charts = [
        attribution_waterfall(parts, workflow_id="w", baseline_mean_ms=46e3, current_mean_ms=54e3),
        comparison_intervals(table, metric="avg", by="robot", against="a"),
        *(history_timeline(days, some, workflow_id="w", tz="UTC") for some in (events, events.head(1), events.clear())),
    ]
    period = ReportPeriod(text="November", start="2026-11-01T00:00:00Z", end="2026-12-01T00:00:00Z")
    origin = Provenance(store="store", tz="UTC", as_of="2026-12-01T00:00:00Z", n=40)
    report = Report(title="What differs", period=period, provenance=origin).section("All", *map(Chart.of, charts))
    page = browser.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(write_html(report, tmp_path / "page.html").as_uri())
    page.wait_for_selector("html.drawn", timeout=20_000)
    assert said == []
    assert page.locator(".chart svg").count() == len(charts)
    assert "+9.00 s" in str(page.locator(".chart svg").first.text_content())
    page.close()
