"""The model of a report: immutable, and the same after a way through JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import given

from rpa_lab.errors import InputError
from rpa_lab.period import EVER, Period
from rpa_lab.report.block import Text
from rpa_lab.report.model import MIME, Report, ReportPeriod
from tests.strategies import hostile_text

if TYPE_CHECKING:
    from tests.report.conftest import MakeReport


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(
        Path(__file__).parents[2].joinpath("docs/report.schema.json").read_text(encoding="utf-8")
    )
    jsonschema.Draft202012Validator.check_schema(loaded)
    return loaded


@given(text=hostile_text())
def test_a_report_comes_back_equal_from_json(make_report: MakeReport, text: str) -> None:
    report = make_report("invoices").warn(text).section(text, Text(text=text))
    assert Report.from_dict(json.loads(json.dumps(report.to_dict()))) == report


def test_a_report_is_what_the_published_schema_says(make_report: MakeReport, schema: dict[str, Any]) -> None:
    jsonschema.validate(make_report("invoices").to_dict(), schema)


@pytest.mark.parametrize("name", ["title", "period", "provenance", "sections", "warnings", "version"])
def test_the_schema_misses_what_is_missing(make_report: MakeReport, schema: dict[str, Any], name: str) -> None:
    data = make_report("invoices").to_dict()
    del data[name]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, schema)


def test_adding_leaves_the_report_as_it_was(make_report: MakeReport) -> None:
    report = make_report("invoices")
    before = report.to_dict()
    longer = report.section("More", Text(text="more")).warn("n is small")
    assert report.to_dict() == before
    assert [section.title for section in longer.sections] == ["invoices", "More"]
    assert longer.warnings == ("invoices", "n is small")


def test_a_cell_that_is_run_again_replaces_its_section(make_report: MakeReport) -> None:
    report = make_report("invoices").section("A", Text(text="1")).section("B", Text(text="2"))
    again = report.section("A", Text(text="3"))
    assert [section.title for section in again.sections] == ["invoices", "A", "B"]
    assert again.sections[1].blocks == (Text(text="3"),)


def test_a_warning_is_said_once(make_report: MakeReport) -> None:
    assert make_report("invoices").warn("a", "b").warn("b", "a").warnings == ("invoices", "a", "b")


def test_a_notebook_gets_a_card_and_the_report_itself(make_report: MakeReport) -> None:
    report = make_report("<script>alert(1)</script>")
    bundle = report._repr_mimebundle_()
    assert Report.from_dict(bundle[MIME]) == report
    assert "<script" not in bundle["text/html"]
    assert "Half of the runs take under 4 s" in bundle["text/html"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "other"}, "format 'other' is no report"),
        ({"version": 2}, "report version 2 can't be read"),
        ({"sections": [{"title": "a"}]}, "not as expected"),
        ({"period": {"text": "a"}}, "not as expected"),
    ],
)
def test_what_is_no_report_is_refused(make_report: MakeReport, change: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Report.from_dict(make_report("invoices").to_dict() | change)


def test_a_period_is_told_in_words_and_bounds() -> None:
    period = ReportPeriod.of(Period("2026-11").resolve(tz="Europe/Paris"))
    assert period == ReportPeriod(
        text="1 November 2026 to 30 November 2026 (Europe/Paris)",
        start="2026-10-31T23:00:00Z",
        end="2026-11-30T23:00:00Z",
        tz="Europe/Paris",
    )
    assert ReportPeriod.of(EVER).text == "all time (UTC)"
