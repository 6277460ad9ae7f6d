"""What the performance report says, and what it doubts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from scipy import stats as scipy_stats

from rpa_lab.inference.intervals import DAYS, THESE_RUNS, Interval, runs_needed
from rpa_lab.report.performance import (
    busiest,
    doubts,
    key_figures,
    last_seen,
    statistics,
    steps_table,
    summary,
)

if TYPE_CHECKING:
    from tests.report.conftest import MakeStats


@pytest.mark.parametrize("quantile", [0.01, 0.05, 0.5, 0.75, 0.9, 0.95, 0.99])
def test_so_many_runs_are_needed_that_the_outermost_bound_the_quantile(quantile: float) -> None:
    def missed(n: int) -> float:  # the chance that all runs lie on one side of the quantile, on the likelier side
        return max(scipy_stats.binom.pmf(n, n, quantile), scipy_stats.binom.pmf(0, n, quantile))

    needed = runs_needed(quantile)
    assert missed(needed) <= 0.025 < missed(needed - 1)


def test_the_summary_says_half_and_one_in_twenty(make_stats: MakeStats) -> None:
    assert summary(make_stats()) == (
        "Half of the runs took under 42 s, one in twenty more than 1 min 35 s. 97.5 % of 400 runs completed. "
        "1 run is still running."
    )


def test_of_few_runs_no_one_in_twenty_is_claimed(make_stats: MakeStats) -> None:
    few = make_stats(execution_count=20, completed=20, failed=0, cancelled=0, running=0)
    assert summary(few) == "Half of the runs took under 42 s, the longest 6 min 40 s. 100 % of 20 runs completed."


def test_of_one_run_its_duration_is_said(make_stats: MakeStats) -> None:
    one = make_stats(execution_count=1, completed=1, failed=0, cancelled=0, running=0)
    assert summary(one) == "The one run took 42 s. It completed."


def test_nothing_is_said_of_nothing(make_stats: MakeStats, nothing: dict[str, Any]) -> None:
    empty = make_stats(**nothing)
    assert summary(empty) == "No run of this workflow ended in this period."
    assert doubts(empty) == ()
    assert [tile.text for tile in key_figures(empty).tiles] == ["0", "–", "–", "–"]
    assert [row[1] for row in statistics(empty).rows] == [None] * 7


def test_runs_without_a_duration_are_told(make_stats: MakeStats, nothing: dict[str, Any]) -> None:
    lost = make_stats(**(nothing | {"abandoned": 3, "success_rate": 0.0}))
    assert summary(lost) == "No run of this workflow has a known duration. 0 % of 3 runs completed."
    assert any("3 runs never reported an end" in text for text in doubts(lost))
    assert any("3 runs of 3 ended without a known duration" in text for text in doubts(lost))


@pytest.mark.parametrize(
    ("n", "unfirm"),
    [
        (5, {"median", "95th percentile", "99th percentile"}),
        (71, {"95th percentile", "99th percentile"}),
        (72, {"99th percentile"}),
        (367, {"99th percentile"}),
        (368, set()),
    ],
)
def test_a_quantile_of_too_few_runs_is_doubted_everywhere(make_stats: MakeStats, n: int, unfirm: set[str]) -> None:
    stats = make_stats(execution_count=n, completed=n, failed=0, cancelled=0)
    said = " ".join(doubts(stats))
    assert {name for name in ("median", "95th percentile", "99th percentile") if name in said} == unfirm
    marked = {row[0] for row in statistics(stats).rows if "not firm" in str(row[-1])}
    assert marked == unfirm
    assert ("not firm" in key_figures(stats).tiles[3].note) == ("95th percentile" in unfirm)


def test_damage_is_said_first(make_stats: MakeStats) -> None:
    damage = "2026-11-03: 2 of 310 files are damaged and left out (see _quarantine.jsonl)"
    assert doubts(make_stats(warnings=(damage,), execution_count=20))[0] == damage


def test_every_figure_has_its_n(make_stats: MakeStats) -> None:
    stats = make_stats()
    assert {row[2] for row in statistics(stats).rows} == {400}
    assert "n" in [column.name for column in steps_table(stats).columns]
    assert [tile.note for tile in key_figures(stats).tiles[2:]] == ["of 400 finished runs"] * 2
    assert key_figures(stats).tiles[1].note == "8 failed, 2 cancelled"


def test_the_statistics_are_those_of_the_runs(make_stats: MakeStats) -> None:
    values = np.random.default_rng(5).lognormal(10, 1, 400)
    stats = make_stats(median_duration_ms=float(np.median(values)), max_duration_ms=float(values.max()))
    rows = {row[0]: row[1] for row in statistics(stats).rows}
    assert rows["median"] == np.median(values)
    assert rows["longest"] == values.max()


def test_the_busiest_workflow_is_the_first_by_name_among_equals() -> None:
    workflows = pl.DataFrame({"workflow_id": ["c", "b", "a"], "executions": [7, 7, 3]})
    assert busiest(workflows) == busiest(workflows.reverse()) == "b"
    assert busiest(workflows.clear()) is None


def test_a_workflow_that_never_ran_was_never_seen() -> None:
    workflows = pl.DataFrame(schema={"workflow_id": pl.String, "executions": pl.Int64, "last_started_at": pl.Datetime})
    assert last_seen(workflows, "a").text == "The store holds no run of this workflow whose start is known."


@pytest.mark.parametrize(
    ("basis", "said"), [(DAYS, "the long run, as far as 30 days"), (THESE_RUNS, "these runs only")]
)
def test_what_can_be_bounded_stands_with_its_bounds(make_stats: MakeStats, basis: str, said: str) -> None:
    def between(low: float, high: float) -> Interval:
        return Interval(low=low, high=high, level=0.95, method="", basis=basis, runs=400, days=30)

    unknown = replace(between(0, 0), low=None, high=None, doubt="too few days")
    stats = make_stats(
        median_interval=between(40_000.0, 44_000.0), p95_interval=between(90_000.0, 1e5), p99_interval=unknown
    )
    table = statistics(stats)

    assert [column.label for column in table.columns] == ["statistic", "duration", "at least", "at most", "runs"]
    bounds = {row[0]: row[2:4] for row in table.rows}
    assert (bounds["median"], bounds["95th percentile"]) == ((40_000.0, 44_000.0), (90_000.0, 1e5))
    assert bounds["99th percentile"] == bounds["longest"] == (None, None)
    assert said in table.note
    assert [tile.note for tile in key_figures(stats).tiles][2:] == [
        "95 %: 40 s to 44 s",
        "95 %: 1 min 30 s to 1 min 40 s",
    ]
