"""How often the intervals of parts hold the truth of the long run: as days come, told apart by strata, and in a row.

- As days come: windows of 28 days against the next 28, 14 against 14, and 28 against 10, the shortest that days bound.
- Told apart: by the host, and by the size of the case (its lines, which the context says). "shares as they were" are
  days of one fleet. "shares moved" leaves out, from the second period, half of the runs of one stratum by a coin, and
  has the fault: there the truth counts each run of that stratum half, which is what a coin does on average, over all
  1,400 days. Parts of a stratum are then its fault's, and the mix is the coin's.
- In a row: a fleet without a day effect, and days that resemble the day before by so much (`related`). Both periods
  are days of one process, so that every truth is 0 exactly. "days taken for independent" are the same
  intervals without what neighbouring days have in common. Attempts aren't counted: the day effect doesn't touch them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import polars as pl

from benchmarks.attributing.counts import Held, coverage_table
from benchmarks.attributing.long_fleets import (
    LONG,
    Frames,
    frames,
    held,
    nodes_of,
    pair,
    truth_of,
    window,
    window_figures,
    windows_of,
    work_by_day,
)
from benchmarks.attributing.planting import five
from benchmarks.attributing.related import day_factors
from rpa_lab.analysis.attribution.split import Work
from rpa_lab.simulate.process import MEDIAN_LINES

WINDOWS = ((28, 28), (14, 14), (28, 10))
ALIKE = (0.0, 0.2, 0.3, 0.45)


def coverage(seeds: Iterable[int], *, days: int = LONG, windows: Iterable[tuple[int, int]] = WINDOWS) -> pl.DataFrame:
    """How often the intervals of parts hold what the parts of endless periods would be."""
    windows = list(windows)
    return coverage_table(_as_days_come(seeds, days=days, windows=windows))


def coverage_of_strata(seeds: Iterable[int], *, days: int = LONG) -> pl.DataFrame:
    """The same of parts within strata, and of the mix."""
    return coverage_table(_told_apart(seeds, days=days))


def coverage_of_related_days(
    seeds: Iterable[int],
    *,
    days: int = LONG,
    windows: Iterable[tuple[int, int]] = WINDOWS[:2],
    alike: Iterable[float] = ALIKE,
) -> pl.DataFrame:
    """The same where days resemble the day before."""
    windows, alike = list(windows), list(alike)
    return coverage_table(_in_a_row(seeds, days=days, windows=windows, alike=alike))


def _as_days_come(seeds: Iterable[int], *, days: int, windows: list[tuple[int, int]]) -> Iterator[Held]:
    for seed in seeds:
        faults, calm, struck = pair(seed, days=days)
        for workflow_id, part in faults:
            nodes = nodes_of(workflow_id, calm, struck)
            before, after = (work_by_day(side, workflow_id, days=days, nodes=nodes) for side in (calm, struck))
            for name, now in (("a fault", after), ("no fault", before)):
                truth = truth_of(before, now)
                for sizes in windows:
                    design = f"{sizes[0]} + {sizes[1]} days, {name}"
                    for one, other in windows_of(days, *sizes):
                        figures = window_figures(window(before, one), window(now, other), seed=seed)
                        for what, inside in held(figures, truth, nodes=nodes):
                            yield Held(design, what[0], inside)
                            if what == part and now is after:
                                yield Held(design, "planted", inside)


def _told_apart(seeds: Iterable[int], *, days: int) -> Iterator[Held]:
    size = pl.when(pl.col("lines") > MEDIAN_LINES).then(pl.lit("large")).otherwise(pl.lit("usual"))
    for seed in seeds:
        faults, calm, struck = pair(seed, days=days)
        for number, (workflow_id, _) in enumerate(faults):
            nodes = nodes_of(workflow_id, calm, struck)
            coin = np.random.default_rng([seed, number])
            for by, stratum in (("size of case", size), ("host", pl.col("host"))):
                strata = sorted(calm.runs.filter(workflow_id=workflow_id).select(stratum).to_series().unique())
                if len(strata) < 2:
                    continue  # all of its robots are on one host
                fewer = _by_coin(struck, stratum == strata[0], coin)
                before, whole, halved = (
                    work_by_day(side, workflow_id, days=days, nodes=nodes, stratum=stratum, strata=strata)
                    for side in (calm, struck, fewer)
                )
                half = np.where(np.arange(len(strata)) == 0, 0.5, 1.0)
                expected = Work(
                    *(part * half for part in (whole.runs, whole.duration)),
                    *(part * half[:, None] for part in (whole.attempts, whole.own)),
                )
                for name, now, truth in (
                    ("as they were", before, truth_of(before, before)),
                    ("moved", halved, truth_of(before, expected)),
                ):
                    for one, other in windows_of(days, 28, 28):
                        figures = window_figures(window(before, one), window(now, other), seed=seed)
                        for what, inside in held(figures, truth, nodes=nodes):
                            yield Held(f"28 + 28 days by {by}, shares {name}", what[0], inside)


def _by_coin(side: Frames, which: pl.Expr, coin: np.random.Generator) -> Frames:
    """Without half of some runs."""
    heads = pl.Series(coin.random(side.runs.height) < 0.5)
    return Frames(side.runs.filter(~which | heads), side.steps)


def _in_a_row(seeds: Iterable[int], *, days: int, windows: list[tuple[int, int]], alike: list[float]) -> Iterator[Held]:
    for seed in seeds:
        level = frames(five(days, seed, day_sd=0.0))
        for number, workflow_id in enumerate(level.runs["workflow_id"].unique().sort()):
            nodes = nodes_of(workflow_id, level)
            usual = work_by_day(level, workflow_id, days=days, nodes=nodes)
            for much in alike:
                factor = day_factors(np.random.default_rng([seed, round(100 * much), number]), days, alike=much)
                slow = Work(
                    usual.runs,
                    usual.duration * factor[:, None],
                    usual.attempts,
                    usual.own * factor[:, None, None],
                )
                for sizes in windows:
                    design = f"{sizes[0]} + {sizes[1]} days in a row, autocorrelation {much}"
                    yield from _of_one_process(slow, days=days, sizes=sizes, nodes=nodes, design=design, seed=seed)


def _of_one_process(
    work: Work, *, days: int, sizes: tuple[int, int], nodes: list[str], design: str, seed: int
) -> Iterator[Held]:
    nothing = np.zeros(2 * len(nodes) + 3)
    for one, other in windows_of(days, *sizes):
        for in_order, how in ((True, ""), (False, ", days taken for independent")):
            figures = window_figures(window(work, one), window(work, other), seed=seed, in_order=in_order)
            for (kind, _), inside in held(figures, nothing, nodes=nodes):
                if kind != "attempts":
                    yield Held(design, kind + how, inside)
