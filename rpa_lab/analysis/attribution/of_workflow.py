"""One workflow's attribution, from what its days hold: the split, its intervals, and what makes it doubtful."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, TypeAlias

import numpy as np
import polars as pl

from rpa_lab.analysis.attribution.parts import NO_PARTS, parts_table, with_rare_attempts
from rpa_lab.analysis.attribution.period_work import PeriodWork
from rpa_lab.analysis.attribution.result import Attribution
from rpa_lab.analysis.attribution.sides import Sides
from rpa_lab.analysis.attribution.split import split, work_of
from rpa_lab.analysis.attribution.strata import strata_table
from rpa_lab.inference.intervals import DAYS, THESE_RUNS
from rpa_lab.inference.resampling import LEAST_DAYS
from rpa_lab.inference.two_periods import figures_of_two_periods, figures_without_bounds
from rpa_lab.measures import success_rate
from rpa_lab.units import count_text

__all__ = ["Chance", "attribution_of", "by_workflow", "units_of"]

Chance: TypeAlias = Callable[[pl.DataFrame], float | None]
"""From the days of both sides to how often chance moves them as far apart."""

_LEAST_UNITS: Final = 10  # days, or runs: fewer bound nothing


def by_workflow(ended: pl.DataFrame, work: PeriodWork) -> dict[str, tuple[pl.DataFrame, PeriodWork]]:
    """Each workflow's rows of all of these frames."""
    cells = work.runs.select("cell", "workflow_id")
    frames = {
        "ended": ended,
        "runs": work.runs,
        "steps": work.steps.join(cells, on="cell", how="left", validate="m:1").sort("cell", "node_id"),
        "days": work.days,
        "facts": work.facts,
    }
    parts = {
        name: frame.partition_by("workflow_id", as_dict=True, maintain_order=True) for name, frame in frames.items()
    }

    def its(name: str, key: tuple[object, ...]) -> pl.DataFrame:
        return parts[name].get(key, frames[name].clear())

    return {
        str(key[0]): (
            its("ended", key),
            PeriodWork(runs=its("runs", key), steps=its("steps", key), days=its("days", key), facts=its("facts", key)),
        )
        for key in sorted(parts["ended"])
    }


def attribution_of(
    workflow_id: str,
    ended: pl.DataFrame,
    work: PeriodWork,
    *,
    sides: Sides,
    by: str | None,
    level: float,
    seed: int,
    chance: Chance,
    warnings: tuple[str, ...] = (),
) -> Attribution:
    """One workflow's split with all that is said of it, but versions and tail."""
    days = [work.days.filter(pl.col("side") == side) for side in (0, 1)]
    counts = [int(side["runs"].sum()) for side in days]
    facts: dict[str, Any] = work.facts.row(0, named=True) if work.facts.height else {"basis": THESE_RUNS}
    unknown = Attribution(
        workflow_id=workflow_id,
        baseline_period=str(sides.spans[0]),
        current_period=str(sides.spans[1]),
        tz=sides.spans[0].tz,
        compared_versions=sides.versions,
        baseline_mean_ms=_mean(days[0]),
        current_mean_ms=_mean(days[1]),
        change_ms=None,
        change_low_ms=None,
        change_high_ms=None,
        change_percent=None,
        baseline_runs=counts[0],
        current_runs=counts[1],
        baseline_days=days[0].height,
        current_days=days[1].height,
        baseline_failure_share=_failure_share(ended, 0),
        current_failure_share=_failure_share(ended, 1),
        significant=None,
        p_value=None,
        parts=NO_PARTS,
        strata=None,
        versions=NO_PARTS,
        tail=None,
        basis=str(facts["basis"]),
        level=level,
        by=by,
        warnings=(*_doubts(counts, [side.height for side in days], facts, sides=sides), *warnings),
    )
    if not all(counts):
        return unknown
    p_value = chance(work.days)
    strata, nodes = sorted(work.runs["stratum"].unique()), sorted(work.steps["node_id"].unique())
    steps = work.steps.join(work.runs.select("cell", "side", "unit", "stratum"), on="cell", how="left", validate="m:1")
    units = units_of(work.runs, sides)
    before, now = (
        work_of(
            work.runs.filter(pl.col("side") == side),
            steps.filter(pl.col("side") == side),
            units=units[side],
            strata=strata,
            nodes=nodes,
        )
        for side in (0, 1)
    )
    first, second = (side.counted(np.ones((1, count))) for side, count in zip((before, now), units, strict=True))
    if min(units) >= _LEAST_UNITS:
        figures = figures_of_two_periods(
            lambda one, other: split(before.counted(one), now.counted(other)),
            units,
            level=level,
            seed=seed,
            later_first=sides.later_first,
            together=sides.together,
            in_order=facts["basis"] == DAYS,
        )
        figures = with_rare_attempts(figures, first, second, level=level)
    else:
        figures = figures_without_bounds(split(first, second)[0])
    change, baseline_mean_ms = float(figures.value[-1]), unknown.baseline_mean_ms
    return replace(
        unknown,
        change_ms=change,
        change_low_ms=_known(figures.low[-1]),
        change_high_ms=_known(figures.high[-1]),
        change_percent=change / baseline_mean_ms * 100 if baseline_mean_ms else None,
        significant=None if p_value is None else p_value <= 1 - level + 1e-12,
        p_value=p_value,
        parts=parts_table(
            figures, first.together(), second.together(), nodes=nodes, with_mix=by is not None, level=level
        ),
        strata=strata_table(first, second, names=strata) if by is not None else None,
    )


