"""A small cut of `benchmarks/study_attribution.py`: what is planted is named, what is not is not, and intervals hold.

A coverage fails where it is hardly compatible with any from 90 to 98.5 %.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import stats

from benchmarks.attributing.coverage import coverage, coverage_of_related_days, coverage_of_strata
from benchmarks.attributing.few_days import coverage_of_few_days
from benchmarks.attributing.planting import KINDS, five
from benchmarks.attributing.related import day_factors, related, with_related_days
from benchmarks.attributing.tails import coverage_of_tails
from benchmarks.attributing.verdicts import named, silent, silent_of_related_days
from benchmarks.attributing.versions import versions

UNLIKELY = 0.001


def test_what_was_planted_is_the_first_part_named() -> None:
    table = named(range(3))
    first = table.filter(figure="first")

    assert set(first["design"]) == {f"{kind}, 8.0%" for kind in KINDS}
    reached, found = (sum(first[name].to_list()) for name in ("of", "n"))
    assert reached >= 14
    assert reached - found <= 1
    assert sum(table.filter(figure="said")["n"].to_list()) >= 8


def test_where_nothing_was_planted_hardly_anything_is_said() -> None:
    table = silent(range(3))

    assert table["of"].to_list() == [3, 3, 3]
    assert max(table["n"].to_list()) <= 1


def test_days_that_resemble_the_day_before_hardly_make_a_change() -> None:
    table = related(range(20), windows=[28], workflows=20)

    assert table["of"].to_list() == [20, 20]
    assert all(stats.binom.sf(n - 1, 20, 0.07) > UNLIKELY for n in table["n"])


def test_where_days_resemble_the_day_before_hardly_anything_is_said() -> None:
    table = silent_of_related_days(range(3), alike=0.3)

    assert table["of"].to_list() == [3, 3, 3]
    assert max(table["n"].to_list()) <= 1


def test_versions_side_by_side_hold_the_truth_and_equal_ones_hardly_differ() -> None:
    table = versions(range(2))
    _assert_held(table.filter(what="coverage"), least=0.90)
    said = table.filter(what="versions")
    counts = {(row["design"], row["figure"]): (row["n"], row["of"]) for row in said.to_dicts()}

    assert counts["versions, half of the runs, a fault", "named first, for sure"][0] >= 8  # of ten
    for share in ("half", "a tenth"):
        reported, of = counts[f"versions, {share} of the runs, no fault", "significant or a part"]
        assert (of, stats.binom.sf(reported - 1, of, 0.06) > UNLIKELY) == (10, True)


@pytest.mark.parametrize("window", [(14, 14), (28, 28), (28, 10)])
def test_intervals_hold_what_endless_periods_would_have(window: tuple[int, int]) -> None:
    table = coverage([0], days=700, windows=[window])

    assert set(table["figure"]) == {"attempts", "time", "waiting", "change", "planted"}
    _assert_held(table, least=0.90)


def test_intervals_hold_within_strata_and_of_the_mix() -> None:
    table = coverage_of_strata([0], days=336)

    assert set(table["figure"]) == {"attempts", "time", "waiting", "mix", "change"}
    assert table["design"].n_unique() == 4
    _assert_held(table, least=0.90)


def test_intervals_hold_of_the_longest_runs() -> None:
    table = coverage_of_tails([0], days=224)

    assert set(table["figure"]) == {"attempts", "time", "waiting", "change"}
    _assert_held(table, least=0.88, most=0.995)


def test_intervals_hold_where_days_resemble_the_day_before_and_did_not_when_days_were_taken_for_independent() -> None:
    table = coverage_of_related_days([0], days=1120, windows=[(14, 14), (28, 28)], alike=[0.3])
    independent = pl.col("figure").str.contains("independent")

    _assert_held(table.filter(~independent), least=0.90)
    before, now = (table.filter(which).select(pl.col("n", "of").sum()).row(0) for which in (independent, ~independent))
    assert before[1] == now[1]
    assert now[0] >= before[0] + 0.015 * now[1]


def test_intervals_of_these_runs_hold_what_the_same_days_would_give_with_endlessly_many() -> None:
    table = coverage_of_few_days([0])

    _assert_held(table.filter(~pl.col("design").str.contains("long run")), least=0.88)


def test_days_in_a_row_are_as_alike_and_as_slow_as_they_are_made() -> None:
    factors = np.log(day_factors(np.random.default_rng(0), 50_000, alike=0.45))

    assert np.corrcoef(factors[1:], factors[:-1])[0, 1] == pytest.approx(0.45, abs=0.02)
    assert factors.std() == pytest.approx(0.08, rel=0.02)
    assert np.exp(factors).mean() == pytest.approx(1, abs=0.002)


def test_runs_of_a_day_take_longer_together_with_all_of_their_steps() -> None:
    made = five(7, 0, day_sd=0.0)
    runs, steps = with_related_days(made, alike=0.3)
    ended = runs.filter(pl.col("completed_at").is_not_null())
    longer = runs["duration_ms"] / made.executions["duration_ms"]

    took = (pl.col("completed_at") - pl.col("started_at")).dt.total_microseconds() / 1000
    assert ended.select((took - pl.col("duration_ms")).abs().max()).item() <= 0.002
    by_day = runs.select("workflow_id", day=pl.col("started_at").dt.date(), longer=longer.round(4))
    assert by_day.group_by("workflow_id", "day").agg(pl.col("longer").n_unique())["longer"].max() == 1
    of_steps = steps.select("execution_id", made.steps["duration_ms"].alias("usual"), "duration_ms").join(
        runs.select("execution_id", longer=longer), on="execution_id", validate="m:1"
    )
    assert of_steps.select((pl.col("usual") * pl.col("longer") - pl.col("duration_ms")).abs().max()).item() < 0.05


def _assert_held(table: pl.DataFrame, *, least: float, most: float = 0.985) -> None:
    """By figure, not hardly compatible with any coverage in between."""
    assert sum(table["of"].to_list()) > 100
    for n, of in table.group_by("figure").agg(pl.col("n", "of").sum()).select("n", "of").iter_rows():
        assert stats.binom.cdf(n, of, least) > UNLIKELY
        assert n == of or stats.binom.sf(n - 1, of, most) > UNLIKELY
