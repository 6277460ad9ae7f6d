"""Why did it get slower? The change of a workflow's mean duration, split into parts that add up to it.

Of 11.2 s more, 9.8 s may be that one step takes longer, 2.0 s that another is tried more often, and 0.6 s less that is
waited. What the parts are is written in `rpa_lab.analysis.attribution.split`; here they get intervals and a verdict.
Whether there is a change at all is asked of days that exchange places between the periods (`rpa_lab.inference.shift`):
where it is no more than chance explains, the sentence says so, and of the parts names at most one that is sure all the
same.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from rpa_lab.analysis.attribution.parts import NO_PARTS, parts_table
from rpa_lab.analysis.attribution.period_work import PeriodWork, completed_runs, ended_runs, period_work, steps_of_runs
from rpa_lab.analysis.attribution.result import Attribution, Attributions
from rpa_lab.analysis.attribution.since import dated
from rpa_lab.analysis.attribution.split import split, work_of
from rpa_lab.analysis.attribution.strata import (
    LEAST_OF_STRATUM,
    OTHERS,
    columns_of,
    strata_table,
    versions_table,
    with_strata,
)
from rpa_lab.analysis.attribution.table import attributions_table
from rpa_lab.analysis.attribution.tail import LEAST_RUNS, longest_runs, tail_attribution
from rpa_lab.errors import InputError, quote
from rpa_lab.inference.intervals import DAYS, THESE_RUNS
from rpa_lab.inference.permutation import LEAST_WAYS
from rpa_lab.inference.resampling import LEAST_DAYS
from rpa_lab.inference.shift import LEAST_A_SIDE, shift_of_days
from rpa_lab.inference.two_periods import figures_of_two_periods, figures_without_bounds
from rpa_lab.measures import success_rate
from rpa_lab.period import Span
from rpa_lab.storage.store import PeriodLike, TimeSeriesStore
from rpa_lab.units import count_text

__all__ = ["Attribution", "AttributionAnalyzer", "Attributions", "p_value_of_days"]

_LEAST_UNITS = 10  # days, or runs: fewer bound nothing
_WAYS_EACH = 50  # in which days are to be able to exchange places, for each workflow: 40 give a two-sided 5 % of it


class AttributionAnalyzer:
    """Says what makes workflows slower, or faster.

    Parameters
    ----------
    time_series_store : TimeSeriesStore
        Where the records are.
    """

    def __init__(self, time_series_store: TimeSeriesStore) -> None:
        self.store = time_series_store

    def attribute(
        self,
        workflow_id: str,
        baseline: PeriodLike,
        current: PeriodLike,
        *,
        by: str | None = None,
        level: float = 0.95,
        seed: int = 0,
    ) -> Attribution:
        """Split the change of one workflow's mean duration between two periods, and say since when.

        Parameters
        ----------
        workflow_id : str
            The workflow.
        baseline, current : str, Period or Span
            Two periods that don't overlap.
        by : str, optional
            By what runs are to be told apart: "robot", "host" or "context.<key>". Never by version: see `versions`.
        level : float
            Nominal coverage of the intervals, fraction 0-1; 1 - level is what is allowed for errors.
        seed : int
            Of the days that are drawn and exchanged.

        Returns
        -------
        Attribution

        Raises
        ------
        UnknownNameError
            If the store has no such workflow, or no run can be told apart so.
        InputError
            If the periods overlap, or an argument makes no sense.
        """
        if not isinstance(workflow_id, str):
            raise InputError(f"workflow_id is {quote(workflow_id)}, expected the name of a workflow")
        spans = self._spans(baseline, current, level=level)
        columns = ("workflow_version", *columns_of(by))
        ended = ended_runs(self.store, spans, columns=columns, workflow_id=workflow_id)
        if ended.is_empty():
            self.store.check_workflow(workflow_id)
        completed = with_strata(completed_runs(ended), by=by)
        work = period_work(self.store, completed, spans, workflow_id=workflow_id)
        found = _attribution(
            workflow_id, ended, work, spans=spans, by=by, level=level, seed=seed, warnings=self._damage(spans)
        )
        found = dated(found, self.store, spans)
        versions = versions_table(completed)
        if by is not None and (completed["stratum"] == OTHERS).any():
            pooled = f"what has fewer than {LEAST_OF_STRATUM} runs in one of the periods is one stratum, {OTHERS}"
            found = replace(found, warnings=(*found.warnings, pooled))
        few = min(found.baseline_runs, found.current_runs)
        if few < LEAST_RUNS:
            doubt = f"the longest runs are not looked at: {LEAST_RUNS:,} a side are needed, one has {few:,}"
            return replace(found, versions=versions, warnings=(*found.warnings, doubt))
        units, later_first = _units(work.runs), spans[0].start > spans[1].start
        longest = longest_runs(completed, units=units, seed=seed, later_first=later_first)
        steps = steps_of_runs(self.store, longest, spans, workflow_id=workflow_id)
        tail = tail_attribution(longest, completed, steps, units=units, level=level, seed=seed, later_first=later_first)
        return replace(found, versions=versions, tail=tail)

    def attribute_all(
        self, baseline: PeriodLike, current: PeriodLike, *, level: float = 0.95, seed: int = 0
    ) -> Attributions:
        """The same for each workflow, corrected for how many there are; without strata and tails.

        Parameters
        ----------
        baseline, current : str, Period or Span
            Two periods that don't overlap.
        level : float
            Nominal coverage of the intervals, fraction 0-1; 1 - level is the false discovery rate allowed.
        seed : int
            Of the days that are drawn and exchanged.

        Returns
        -------
        Attributions

        Raises
        ------
        InputError
            If the periods overlap, or an argument makes no sense.

        References
        ----------
        Benjamini and Hochberg (1995), doi:10.1111/j.2517-6161.1995.tb02031.x
        """
        spans = self._spans(baseline, current, level=level)
        ended = ended_runs(self.store, spans)
        completed = with_strata(completed_runs(ended), by=None)
        work = period_work(self.store, completed, spans)
        of_each = _by_workflow(ended.select("workflow_id", "side", "status"), work)
        found = [
            _attribution(name, its_ended, its_work, spans=spans, by=None, level=level, seed=seed)
            for name, (its_ended, its_work) in of_each.items()
        ]
        known = [one for one in found if one.change_ms is not None]
        later_first, many = spans[0].start > spans[1].start, len(known)
        finer = [
            p_value_of_days(of_each[one.workflow_id][1].days, later_first=later_first, seed=seed, workflows=many)
            if _WAYS_EACH * many > LEAST_WAYS
            else one.p_value
            for one in known
        ]
        left_out = len(found) - len(known)
        doubts = [f"{count_text(left_out, 'workflow')} without completed runs in one of the periods left out"]
        return Attributions(
            baseline_period=str(spans[0]),
            current_period=str(spans[1]),
            tz=spans[0].tz,
            level=level,
            table=attributions_table(known, finer, level=level),
            warnings=(*(doubts if left_out else ()), *self._damage(spans)),
        )

    def _spans(self, baseline: PeriodLike, current: PeriodLike, *, level: float) -> tuple[Span, Span]:
        if isinstance(level, bool) or not isinstance(level, int | float) or not 0 < level < 1:
            raise InputError(f"level is {quote(level)}, expected a fraction between 0 and 1")
        before, now = self.store.span(baseline), self.store.span(current)
        if before.start < now.end and now.start < before.end:
            raise InputError(
                f"baseline {before.describe()} and current {now.describe()} overlap; "
                "expected two periods without a run in common"
            )
        return before, now

    def _damage(self, spans: tuple[Span, Span]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(text for span in spans for text in self.store.warnings(span)))


def _by_workflow(ended: pl.DataFrame, work: PeriodWork) -> dict[str, tuple[pl.DataFrame, PeriodWork]]:
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


def _attribution(
    workflow_id: str,
    ended: pl.DataFrame,
    work: PeriodWork,
    *,
    spans: tuple[Span, Span],
    by: str | None,
    level: float,
    seed: int,
    warnings: tuple[str, ...] = (),
) -> Attribution:
    """One workflow's split with all that is said of it, but versions and tail."""
    days = [work.days.filter(pl.col("side") == side) for side in (0, 1)]
    counts = [int(side["runs"].sum()) for side in days]
    facts: dict[str, object] = work.facts.row(0, named=True) if work.facts.height else {"basis": THESE_RUNS}
    unknown = Attribution(
        workflow_id=workflow_id,
        baseline_period=str(spans[0]),
        current_period=str(spans[1]),
        tz=spans[0].tz,
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
        warnings=(*_doubts(counts, [side.height for side in days], facts), *warnings),
    )
    if not all(counts):
        return unknown
    later_first = spans[0].start > spans[1].start
    p_value = p_value_of_days(work.days, later_first=later_first, seed=seed)
    strata, nodes = sorted(work.runs["stratum"].unique()), sorted(work.steps["node_id"].unique())
    steps = work.steps.join(work.runs.select("cell", "side", "unit", "stratum"), on="cell", how="left", validate="m:1")
    units = _units(work.runs)
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
            later_first=later_first,
        )
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


