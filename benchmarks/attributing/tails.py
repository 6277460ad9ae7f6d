"""How often the intervals of the longest runs' parts hold the truth: what the longest twentieth of 1,400 days did.

That twentieth is found by sorting all of a workflow's runs, days or not; without a fault every part's truth is 0, both
periods being days of one fleet. Windows are 28 days of the one against the next 28 of the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.attributing.counts import Held, coverage_table
from benchmarks.attributing.long_fleets import LONG, Frames, nodes_of, pair, windows_of
from benchmarks.attributing.truths import held_in_table, truth_table
from rpa_lab.analysis.attribution.split import split, work_of
from rpa_lab.analysis.attribution.tail import LEAST_RUNS, TAIL, TailAttribution, longest_runs, tail_attribution
from rpa_lab.inference.intervals import DAYS


def coverage_of_tails(seeds: Iterable[int], *, days: int = LONG) -> pl.DataFrame:
    """How often intervals of a tail's parts hold what endless periods' tails would give."""
    return coverage_table(_of_tails(seeds, days=days))


def _of_tails(seeds: Iterable[int], *, days: int) -> Iterator[Held]:
    for seed in seeds:
        faults, calm, struck = pair(seed, days=days)
        for workflow_id, _ in faults:
            nodes = nodes_of(workflow_id, calm, struck)
            before, after = (_of_workflow(side, workflow_id) for side in (calm, struck))
            for name, now in (("a fault", after), ("no fault", before)):
                truth = truth_table(_split_of_longest(before, now, nodes=nodes), nodes=nodes)
                for one, other in windows_of(days, 28, 28):
                    sides = [_within(before, one), _within(now, other)]
                    if min(side.runs.height for side in sides) >= LEAST_RUNS:
                        table = _tail(sides, workflow_id, seed=seed)
                        yield from held_in_table(table, truth, design=f"28 + 28 days, longest twentieth, {name}")


def _of_workflow(side: Frames, workflow_id: str) -> Frames:
    """Its runs, and what they did at each node."""
    runs = side.runs.filter(workflow_id=workflow_id)
    steps = (
        side.steps.join(runs.select("execution_id", "unit"), on="execution_id", how="inner", validate="m:1")
        .group_by("execution_id", "unit", "node_id")
        .agg(attempts=pl.col("tried").sum(), own_us=pl.col("us").sum())
    )
    return Frames(runs, steps)


def _split_of_longest(before: Frames, now: Frames, *, nodes: list[str]) -> npt.NDArray[np.float64]:
    """The parts of the change from the one's longest runs to the other's."""
    whole = []
    for side in (before, now):
        longest = side.runs.sort("us", descending=True).head(int(np.ceil(TAIL * side.runs.height)))
        steps = side.steps.join(longest.select("execution_id"), on="execution_id", how="semi")
        one = {"unit": pl.lit(0, pl.Int64), "stratum": pl.lit("(all)")}
        of_all = longest.select(**one, runs=pl.len(), duration_us=pl.col("us").sum()).head(1)
        whole.append(work_of(of_all, steps.with_columns(**one), units=1, strata=["(all)"], nodes=nodes))
    parts: npt.NDArray[np.float64] = split(*whole)[0]
    return parts


def _within(side: Frames, days: slice) -> Frames:
    """Its runs and steps in a window."""
    inside = pl.col("unit").is_between(days.start, days.stop, closed="left")
    return Frames(side.runs.filter(inside), side.steps.filter(inside))


def _tail(sides: list[Frames], workflow_id: str, *, seed: int) -> TailAttribution:
    """As the analyzer makes it of runs that a store holds."""
    completed = pl.concat(
        side.runs.select(
            pl.lit(number).alias("side"),
            "execution_id",
            pl.lit(workflow_id).alias("workflow_id"),
            pl.lit(DAYS).alias("basis"),
            pl.col("unit").rank("dense").cast(pl.Int64) - 1,
            duration_us="us",
        )
        for number, side in enumerate(sides)
    ).with_row_index("run")
    first, second = (side.runs["unit"].n_unique() for side in sides)
    longest = longest_runs(completed, units=(first, second), seed=seed, later_first=False)
    steps = pl.concat(
        side.steps.join(
            longest.filter(side=number).select("execution_id", "run"), on="execution_id", how="inner", validate="m:1"
        )
        for number, side in enumerate(sides)
    ).select("run", "node_id", "attempts", "own_us")
    return tail_attribution(longest, completed, steps, units=(first, second), level=0.95, seed=seed, later_first=False)
