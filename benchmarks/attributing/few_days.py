"""How often intervals hold that speak of these runs only: 28 days against a week, too few days to be drawn anew.

What they claim is what these very days would give with endlessly many runs. That is known: the same seed's fleet on one
host with 25 times as many runs a day has the same days, as slow and as busy as these (each purpose draws from a stream
of its own), so that its split between the same 28 and 7 days is the truth, known five times as well. "of the long run"
is how often the same intervals hold 0, the truth of endless periods, which they don't claim.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import polars as pl

from benchmarks.attributing.counts import Held, coverage_table
from benchmarks.attributing.long_fleets import frames, nodes_of, truth_of, work_by_day
from benchmarks.attributing.planting import RUNS_PER_DAY, five
from benchmarks.attributing.truths import held_in_table, truth_table
from benchmarks.attributing.verdicts import spans, stored
from rpa_lab.analysis.attribution.analyzer import AttributionAnalyzer
from rpa_lab.analysis.attribution.split import Work

BEFORE, NOW = 28, 7
MORE = 25


def coverage_of_few_days(seeds: Iterable[int]) -> pl.DataFrame:
    """How often intervals of 28 days against 7 hold what these days would give, and what the long run does."""
    return coverage_table(_of_few_days(seeds))


def _of_few_days(seeds: Iterable[int]) -> Iterator[Held]:
    days = BEFORE + NOW
    for seed in seeds:
        few = five(days, seed, hosts=1)
        many = frames(five(days, seed, hosts=1, runs_per_day=MORE * RUNS_PER_DAY))
        with stored(few.executions, few.steps) as store:
            for workflow_id in many.runs["workflow_id"].unique().sort():
                found = AttributionAnalyzer(store).attribute(workflow_id, *spans(days, BEFORE))
                nodes = nodes_of(workflow_id, many)
                work = work_by_day(many, workflow_id, days=days, nodes=nodes)
                truth = truth_table(truth_of(_days(work, slice(BEFORE)), _days(work, slice(BEFORE, days))), nodes=nodes)
                design = f"{BEFORE} + {NOW} days, these runs only"
                yield from held_in_table(found, truth, design=design)
                nothing = truth.with_columns(truth_ms=0.0)
                yield from held_in_table(found, nothing, design=f"{design}, of the long run")


def _days(work: Work, days: slice) -> Work:
    return Work(*(part[days] for part in (work.runs, work.duration, work.attempts, work.own)))
