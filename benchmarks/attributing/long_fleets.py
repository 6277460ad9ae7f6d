"""Fleets of 1,400 days as what each day's completed runs did, and whether intervals of some of these days hold a truth.

The truth is that of the long run. Without a fault it is 0 for every part, since both periods are days of one fleet;
with one it is the split between the whole of the fleet without and the whole with it, of 50 times as many days
as a window of 28, so that it varies a seventh as much. Neither needs an interval, or a day drawn anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.attributing.planting import PART, SIZES, five, planted, usual
from rpa_lab.analysis.attribution.parts import with_rare_attempts
from rpa_lab.analysis.attribution.split import Work, split, work_of
from rpa_lab.inference.two_periods import Figures, figures_of_two_periods
from rpa_lab.simulate.simulated import Fleet

LONG: Final = 1400
ALL: Final = pl.lit("(all)")

Floats = npt.NDArray[np.float64]


class Frames(NamedTuple):
    """The completed runs of a fleet, with the day each begins, and what they did at each of their steps."""

    runs: pl.DataFrame
    steps: pl.DataFrame


class Struck(NamedTuple):
    """One workflow's fault: which part it makes longer, at which node."""

    workflow_id: str
    part: tuple[str, str | None]


def pair(seed: int, *, days: int) -> tuple[list[Struck], Frames, Frames]:
    """The faults, and the fleets without and with them, all from the first day on."""
    calm = five(days, seed)
    faults = list(planted(seed, usual(calm), size=SIZES[0], onset=0))
    struck = five(days, seed, faults=[fault for _, _, fault in faults])
    where = [Struck(fault.workflow_id, (PART[kind], node)) for kind, node, fault in faults]
    return where, frames(calm), frames(struck)


def frames(made: Fleet) -> Frames:
    """What is needed of a fleet: its completed runs, and their steps."""
    us = (pl.col("duration_ms") * 1000).round().cast(pl.Int64).alias("us")
    day = (pl.col("started_at") - pl.lit(made.start)).dt.total_days().alias("unit")
    lines = pl.col("context").str.extract(r'"lines": (\d+)').cast(pl.Int64).alias("lines")
    runs = made.executions.filter(pl.col("status") == "completed").select(
        "workflow_id", "execution_id", day, us, "host", lines
    )
    steps = made.steps.filter(pl.col("status") != "skipped").select(
        "execution_id", "node_id", us, tried=1 + pl.col("retry_count")
    )
    return Frames(runs, steps)


def nodes_of(workflow_id: str, *sides: Frames) -> list[str]:
    """All nodes that runs of the workflow took on any side."""
    return sorted(
        {
            node
            for side in sides
            for node in side.steps.join(side.runs.filter(workflow_id=workflow_id), on="execution_id", how="semi")[
                "node_id"
            ].unique()
        }
    )


def work_by_day(
    side: Frames,
    workflow_id: str,
    *,
    days: int,
    nodes: list[str],
    stratum: pl.Expr = ALL,
    strata: list[str] | None = None,
) -> Work:
    """What a workflow's completed runs did each day."""
    runs = side.runs.filter(workflow_id=workflow_id).with_columns(stratum=stratum)
    of_days = runs.group_by("unit", "stratum").agg(runs=pl.len(), duration_us=pl.col("us").sum())
    of_nodes = (
        side.steps.join(runs.select("execution_id", "unit", "stratum"), on="execution_id", how="inner", validate="m:1")
        .group_by("unit", "stratum", "node_id")
        .agg(attempts=pl.col("tried").sum(), own_us=pl.col("us").sum())
    )
    return work_of(of_days, of_nodes, units=days, strata=strata or ["(all)"], nodes=nodes)


def truth_of(before: Work, now: Work) -> Floats:
    """The split between all of their days: of endless periods, nearly."""
    whole: Floats = split(*(work.counted(np.ones((1, len(work.runs)))) for work in (before, now)))[0]
    return whole


def window_figures(before: Work, now: Work, *, seed: int, in_order: bool = True) -> Figures:
    """The parts between two windows, with intervals, as an attribution makes them."""
    figures = figures_of_two_periods(
        lambda one, other: split(before.counted(one), now.counted(other)),
        (len(before.runs), len(now.runs)),
        seed=seed,
        in_order=in_order,
    )
    sums = (work.counted(np.ones((1, len(work.runs)))) for work in (before, now))
    return with_rare_attempts(figures, *sums, level=0.95)


def windows_of(days: int, before: int, now: int) -> Iterator[tuple[slice, slice]]:
    """Pairs of windows, one after another."""
    for start in range(0, days - before - now + 1, before + now):
        yield slice(start, start + before), slice(start + before, start + before + now)


def window(work: Work, days: slice) -> Work:
    """The days of a window that have runs."""
    with_runs = work.runs[days].sum(axis=1) > 0
    return Work(*(part[days][with_runs] for part in (work.runs, work.duration, work.attempts, work.own)))


def held(figures: Figures, truth: Floats, *, nodes: list[str]) -> Iterator[tuple[tuple[str, str | None], bool]]:
    """Of each part that could vary, and the change: its name, and whether its interval holds the truth."""
    names: list[tuple[str, str | None]] = [*(("attempts", node) for node in nodes), *(("time", node) for node in nodes)]
    inside = (figures.low <= truth) & (truth <= figures.high)
    for place, name in enumerate([*names, ("waiting", None), ("mix", None), ("change", None)]):
        if figures.low[place] < figures.high[place]:
            yield name, bool(inside[place])
