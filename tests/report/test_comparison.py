"""What the comparison report says, and what it doubts; and the notebook run from a store to a page."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from rpa_lab import Lab
from rpa_lab.analysis.before_after import from_first_to_last, periods_of
from rpa_lab.report import comparison as words
from rpa_lab.report import comparison_tables as tables
from rpa_lab.report.block import Chart, Kpis, Table, Text
from rpa_lab.report.generator import Rendered, ReportGenerator, slug
from rpa_lab.storage.store import TimeSeriesStore

if TYPE_CHECKING:
    from pathlib import Path

    from rpa_lab.analysis.attribution.analyzer import Attribution

NASTY = "</script><script>alert(1)</script> {{7*7}}"


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
    assert any("runs on 9 days only" in text and "From 10 days a side on" in text for text in words.doubts(few))
    assert words.doubts(replace(found, warnings=("a file is damaged",)))[0] == "A file is damaged."
    assert words.doubts(replace(found, warnings=())) == ()


def test_the_parts_table_has_every_part_that_it_shows_with_its_interval(found: Attribution) -> None:
    table = tables.parts_table(found)
    names = [column.name for column in table.columns]

    assert names == ["part", "change_ms", "interval", "share", "moved", "sure"]
    assert [row[1] for row in table.rows] == found.parts["change_ms"].head(10).to_list()
    first = dict(zip(names, table.texts[0], strict=True))
    assert first["part"] == "fetch order: takes longer"
    assert first["sure"] == "yes"
    assert "→" in first["moved"]
    low, high = (float(end.replace(",", "")) for end in first["interval"].split(" to "))
    assert low < float(first["change_ms"].replace(",", "")) < high
    assert first["change_ms"].startswith("+")
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
    everyone = lab.attributions(before, now)
    found = everyone.judged(lab.attribution("order_entry", before, now))
    charts = [block for block in rendered.report.blocks() if isinstance(block, Chart)]

    assert rendered.report.summary.startswith(found.sentence)
    assert rendered.report.summary.endswith(
        "chosen among 2 for its change: what is called sure is corrected for that, intervals are not."
    )
    (kpis,) = (block for block in rendered.report.blocks() if isinstance(block, Kpis))
    q = everyone.table["q_value"][0]
    assert kpis.tiles[3].note == f"q = {q:.2g}, p corrected for 2 workflows"
    every = next(
        block for block in rendered.report.blocks() if isinstance(block, Table) and block.title == "All workflows"
    )
    assert dict(zip([column.name for column in every.columns], every.rows[0], strict=True))["q_value"] == q
    assert "“fetch order” takes longer" in charts[0].title
    assert charts[1].title.startswith("The longest runs take")
    assert 'since 5 October, the day of "the portal moved"' in rendered.report.summary
    assert "fetch order +" in _json_of(charts[3])
    assert "the portal moved" in _json_of(charts[3])


def test_two_versions_become_a_page_too(lab: Lab, tmp_path: Path) -> None:
    first, second = lab.executions("all", workflow_id="order_entry")["workflow_version"].unique().sort()[:2]
    done = ReportGenerator(lab.store, out=tmp_path).run(
        "comparison", workflow_id="order_entry", period="all", parameters={"versions": [first, second], "by": "host"}
    )
    report, found = done.report, lab.attribution("order_entry", versions=(first, second), period="all", by="host")
    blocks = list(report.blocks())

    assert done.notebook.name == f"comparison-order_entry-{slug(f'{second} against {first}')}-all-by-host.ipynb"
    assert report.title == f"Version {second} against {first} of order_entry"
    assert report.period.text.startswith(f"version {second} against {first}, 7 September to 1 November 2026")
    assert report.summary == found.sentence
    assert "All workflows" not in [section.title for section in report.sections]
    (kpis,) = (block for block in blocks if isinstance(block, Kpis))
    assert [tile.label for tile in kpis.tiles[:2]] == [f"Mean with {first}", f"Mean with {second}"]
    by_title = {block.title: block for block in blocks if isinstance(block, Table)}
    assert f"with {first} → {second}" in by_title["The parts of the change"].headings
    assert f"runs with {second}" in by_title["By host"].headings
    assert {row[1] for row in by_title["Two versions: durations"].rows} == {first, second}


def test_levels_beside_versions_are_said_to_be_of_all_runs(lab: Lab) -> None:
    history = lab.history("order_entry", "all")
    blocks = words.since_when(
        history,
        lab.history_chart("order_entry", "all"),
        tables.change_points_table(history.change_points),
        of_versions=True,
    )

    assert "whatever their version" in _texts(blocks)


def test_what_cannot_be_compared_is_a_chart_that_says_why(found: Attribution) -> None:
    none = replace(found, baseline_mean_ms=None, change_ms=None, warnings=("no completed run",))
    chart = Chart.of(words.waterfall(none))

    assert (chart.title, chart.subtitle) == ("Runs of order_entry can't be compared", "No completed run.")


def test_versions_are_named_in_doubts_and_where_nothing_is_to_compare(found: Attribution) -> None:
    versions = replace(found, compared_versions=("1", "2"))
    failing = replace(versions, baseline_failure_share=0.02, current_failure_share=0.3)
    assert any("30 % of the runs with 2 did not complete, 2.0 % with 1:" in text for text in words.doubts(failing))
    few = replace(versions, basis="these runs only", baseline_days=9)
    assert any("One of the versions has runs on 9 days only" in text for text in words.doubts(few))
    nothing = words.where_to_look(replace(versions, change_ms=None, current_runs=0)).text
    assert nothing.startswith("Both versions need runs that completed")
    assert "2: 0 runs" in nothing


def test_the_mean_is_judged_once_on_a_page(rendered: Rendered) -> None:
    sides = [
        block for block in rendered.report.blocks() if isinstance(block, Table) and "Before and now" in block.title
    ]
    named = [str(row[0]) for table in sides for row in table.rows]

    assert "95th percentile of duration (completed)" in named
    assert not [name for name in named if name.startswith("mean")]


def test_a_change_its_parts_and_their_chart_are_in_one_unit_with_signs(found: Attribution, lab: Lab) -> None:
    table, chart = tables.parts_table(found), words.waterfall(found).to_dict()
    by_name = dict(zip([column.name for column in table.columns], table.headings, strict=True))
    assert by_name["change_ms"] == "change (s)"
    assert by_name["interval"].endswith("(s)")
    assert "change of the mean (s)" in str(chart)
    assert words.key_figures(found).tiles[2].text.startswith("+")
    before, now = periods_of(lab.store, "all")
    rates = tables.differences_tables(
        lab.compare(sides={"a": {"period": before}, "b": {"period": now}}, metrics="success_rate"), title="x"
    )[0]
    assert rates.headings[3:5] == ("difference (points)", "95 % interval (points)")
    assert "%" not in rates.texts[1][3]


@pytest.fixture(scope="module")
def few(found: Attribution) -> Attribution:
    """The same as if each side had had three days only."""
    return replace(found, basis="these runs only", baseline_days=3, p_value=None, significant=None, change_point=None)


def test_of_few_days_nothing_on_the_page_is_sure(few: Attribution, lab: Lab) -> None:
    tiles = {tile.label: tile for tile in words.key_figures(few).tiles}
    assert (tiles["Largest sure part"].value, tiles["Largest sure part"].note) == (None, "too few days")
    assert {row[-1] for row in tables.parts_table(few).rows} == {"in these runs", "–"}
    assert Chart.of(words.waterfall(few)).title.endswith("no part of it is surely more than chance")
    assert "In these runs one part differs" in words.begin(few, store=lab.store).summary
    assert few.tail is not None
    shown = tables.parts_table(replace(few.tail, basis="these runs only"))
    assert "yes" not in {row[-1] for row in shown.rows}


def test_a_part_that_is_not_sure_enough_beside_chance_is_pale(found: Attribution) -> None:
    """Where the change itself may be chance, a part has to be five times as sure: on chart, table and tile alike."""
    unsure = replace(found, significant=False, p_value=0.3, parts=found.parts.with_columns(p_value=0.02))
    assert words.key_figures(unsure).tiles[4].note == "no part is sure"
    assert {row[-1] for row in tables.parts_table(unsure).rows} == {"–"}
    assert Chart.of(words.waterfall(unsure)).title.endswith("no part of it is surely more than chance")


def test_caution_says_what_was_told_apart_and_how_it_was_chosen(found: Attribution) -> None:
    assert "Runs are told apart by host:" in words.caution(found).text
    assert "chosen among" not in words.caution(found).text
    plain = replace(found, by=None, workflows=8)
    assert "Runs are not told apart" in words.caution(plain).text
    assert "The workflow was chosen among 8 for its change" in words.caution(plain).text


def test_where_to_look_counts_what_there_is(found: Attribution) -> None:
    said = words.where_to_look(replace(found, current_runs=1)).text
    assert f"7 September to 4 October 2026: {found.baseline_runs:,} runs; 5 October to 1 November 2026: 1 run" in said


def test_the_longest_runs_have_words_or_a_reason(found: Attribution) -> None:
    chart = words.waterfall(found.tail)
    assert [type(block) for block in words.longest_runs(found, chart)] == [Chart, Text, Table]
    assert "The longest" in _texts(words.longest_runs(found, chart))
    (reason,) = words.longest_runs(replace(found, tail=None), words.waterfall(None))
    assert "too few runs" in _texts([reason])


def test_changes_of_level_are_counted_by_what_they_are_of(lab: Lab) -> None:
    history = lab.history("order_entry", from_first_to_last(*periods_of(lab.store, "all")))
    points = history.change_points.table
    steps = points["node_id"].count()
    assert steps > 0
    said = words.history_words(history).text
    assert f"found: {points.height - steps} of whole runs, {steps} of single steps." in said
    none = replace(history, change_points=replace(history.change_points, table=points.clear()))
    assert words.history_words(none).text.startswith("No change of level is found, of whole runs or of single steps.")
    empty = replace(history, days=history.days.clear(), warnings=("nothing ran",))
    assert words.history_words(empty).text == "No day has runs enough to know its level. Nothing ran."


def test_a_long_note_is_cut(lab: Lab) -> None:
    points = lab.change_points("order_entry", from_first_to_last(*periods_of(lab.store, "all")))
    long = replace(points, table=points.table.with_columns(change_text=pl.lit("a word " * 90)))
    assert max(len(str(row[-1])) for row in tables.change_points_table(long).rows) < 110


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
