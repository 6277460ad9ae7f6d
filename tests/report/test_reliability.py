"""What the reliability report says, and what it doubts; and the notebook run from a store to a page."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from rpa_lab.analysis.reliability import ReliabilityAnalyzer
from rpa_lab.report import reliability as words
from rpa_lab.report import reliability_tables as tables
from rpa_lab.report.block import Chart, Kpis, Table, Text
from rpa_lab.report.generator import Rendered, ReportGenerator
from rpa_lab.simulate import BadSelector, Flaws, fleet
from rpa_lab.storage.store import TimeSeriesStore

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2026, 11, 3, 9, tzinfo=UTC)
END = date(2026, 11, 22)


def _store(root: Path, *statuses: str, error: str = "ReadTimeout: no answer", rerun: bool = False) -> TimeSeriesStore:
    rows: list[dict[str, Any]] = []
    for n, status in enumerate(statuses):
        begun, over = AT + timedelta(hours=n), status != "running"
        rows.append(
            {
                "execution_id": f"e{n}",
                "workflow_id": "w",
                "started_at": begun,
                "completed_at": begun + timedelta(minutes=1) if over else None,
                "duration_ms": 60_000.0 if over else None,
                "status": status,
                "error_message": error if status == "failed" else None,
                "rerun_of": f"e{n - 1}" if rerun and n else None,
            }
        )
    store = TimeSeriesStore(root, as_of=AT + timedelta(hours=len(statuses) - 1, minutes=2))
    store.write_frame("executions", pl.DataFrame(rows, infer_schema_length=None))
    return store


def _stats(root: Path, *statuses: str, **options: Any) -> Any:
    return ReliabilityAnalyzer(_store(root, *statuses, **options)).analyze("w", "2026-11")


def test_the_summary_says_how_often_and_why_not(root: Path) -> None:
    stats = _stats(root, "completed", "failed", "completed", "failed", "running")

    assert words.summary(stats) == (
        "Of 4 runs 50 % completed, 50 % at the first attempt. The most frequent cause of failure is timeout: 100 % of "
        "2 failures. It has not completed a run since the last breakdown. 1 run is still running."
    )
    assert words.doubts(stats)[-1:] == ("Only 4 runs ended: read the rates with their intervals.",)


def test_of_one_run_no_rate_is_claimed(root: Path) -> None:
    stats = _stats(root, "completed")
    assert words.summary(stats) == "The one run completed."
    assert words.doubts(stats)[1:] == ("Only 1 run ended: read the rates with their intervals.",)


def test_workflows_that_are_out_of_order_are_named(root: Path) -> None:
    analyzer = ReliabilityAnalyzer(_store(root, "completed", "failed"))
    stats, groups = analyzer.analyze(None, "2026-11"), analyzer.breakdown(period="2026-11")
    assert "w has not completed a run since the last breakdown." in words.summary(stats, groups=groups)
    assert "1 workflow has not completed a run" in words.summary(stats)

    many = pl.concat([groups.with_columns(workflow_id=pl.lit(name)) for name in ("e", "b", " ", "a", "d")])
    said = words.summary(replace(stats, unrestored=5), groups=many)
    assert "(no name), a, b and 2 more workflows have not completed a run since the last breakdown." in said


def test_of_runs_that_are_still_at_work_it_is_too_early_to_tell(root: Path) -> None:
    analyzer = ReliabilityAnalyzer(_store(root, "running", "running"))

    said = words.completion_words(analyzer.time_to_completion("w", "2026-11")).text
    assert said.startswith("No run has ended yet: it is too early to tell how long they take.")


def test_a_name_that_is_blank_is_said_to_be(root: Path) -> None:
    store = _store(root, "completed", "failed")
    run = {"execution_id": "x", "workflow_id": " ", "started_at": AT, "completed_at": AT, "status": "failed"}
    store.write_frame("executions", pl.DataFrame([run]))
    groups = ReliabilityAnalyzer(store).breakdown(period="2026-11")

    assert {row[0] for row in tables.groups_table(groups).rows} == {"w", "(no name)"}
    assert words.scope_name(" ") == "(no name)"


def test_nothing_is_said_of_nothing(root: Path) -> None:
    analyzer = ReliabilityAnalyzer(_store(root, "completed"))
    stats = analyzer.analyze("w", "2026-10")

    assert words.summary(stats) == "No run ended in this period."
    assert words.doubts(stats) == ()
    assert [tile.text for tile in words.key_figures(stats).tiles] == ["–"] * 4
    assert words.most_broken(analyzer.breakdown(period="2026-10")) is None
    assert words.completion_words(analyzer.time_to_completion("w", "2026-10")).text.startswith(
        "No run of this workflow"
    )
    assert words.healing_figures(analyzer.recoveries(period="2026-10")).tiles[0].note == "nothing was tried"


def test_every_figure_has_its_n_and_its_interval(root: Path) -> None:
    tiles = words.key_figures(_stats(root, *["completed"] * 8, "failed", "failed")).tiles

    assert [tile.label for tile in tiles] == [
        "Success rate", "At the first attempt", "Work between breakdowns", "Until it works again",
    ]  # fmt: skip
    assert [tile.text for tile in tiles] == ["80 %", "80 %", "5 min", "–"]
    assert tiles[0].note == "95 %, these runs only: 49.0 to 94.3 %; 2 failed"
    assert tiles[1].note.endswith("of 10 runs")
    assert tiles[2].note == "95 %, if breakdowns come alone: 1 min 23 s to 41 min 17 s; 2 breakdowns"
    assert tiles[3].note == "mean of 0 outages, 1 not over yet"


def test_cases_are_told_where_runs_were_repeated(root: Path) -> None:
    tile = words.key_figures(_stats(root, "failed", "completed", rerun=True)).tiles[2]

    assert (tile.label, tile.text) == ("Cases that succeed", "100 %")
    assert tile.note == "95 %, these runs only: 20.7 to 100.0 %; of 1 case, 2.00 attempts each"


def test_failures_that_no_rule_knows_are_doubted(root: Path) -> None:
    stats = _stats(root, *["completed"] * 20, "failed", error="hm")

    assert any("100 % of the failures say nothing that the rules know" in text for text in words.doubts(stats))


def test_hostile_words_are_text_in_every_table(root: Path) -> None:
    nasty = "</script><script>alert(1)</script> {{7*7}}"
    analyzer = ReliabilityAnalyzer(_store(root, "completed", "failed", error=nasty))
    table = tables.messages_table(analyzer.messages(period="2026-11"))

    assert table.rows[0][0] == nasty.replace("7", "<n>").replace("1", "<n>")
    assert "<script>" not in table._repr_html_()
    assert tables.causes_table(analyzer.failures(period="2026-11")).rows[0][:3] == ("unknown", 1, 1.0)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """The notebook over three weeks of three workflows, of which one has a selector that goes bad."""
    bad = BadSelector(workflow_id="order_entry", node_id="enter order > save", onset_day=10, share=0.3, ramp_days=4)
    flaws = Flaws(running=True, abandoned=0.01)
    made = fleet(20, 3, 2, end=END, runs_per_day=20, faults=[bad], flaws=flaws)
    store = TimeSeriesStore(tmp_path_factory.mktemp("reliability") / "store", as_of="latest")
    made.write(store)
    generator = ReportGenerator(store, out=tmp_path_factory.mktemp("out"), tz="Europe/Paris")
    return generator.run("reliability", period="all", formats=("html", "json"))


def test_the_notebook_becomes_a_page_with_every_section(rendered: Rendered) -> None:
    report = rendered.report

    assert report.title == "Reliability of all workflows"
    assert [section.title for section in report.sections] == [
        "At a glance",
        "Side by side",
        "Why runs fail",
        "What they say",
        "How long until a run of order_entry completes",
        "What self-healing is worth",
    ]
    kinds = {kind: sum(isinstance(block, kind) for block in report.blocks()) for kind in (Chart, Table, Kpis, Text)}
    assert kinds == {Chart: 5, Table: 6, Kpis: 2, Text: 1}
    assert rendered.html is not None
    assert rendered.html.stat().st_size > 100_000


def test_the_page_says_what_the_analyzer_says(rendered: Rendered) -> None:
    store = TimeSeriesStore(rendered.report.provenance.store, as_of="latest", tz="Europe/Paris")
    analyzer = ReliabilityAnalyzer(store)
    stats = analyzer.analyze(None, "all")
    found = {block.title: block for block in rendered.report.blocks() if isinstance(block, Table)}

    assert rendered.report.summary == words.summary(stats, groups=analyzer.breakdown(period="all"))
    assert rendered.report.provenance.n == stats.ended + stats.running
    assert [row[:2] for row in found["By workflow"].rows] == analyzer.breakdown(period="all").select(
        "workflow_id", "ended"
    ).rows()
    assert sum(int(str(row[1])) for row in found["Causes"].rows) == stats.failed
    assert found["Steps that are healed"].rows[0][:2] == ("order_entry", "enter order > save")
    charts = [block.title for block in rendered.report.blocks() if isinstance(block, Chart)]
    assert any("healing more and more; “save” in" in title for title in charts)


def test_a_period_without_runs_is_reported_too(rendered: Rendered, tmp_path: Path) -> None:
    generator = ReportGenerator(rendered.report.provenance.store, out=tmp_path)
    nothing = generator.run("reliability", workflow_id="order_entry", period="2026-01", formats=("json",)).report

    assert [section.title for section in nothing.sections] == ["At a glance"]
    assert nothing.summary == "No run ended in this period."