def _units(runs: pl.DataFrame) -> tuple[int, int]:
    """How many days, or groups of runs, each side has."""
    first, second = (runs.filter(pl.col("side") == side)["unit"].n_unique() for side in (0, 1))
    return first, second


def p_value_of_days(days: pl.DataFrame, *, later_first: bool, seed: int, workflows: int = 1) -> float | None:
    """How often days that exchange places between the periods differ as much.

    A p-value that is corrected for fifty workflows has to be able to be so small. Where usual blocks leave too few ways
    for that they are shorter, unless the same days of other weeks are too few for it.

    Parameters
    ----------
    days : DataFrame
        One row per day with runs: side (0 or 1), day, runs, duration_us (of all of them).
    later_first : bool
        Whether side 0 is the later period.
    seed : int
        Of the exchanges.
    workflows : int
        For how many p-values it is to be corrected.

    Returns
    -------
    float or None
        Two-sided, fraction 0-1; None with too few days.
    """
    later = days.filter(pl.col("side") == (0 if later_first else 1))
    if min(later.height, days.height - later.height) < LEAST_A_SIDE:
        return None
    ordered = days.sort("day")
    offsets = ordered.select((pl.col("day") - pl.lit(later["day"].min())).dt.total_days()).to_series().to_numpy()
    means = ordered.select(pl.col("duration_us") / pl.col("runs")).to_series().to_numpy()
    runs = ordered["runs"].to_numpy()
    ways = max(LEAST_WAYS, _WAYS_EACH * workflows)
    found = shift_of_days(means, offsets, runs, seed=seed, least_ways=ways)
    if ways > LEAST_WAYS and not found.same_weekdays:
        found = shift_of_days(means, offsets, runs, seed=seed)
    return found.p_value