def units_of(runs: pl.DataFrame, sides: Sides) -> tuple[int, int]:
    """How many days, or groups of runs, each side has; together as many as both have, of which some may be of one."""
    first, second = (runs.filter(pl.col("side") == side)["unit"].n_unique() for side in (0, 1))
    if sides.together:
        both = runs["unit"].n_unique()
        return both, both
    return first, second


def _mean(days: pl.DataFrame) -> float | None:
    runs, duration_us = int(days["runs"].sum()), int(days["duration_us"].sum())
    return duration_us / runs / 1000 if runs else None


def _failure_share(ended: pl.DataFrame, side: int) -> float | None:
    rate = ended.filter(pl.col("side") == side).select(success_rate()).item()
    return None if rate is None else 1 - rate / 100


def _known(bound: float) -> float | None:
    return None if np.isnan(bound) else float(bound)


def _doubts(counts: list[int], days: list[int], facts: dict[str, Any], *, sides: Sides) -> tuple[str, ...]:
    names = sides.names
    missing = [name for name, count in zip(names, counts, strict=True) if not count]
    if missing:
        return (f"no completed run with a known duration {' and '.join(missing)}{sides.when}",)
    said = []
    if min(counts) < _LEAST_UNITS:
        held = f"there are {counts[0]:,} {names[0]} and {counts[1]:,} {names[1]}"
        said.append(f"fewer than {_LEAST_UNITS} runs a side bound nothing: {held}")
    elif facts["basis"] != DAYS:
        held = f"there are {days[0]:,} {names[0]} and {days[1]:,} {names[1]}"
        said.append(f"with fewer than {LEAST_DAYS} days with runs a side intervals speak of these runs only: {held}")
    if count := facts["overlapping"]:
        said.append(f"in {_runs(count)} steps ran side by side: what they took together comes off waiting")
    without = facts["stepless"]
    if whole := [name for name, count, lost in zip(names, counts, without, strict=True) if lost == count]:
        said.append(f"no run {' or '.join(whole)} has a step: parts say nothing, all of their time counts as waiting")
    elif count := sum(without):
        said.append(f"{_runs(count)} without a step: all of their time counts as waiting")
    if count := facts["untold"]:
        said.append(f"of {count:,} steps it isn't known how long they took: their time counts as waiting")
    return tuple(said)


def _runs(count: object) -> str:
    return count_text(int(str(count)), "run")
