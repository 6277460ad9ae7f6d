"""The written page: whole, inert, alone."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings

from rpa_lab.errors import ReportError
from rpa_lab.report.html import to_html, write_html
from rpa_lab.report.model import Provenance, Report, ReportPeriod
from tests.strategies import hostile_text

if TYPE_CHECKING:
    from pathlib import Path

    from tests.report.conftest import MakeReport

_VOID = {"meta", "link", "br", "img", "input", "hr"}
_HOSTILE = "</script><script>alert(1)</script> <img src=x onerror=alert(2)> ${7*7} {{7*7}} {% raw %} ]]> <!-- &amp;"


class _Page(HTMLParser):
    """The page's tags, and the texts of its elements, as a parser that is not ours reads them."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.raw: list[tuple[str, dict[str, str | None], str]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)
        if tag in {"script", "style"}:
            self.raw.append((tag, dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in {"script", "style"}:
            tag, attrs, text = self.raw.pop()
            self.raw.append((tag, attrs, text + data))
        else:
            self.text += data

    def specs(self) -> list[dict[str, Any]]:
        (text,) = (text for tag, attrs, text in self.raw if attrs.get("type") == "application/json")
        specs: list[dict[str, Any]] = json.loads(text)
        return specs


@pytest.fixture(scope="module")
def hostile_page(make_report: MakeReport) -> str:
    return to_html(make_report(_HOSTILE))


def test_every_tag_is_closed(hostile_page: str) -> None:
    assert hostile_page.startswith("<!doctype html>")
    assert _Page(hostile_page).open == []


def test_a_hostile_text_is_read_as_it_was_said_and_makes_no_element(hostile_page: str, make_report: MakeReport) -> None:
    hostile, harmless = _Page(hostile_page), _Page(to_html(make_report("invoices")))
    assert [tag for tag, _ in hostile.tags] == [tag for tag, _ in harmless.tags]
    # one less: the subtitle of the chart cuts a long name
    assert hostile.text.count(_HOSTILE) == harmless.text.count("invoices") - 1
    assert not [attrs for _, attrs in hostile.tags if any(name.startswith("on") for name in attrs)]


def test_no_chart_says_more_than_it_was_given(hostile_page: str) -> None:
    (spec,) = _Page(hostile_page).specs()
    assert "usermeta" not in spec
    assert "$schema" not in spec


@settings(max_examples=15)
@given(text=hostile_text())
def test_any_text_makes_a_whole_page_that_utf8_can_hold(make_report: MakeReport, text: str) -> None:
    report = Report(
        title=text,
        period=ReportPeriod(text=text, start="2026-11-01T00:00:00Z", end="2026-12-01T00:00:00Z"),
        provenance=Provenance(store=text, tz="UTC", as_of="2026-12-01T00:00:00Z", n=0),
        warnings=(text,),
    )
    page = to_html(report)
    assert _Page(page.encode().decode()).open == []
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f]", page)


def test_the_policy_allows_what_stands_in_the_page_and_nothing_else(hostile_page: str) -> None:
    page = _Page(hostile_page)
    (policy,) = (attrs["content"] for tag, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    parts = [part.split() for part in policy.split("; ")]
    directives = {name: allowed for name, *allowed in parts}

    def sources(wanted: str) -> list[str]:
        texts = [text for tag, attrs, text in page.raw if tag == wanted and attrs.get("type") != "application/json"]
        digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts]
        return [f"'sha256-{digest}'" for digest in digests]

    assert directives["default-src"] == ["'none'"]
    assert directives["script-src"] == sources("script")
    assert directives["style-src"] == sources("style")
    assert "unsafe" not in policy
    assert "http" not in policy


def test_nothing_is_loaded(hostile_page: str) -> None:
    page = _Page(hostile_page)
    assert not [tag for tag, _ in page.tags if tag in {"link", "img", "iframe", "object", "embed", "base", "a"}]
    assert not [attrs for _, attrs in page.tags if attrs.keys() & {"src", "href", "srcset", "action", "style"}]
    styles = [text for tag, _, text in page.raw if tag == "style"]
    assert not re.search(r"url\(|@import", "".join(styles))
    assert "http" not in json.dumps(page.specs())


def test_a_page_without_charts_has_no_script(make_report: MakeReport) -> None:
    report = make_report("invoices")
    plain = Report(title="t", period=report.period, provenance=report.provenance)
    page = to_html(plain)
    assert "<script" not in page
    assert "script-src 'none'" in html.unescape(page)
    assert len(page) < 20_000


def test_all_that_the_report_says_is_on_the_page(make_report: MakeReport) -> None:
    report = make_report("invoices")
    text = " ".join(_Page(to_html(report)).text.split())
    origin = report.provenance
    for said in (
        report.period.start,
        report.period.end,
        origin.as_of,
        origin.generated_at,
        origin.version,
        "1.50",
        "40",
    ):
        assert said in text


def test_the_same_report_gives_the_same_page(make_report: MakeReport) -> None:
    report = make_report("invoices")
    assert to_html(report) == to_html(report)


def test_a_page_is_replaced_whole_and_leaves_nothing_beside_it(make_report: MakeReport, tmp_path: Path) -> None:
    target = tmp_path / "new" / "page.html"
    write_html(make_report("first"), target)
    assert write_html(make_report("second"), str(target)) == target
    assert [path.name for path in target.parent.iterdir()] == ["page.html"]
    assert html.escape("second") in target.read_text(encoding="utf-8")


def test_a_place_that_can_not_be_written_is_named(make_report: MakeReport, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ReportError, match=r"file/page\.html' can't be written"):
        write_html(make_report("invoices"), tmp_path / "file" / "page.html")


def test_no_line_ends_between_a_number_and_its_unit_or_within_a_date_or_an_interval(make_report: MakeReport) -> None:
    page = (
        make_report("5.93 s on 2026-10-08, 66 % <b>of 2026-10</b> \u22120.65 to +1,200.04")
        .to_html()
        .partition("<main>")[2]
    )

    assert '5.93\u00a0s on <span class="whole">2026-10-08</span>, 66\u00a0% &lt;b&gt;of' in page
    assert '<span class="whole">\u22120.65 to +1,200.04</span>' in page
    assert "<b>" not in page
    assert page.count("5.93\u00a0s") >= 8  # in texts, tiles, notes, headings and cells
