"""The longest twentieth of the runs: which these are, and which part of their change is sure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from rpa_lab.analysis.attribution.tail import (
    LEAST_RUNS,
    TAIL,
    TailAttribution,
    _Longest,
    longest_runs,
    tail_attribution,
)
from rpa_lab.inference.two_periods import drawn_days


def _completed(seed: int = 0, *, days: int = 12, per_day: int = 30, slower: float = 1.0) -> pl.DataFrame:
    """Runs of two periods with long tails; those of the second one take `slower` times as long."""
    rng = np.random.default_rng(seed)
    count = days * per_day
    sides = [
        pl.DataFrame(
            {
                "execution_id": [f"{side}-{number:05}" for number in range(count)],
                "workflow_id": "w",
                "side": side,
                "unit": np.arange(count) % days,
                "duration_us": (rng.lognormal(0, 1, count) * 1e6 * (slower if side else 1)).astype(np.int64),
                "basis": "days",
            }
        )
        for side in (0, 1)
    ]
    return pl.concat(sides).with_row_index("run").with_columns(pl.col("unit").cast(pl.Int64))


def _of(completed: pl.DataFrame, *, seed: int = 0) -> TailAttribution:
    """Its tail; each run is one step that takes all of its time."""
    units = (12, 12)
    longest = longest_runs(completed, units=units, seed=seed, later_first=False)
    steps = longest.select("run", pl.lit("submit").alias("node_id"), pl.lit(1).alias("attempts"), own_us="duration_us")
    return tail_attribution(longest, completed, steps, units=units, level=0.95, seed=seed, later_first=False)


def test_the_runs_kept_hold_the_longest_of_every_resample() -> None:
    completed, units = _completed(), (12, 12)
    kept = longest_runs(completed, units=units, seed=3, later_first=False)

    assert kept.height < completed.height
    for side, weights in enumerate(drawn_days(units, seed=3)):
        runs = completed.filter(side=side).sort("duration_us", descending=True)
        times = weights[:, runs["unit"].to_numpy()]
        room = np.ceil(times.sum(axis=1) * TAIL - 1e-9)
        needed = (np.cumsum(times, axis=1) < room[:, None]).sum(axis=1).max() + 1
        assert kept.filter(side=side).height >= needed
        assert kept.filter(side=side)["duration_us"].is_sorted(descending=True)


def test_equal_runs_are_taken_by_id() -> None:
    completed = _completed().with_columns(duration_us=pl.lit(1_000_000)).sample(fraction=1, shuffle=True, seed=1)
    kept = longest_runs(completed, units=(12, 12), seed=0, later_first=False).filter(side=0)

    assert kept["execution_id"].to_list() == sorted(completed.filter(side=0)["execution_id"])[: kept.height]


def test_means_are_of_the_longest_twentieth_and_parts_add_up() -> None:
    completed = _completed(slower=3.0)
    found = _of(completed)

    for side, mean_ms, count in ((0, found.baseline_mean_ms, found.baseline_runs),
                                 (1, found.current_mean_ms, found.current_runs)):  # fmt: skip
        longest = np.sort(completed.filter(side=side)["duration_us"].to_numpy())[-18:]
        assert count == 18
        assert mean_ms == pytest.approx(longest.mean() / 1_000)
    assert found.parts["change_ms"].sum() == pytest.approx(found.change_ms)
    first = found.parts.row(0, named=True)
    assert (first["kind"], first["notable"]) == ("time", True)
    assert found.sentence.startswith("The longest 18 runs took ")
    assert " longer (" in found.sentence


@pytest.mark.parametrize("left_out", [1, 7, 19])
def test_a_twentieth_that_is_no_whole_number_is_rounded_up(left_out: int) -> None:
    found = _of(_completed().filter(pl.col("run") % 360 >= left_out))

    assert found.baseline_runs == found.current_runs == -(-(360 - left_out) // 20)


def test_a_day_that_is_drawn_twice_brings_its_long_runs_twice() -> None:
    completed = _completed().filter(side=0)
    steps = completed.select(
        "run", pl.lit("submit").alias("node_id"), pl.lit(1).alias("attempts"), own_us="duration_us"
    )
    longest = _Longest.of(completed.sort("duration_us", descending=True), completed, steps, nodes=["submit"], units=12)
    weights = drawn_days((12, 12), seed=5, resamples=20)[0]

    drawn = longest.drawn(weights)

    for row, each in enumerate(weights):
        times = each[completed["unit"].to_numpy()].astype(int)
        again = np.sort(np.repeat(completed["duration_us"].to_numpy(), times))[-18:]
        assert drawn.duration[row, 0] == pytest.approx(again.sum())
        assert (drawn.runs[row, 0], drawn.attempts[row].sum()) == (18, 18)


def test_of_few_days_no_part_of_the_tail_is_sure() -> None:
    found = _of(_completed(slower=3.0))

    assert found.parts.filter(found.sure).height == 1
    assert found.parts.filter(replace(found, basis="these runs only").sure).is_empty()


def test_a_tail_without_bounds_says_only_what_it_was() -> None:
    found = replace(_of(_completed(slower=0.5)), change_low_ms=None, change_high_ms=None)

    assert found.sentence.endswith(" less than the longest 18 before.")
    assert LEAST_RUNS * TAIL == 20