def _mean(days: pl.DataFrame) -> float | None:
    runs, duration_us = int(days["runs"].sum()), int(days["duration_us"].sum())
    return duration_us / runs / 1000 if runs else None


def _failure_share(ended: pl.DataFrame, side: int) -> float | None:
    rate = ended.filter(pl.col("side") == side).select(success_rate()).item()
    return None if rate is None else 1 - rate / 100


def _known(bound: float) -> float | None:
    return None if np.isnan(bound) else float(bound)


def _doubts(counts: list[int], days: list[int], facts: dict[str, object]) -> tuple[str, ...]:
    missing = [name for name, count in zip(("baseline", "current period"), counts, strict=True) if not count]
    if missing:
        return (f"no completed run with a known duration in the {' and the '.join(missing)}",)
    said = []
    if facts["basis"] != DAYS:
        held = f"the baseline has {days[0]} and the current period {days[1]}"
        said.append(f"with fewer than {LEAST_DAYS} days with runs a side intervals speak of these runs only: {held}")
    if min(counts) < _LEAST_UNITS:
        said.append(f"fewer than {_LEAST_UNITS} runs a side bound nothing")
    if count := facts["overlapping"]:
        said.append(f"in {_runs(count)} steps ran side by side: what they took together comes off waiting")
    if count := facts["stepless"]:
        said.append(f"{_runs(count)} without a step: all of their time counts as waiting")
    if count := facts["untold"]:
        said.append(f"of {count:,} steps it isn't known how long they took: their time counts as waiting")
    return tuple(said)


def _runs(count: object) -> str:
    return count_text(int(str(count)), "run")
