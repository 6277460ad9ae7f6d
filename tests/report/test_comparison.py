"""What the comparison report says, and what it doubts; and the notebook run from a store to a page."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from rpa_lab import Lab
from rpa_lab.analysis.attribution.analyzer import AttributionAnalyzer
from rpa_lab.analysis.before_after import from_first_to_last, periods_of
from rpa_lab.report import comparison as words
from rpa_lab.report import comparison_tables as tables
from rpa_lab.report.block import Chart, Kpis, Table, Text
from rpa_lab.report.generator import Rendered, ReportGenerator
from rpa_lab.simulate import SlowStep, fleet
from rpa_lab.storage.store import TimeSeriesStore

if TYPE_CHECKING:
    from pathlib import Path

    from rpa_lab.analysis.attribution.analyzer import Attribution

END = date(2026, 11, 2)
SLOW = SlowStep(workflow_id="order_entry", node_id="fetch order", onset_day=28, factor=3)
NASTY = "</script><script>alert(1)</script> {{7*7}}"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """Eight weeks of two workflows, in the second four of which a step of one takes three times as long; its note."""
    store = TimeSeriesStore(tmp_path_factory.mktemp("comparison") / "store", as_of="latest")
    fleet(56, 2, 7, end=END, runs_per_day=30, faults=[SLOW], releases_per_month=2).write(store)
    store.note("the portal moved", workflow_id="order_entry", at=datetime(2026, 10, 5, 8, tzinfo=UTC))
    return Lab(store)


@pytest.fixture(scope="module")
def found(lab: Lab) -> Attribution:
    """Why the slow workflow is slow."""
    before, now = periods_of(lab.store, "all")
    return lab.attribution("order_entry", before, now, by="host")


def _texts(blocks: Any) -> str:
    return " ".join(block.text for block in blocks if isinstance(block, Text))


def test_the_summary_says_what_since_when_and_what_was_changed_then(found: Attribution, lab: Lab) -> None:
    report = words.begin(found, store=lab.store)

    assert report.title == "What changed in order_entry"
    assert "because “fetch order” takes" in report.summary
    assert 'since 5 October, the day of "the portal moved"' in report.summary
    assert report.period.text == "5 October to 1 November 2026 against 7 September to 4 October 2026 (UTC)"
    assert (report.period.start, report.period.end) == ("2026-09-07T00:00:00Z", "2026-11-02T00:00:00Z")
    assert report.provenance.n == found.baseline_runs + found.current_runs


def test_the_figures_are_those_of_the_split_with_their_n(found: Attribution) -> None:
    tiles = {tile.label: tile for tile in words.key_figures(found).tiles}

    assert tiles["Mean before"].value == found.baseline_mean_ms
    assert tiles["Mean now"].note == f"{found.current_runs:,} runs on {found.current_days} days"
    assert (tiles["Change"].value, tiles["Change"].tone) == (found.change_ms, "bad")
    assert tiles["That it is chance"].text == "unlikely"
    assert tiles["Largest sure part"].value == found.parts["change_ms"][0]
    assert tiles["Largest sure part"].note == "fetch order: takes longer"


@pytest.mark.parametrize(
    ("significant", "p_value", "said"),
    [(True, 0.01, "unlikely"), (False, 0.3, "possible"), (None, None, "undecided")],
)
def test_a_change_that_may_be_chance_has_no_tone(
    found: Attribution, significant: bool | None, p_value: float | None, said: str
) -> None:
    tiles = {t.label: t for t in words.key_figures(replace(found, significant=significant, p_value=p_value)).tiles}

    assert tiles["That it is chance"].text == said
    assert tiles["Change"].tone == ("bad" if significant else "")
    faster = replace(found, significant=significant, p_value=p_value, change_ms=-5.0)
    assert words.key_figures(faster).tiles[2].tone == ("good" if significant else "")


def test_failures_and_few_days_are_doubted(found: Attribution) -> None:
    failing = replace(found, baseline_failure_share=0.02, current_failure_share=0.3)
    assert any("30 % of the runs did not complete, 2.0 % before" in text for text in words.doubts(failing))
    few = replace(found, basis="these runs only", baseline_days=9)
    assert any("runs on 9 days only" in text for text in words.doubts(few))
    assert words.doubts(replace(found, warnings=("a file is damaged",)))[0] == "A file is damaged."
    assert words.doubts(replace(found, warnings=())) == ()


def test_the_parts_table_has_every_part_that_it_shows_with_its_interval(found: Attribution) -> None:
    table = tables.parts_table(found)
    names = [column.name for column in table.columns]

    assert names == ["part", "change_ms", "interval", "share", "moved", "notable"]
    assert [row[1] for row in table.rows] == found.parts["change_ms"].head(10).to_list()
    first = dict(zip(names, table.texts[0], strict=True))
    assert first["part"] == "fetch order: takes longer"
    assert first["notable"] == "yes"
    assert "→" in first["moved"]
    low, high = (float(end.replace(",", "")) for end in first["interval"].split(" to "))
    assert low < float(first["change_ms"].replace(",", "")) < high
    assert f"The {found.parts.height - 10} smallest parts are not shown." in table.note


def test_no_share_is_given_of_a_change_that_may_be_none(found: Attribution) -> None:
    unsure = tables.parts_table(replace(found, change_low_ms=-1.0, change_high_ms=9.0))
    assert {row[3] for row in unsure.rows} == {None}


def test_kinds_of_runs_add_up_to_the_change(found: Attribution) -> None:
    by_host, by_version = tables.kinds_tables(found)

    assert (by_host.title, by_version.title) == ("By host", "By version")
    for table in (by_host, by_version):
        added = sum(float(row[-1] or 0) + float(row[-2] or 0) for row in table.rows)
        assert added == pytest.approx(found.change_ms)
    one = replace(found, strata=None, versions=found.versions.head(1))
    assert tables.kinds_tables(one) == ()


def test_the_versions_to_compare_begin_with_that_of_before(found: Attribution) -> None:
    names = words.versions_to_compare(found)
    before = dict(found.versions.select("workflow_version", "runs_before").rows())

    assert len(names) > 1
    assert before[names[0]] == max(before.values())
    assert words.versions_to_compare(replace(found, versions=found.versions.head(1))) == []


def test_the_workflow_that_changed_most_surely_is_looked_at(lab: Lab) -> None:
    everyone = AttributionAnalyzer(lab.store).attribute_all(*periods_of(lab.store, "all"))
    none = pl.DataFrame({"workflow_id": ["b", "a"], "executions": [5, 9]})

    assert words.most_changed(everyone, otherwise=none) == "order_entry"
    assert words.most_changed(replace(everyone, table=everyone.table.clear()), otherwise=none) == "a"
    table = tables.workflows_table(everyone)
    assert [row[0] for row in table.rows] == everyone.table["workflow_id"].to_list()


def test_metrics_have_words() -> None:
    assert tables.metric_words("p99.9") == "99.9th percentile of duration"
    assert tables.metric_words("median(steps.duration_ms)") == "median duration"
    assert tables.metric_words("avg(retry_count)") == "mean retry count"
    assert tables.metric_words("count") == "number of runs"


def test_the_sides_stand_beside_one_another_by_unit(lab: Lab, found: Attribution) -> None:
    before, now = periods_of(lab.store, "all")
    compared = lab.compare(sides={"before": {"period": before}, "now": {"period": now}}, workflow_id="order_entry")
    made = {table.title: table for table in tables.differences_tables(compared, title="Before and now")}

    assert list(made) == ["Before and now: rates", "Before and now: durations", "Before and now: numbers"]
    mean = made["Before and now: durations"].rows[1]
    assert mean[:2] == ("mean duration (completed)", "now")
    assert mean[2] == pytest.approx(found.current_mean_ms)
    assert mean[3] == pytest.approx(found.change_ms)
    assert made["Before and now: durations"].rows[0][3:6] == (None, "–", None)
    assert sum(len(table.rows) for table in made.values()) == compared.table.height


def test_changes_of_level_stand_with_what_was_changed_then(lab: Lab) -> None:
    points = lab.change_points("order_entry", from_first_to_last(*periods_of(lab.store, "all")))
    rows = {row[0]: row for row in tables.change_points_table(points).rows}

    assert rows["fetch order"][1] == "2026-10-05"
    assert rows["fetch order"][-1] == "the portal moved"
    assert float(str(rows["fetch order"][5])) == pytest.approx(200, abs=40)


def test_hostile_names_are_text(found: Attribution) -> None:
    nasty = replace(found, parts=found.parts.with_columns(node_id=pl.lit(NASTY)), workflow_id=NASTY)
    table = tables.parts_table(nasty)

    assert NASTY in str(table.rows[0][0])
    assert "<script>" not in table._repr_html_()
    assert "<script>" not in words.key_figures(nasty)._repr_html_()
    assert Chart.of(words.waterfall(nasty)).subtitle.startswith("</script>")


@pytest.fixture(scope="module")
def rendered(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """The notebook over the whole fleet."""
    generator = ReportGenerator(lab.store, out=tmp_path_factory.mktemp("out"))
    return generator.run("comparison", period="all", formats=("html", "json"))


def test_the_notebook_becomes_a_page_with_every_section(rendered: Rendered) -> None:
    report = rendered.report

    assert report.title == "What changed in order_entry"
    assert [section.title for section in report.sections] == [
        "At a glance",
        "Why",
        "The longest runs",
        "Side by side",
        "Since when",
        "All workflows",
        "What to be careful about",
    ]
    kinds = {kind: sum(isinstance(block, kind) for block in report.blocks()) for kind in (Chart, Table, Kpis, Text)}
    assert kinds == {Chart: 4, Table: 8, Kpis: 1, Text: 3}
    assert rendered.html is not None
    assert rendered.html.stat().st_size > 100_000


def test_the_page_says_what_the_analyzers_say(rendered: Rendered, lab: Lab) -> None:
    before, now = periods_of(lab.store, "all")
    found = lab.attribution("order_entry", before, now)
    charts = [block for block in rendered.report.blocks() if isinstance(block, Chart)]

    assert rendered.report.summary == found.sentence
    assert "“fetch order” takes longer" in charts[0].title
    assert charts[1].title.startswith("The longest runs take")
    assert 'since 5 October, the day of "the portal moved"' in rendered.report.summary
    assert "fetch order +" in _json_of(charts[3])
    assert "the portal moved" in _json_of(charts[3])


def test_a_store_without_enough_says_so_in_words(tmp_path: Path) -> None:
    at = [datetime(2026, 11, 3, 9, tzinfo=UTC) + timedelta(minutes=5 * number) for number in range(4)]
    runs = pl.DataFrame({"execution_id": list("abcd"), "workflow_id": "w", "started_at": at, "status": "completed"})
    store = TimeSeriesStore(tmp_path / "store", as_of="latest")
    store.write_frame("executions", runs.with_columns(duration_ms=1_000.0))
    report = ReportGenerator(store, out=tmp_path).run("comparison", formats=("json",)).report

    assert report.summary.startswith("Runs of w can't be compared")
    assert [section.title for section in report.sections] == [
        "At a glance",
        "Where to look",
        "Since when",
        "What to be careful about",
    ]
    assert "3 November 2026: 4 runs" in _texts(report.blocks())


def _json_of(chart: Chart) -> str:
    return str(chart.to_dict())
