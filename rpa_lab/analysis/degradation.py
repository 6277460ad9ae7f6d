"""Did a workflow become slower? A current period against the one right before it, and how sure one can be.

The increase is that of the mean duration of completed runs (failing early isn't faster). A threshold says whether it is
large; days say whether it is more than chance. Where days differ by 8 %, a week is by chance 5 % above the four weeks
before it in one case of 14, however many runs it has: a test that takes runs to be independent calls that certain.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from math import inf
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from rpa_lab.analysis.changes import RecordedChange, since_text
from rpa_lab.inference.intervals import DAYS, Interval
from rpa_lab.inference.shift import LEAST_A_SIDE, Shift, cliffs_delta, effect_word, shift_of_days
from rpa_lab.measures import local_day, success_rate
from rpa_lab.period import Span, as_utc, zone
from rpa_lab.result import Result

__all__ = ["LEVEL", "Degradation", "degradation_between"]

LEVEL: Final = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Degradation(Result):
    """One workflow's completed runs in a current period against those of the baseline right before it.

    Attributes
    ----------
    workflow_id : str
        The workflow.
    baseline_period, current_period : str
        Half-open UTC bounds.
    tz : str
        The zone whose days are compared.
    threshold_percent : float
        What increase was asked for.
    baseline_mean_ms, current_mean_ms : float or None
        Mean durations of completed runs; None where there are none.
    increase_ms, increase_percent : float or None
        Of the mean; None where one of them is unknown. The increase from 0 ms is infinite, and null as plain data.
    exceeds_threshold : bool
        Whether the increase is larger than the threshold: whether it is large, not whether it is real.
    significant : bool or None
        Whether days became slower than chance explains (5 %, two-sided); None: undecided.
    p_value : float or None
        How often chance moves days as far apart, fraction 0-1.
    shift_ms : float or None
        The median difference between the mean durations of a current day and a baseline day (Hodges-Lehmann, days of
        many runs counting more). Means, since the threshold is one on means and a slowdown of some runs only doesn't
        move a day's median; the median over days keeps one bad day from deciding.
    shift_interval : Interval or None
        Its 95 % interval, ms.
    same_weekdays : bool or None
        Whether days were only compared with the same days of other weeks.
    block_days : int or None
        How many days in a row changed places together in the test.
    baseline_runs, current_runs, baseline_days, current_days : int
        Completed runs with a known duration; days of which at least half lies in the period, with such runs.
    baseline_failure_share, current_failure_share : float or None
        Of the runs that ended, what did not complete, fraction 0-1: a workflow may also fail where it was slow.
    cliffs_delta : float or None
        How often a current run takes longer than a baseline run, less how often it takes less long: describes these
        runs, and is no evidence.
    effect : str or None
        The usual word for it: negligible, small, medium or large.
    began : date or None
        Since when runs take longer: the change point that explains most of the increase; None where no level moved, or
        where it isn't sure (`significant`) that days became slower.
    nearest_change : RecordedChange or None
        What was changed nearest to it; None where nothing was within reach.
    warnings : tuple of str
        What makes it doubtful.
    """

    workflow_id: str
    baseline_period: str
    current_period: str
    tz: str
    threshold_percent: float
    baseline_mean_ms: float | None
    current_mean_ms: float | None
    increase_ms: float | None
    increase_percent: float | None
    exceeds_threshold: bool
    significant: bool | None
    p_value: float | None
    shift_ms: float | None
    shift_interval: Interval | None
    same_weekdays: bool | None
    block_days: int | None
    baseline_runs: int
    current_runs: int
    baseline_days: int
    current_days: int
    baseline_failure_share: float | None
    current_failure_share: float | None
    cliffs_delta: float | None
    effect: str | None
    began: date | None = None
    nearest_change: RecordedChange | None = None
    warnings: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What it says, in two to four sentences."""
        since = "" if self.began is None else f" Runs take longer {since_text(self.began, self.nearest_change)}."
        return f"{self._compared}{since}"

    @property
    def _compared(self) -> str:
        if self.baseline_mean_ms is None or self.current_mean_ms is None or self.increase_percent is None:
            return f"Runs of {self.workflow_id} can't be compared: {self.warnings[0]}."
        above = f", {'above' if self.exceeds_threshold else 'not above'} the threshold of {self.threshold_percent:g} %"
        said = (
            f"Runs of {self.workflow_id} took {_more(self.increase_percent)} "
            f"({_took(self.current_mean_ms)}; {_rests_on(self.current_runs, self.current_days)}) than in the baseline "
            f"({_took(self.baseline_mean_ms)}; {_rests_on(self.baseline_runs, self.baseline_days)})"
            f"{above if self.increase_percent >= 0 else ''}."
        )
        if self.significant is None or self.p_value is None or self.shift_ms is None:
            return f"{said} Undecided whether that is more than chance: {LEAST_A_SIDE} days a side are needed at least."
        between = ""
        if (known := self.shift_interval) is not None and known.low is not None and known.high is not None:
            between = f" ({known.level * 100:g} %: {_took(known.low)} to {_took(known.high)})"
        typical = f"The typical day took {_took(abs(self.shift_ms))} {'longer' if self.shift_ms >= 0 else 'less'}"
        verdict = "more than chance explains" if self.significant else "no sure slowdown"
        return f"{said} {typical}{between}: {verdict} (p = {self.p_value:.2g})."


def degradation_between(
    runs: pl.DataFrame,
    *,
    workflow_id: str,
    baseline: Span,
    current: Span,
    threshold_percent: float,
    seed: int = 0,
    warnings: tuple[str, ...] = (),
) -> Degradation:
    """Compare two adjoining periods of one workflow.

    Parameters
    ----------
    runs : DataFrame
        Its executions: status, duration_ms (ms), started_at (UTC); those of neither period are left out.
    workflow_id : str
        How it is called.
    baseline, current : Span
        The one ends where the other begins; their zone says where days begin.
    threshold_percent : float
        From what increase of the mean on it is large, percent.
    seed : int
        Of the days' changes of places.
    warnings : tuple of str
        What is already known to be doubtful.

    Returns
    -------
    Degradation
    """
    at = pl.col("started_at")
    sides = [runs.filter((at >= span.start) & (at < span.end)) for span in (baseline, current)]
    taken = [_completed(side, tz=current.tz) for side in sides]
    before, now = (side["duration_ms"].to_numpy() for side in taken)
    means = [float(values.mean()) if len(values) else None for values in (before, now)]
    increase_ms, increase_percent = _increase(*means)
    days = _days(taken, baseline=baseline, current=current)
    per_side = [int((days["offset"] < 0).sum()), int((days["offset"] >= 0).sum())]
    shift = _shift(days, seed=seed) if min(per_side) >= LEAST_A_SIDE else None
    delta = cliffs_delta(before, now) if len(before) and len(now) else None
    doubts = _doubts(days, n=(len(before), len(now)), per_side=per_side, shift=shift, increase_ms=increase_ms)
    return Degradation(
        workflow_id=workflow_id,
        baseline_period=str(baseline),
        current_period=str(current),
        tz=current.tz,
        threshold_percent=float(threshold_percent),
        baseline_mean_ms=means[0],
        current_mean_ms=means[1],
        increase_ms=increase_ms,
        increase_percent=increase_percent,
        exceeds_threshold=increase_percent is not None and increase_percent > threshold_percent,
        significant=None if shift is None else shift.p_value <= 1 - LEVEL and shift.shift > 0,
        p_value=None if shift is None else shift.p_value,
        shift_ms=None if shift is None else shift.shift,
        shift_interval=None if shift is None else _interval(shift, runs=len(before) + len(now), days=sum(per_side)),
        same_weekdays=None if shift is None else shift.same_weekdays,
        block_days=None if shift is None else shift.block_days,
        baseline_runs=len(before),
        current_runs=len(now),
        baseline_days=per_side[0],
        current_days=per_side[1],
        baseline_failure_share=_failure_share(sides[0]),
        current_failure_share=_failure_share(sides[1]),
        cliffs_delta=delta,
        effect=None if delta is None else effect_word(delta),
        warnings=(*doubts, *warnings),
    )


def _completed(side: pl.DataFrame, *, tz: str) -> pl.DataFrame:
    """day, duration_ms of completed runs, in an order that follows from the rows alone."""
    return (
        side.filter((pl.col("status") == "completed") & pl.col("duration_ms").is_not_null())
        .select("duration_ms", day=local_day(tz=tz))
        .sort("day", "duration_ms")
    )


def _increase(before: float | None, now: float | None) -> tuple[float | None, float | None]:
    if before is None or now is None:
        return None, None
    more = now - before
    if before == 0:
        return more, inf if more > 0 else 0.0
    return more, more / before * 100


def _days(taken: list[pl.DataFrame], *, baseline: Span, current: Span) -> pl.DataFrame:
    """Of each day that counts: offset (days from the first current one), mean_ms, n."""
    first, last = _days_of(current)
    earliest, latest = _days_of(baseline, more_than_half=True)
    parts = [
        side.filter(pl.col("day").is_between(low, high))
        for side, (low, high) in zip(taken, ((earliest, latest), (first, last)), strict=True)
    ]
    offset = (pl.col("day") - pl.lit(first)).dt.total_days().alias("offset")
    return (
        pl.concat(parts)
        .group_by(offset, maintain_order=True)
        .agg(mean_ms=pl.col("duration_ms").mean(), n=pl.len().cast(pl.Int64))
        .sort("offset")
    )


def _days_of(span: Span, *, more_than_half: bool = False) -> tuple[date, date]:
    """The first and last day of which at least half lies in a span; a day cut in two halves is the later one's."""
    zone_info = zone(span.tz)

    def counts(day: date) -> bool:
        begin, end = as_utc(day, tz=span.tz), as_utc(day + timedelta(days=1), tz=span.tz)
        part = (min(end, span.end) - max(begin, span.start)) / (end - begin)
        return part > 0.5 if more_than_half else part >= 0.5

    first = span.start.astimezone(zone_info).date()
    last = (span.end - timedelta(microseconds=1)).astimezone(zone_info).date()
    return first if counts(first) else first + timedelta(days=1), last if counts(last) else last - timedelta(days=1)


def _shift(days: pl.DataFrame, *, seed: int) -> Shift:
    means: npt.NDArray[np.float64] = days["mean_ms"].to_numpy()
    return shift_of_days(means, days["offset"].to_numpy(), days["n"].to_numpy(), level=LEVEL, seed=seed)


def _interval(shift: Shift, *, runs: int, days: int) -> Interval:
    return Interval(
        low=shift.low,
        high=shift.high,
        level=LEVEL,
        method="Hodges-Lehmann, days change places in blocks",
        basis=DAYS,
        runs=runs,
        days=days,
        doubt="so few days don't bound it" if shift.low is None else None,
    )


def _failure_share(side: pl.DataFrame) -> float | None:
    rate = side.select(success_rate()).item()
    return None if rate is None else 1 - rate / 100


def _doubts(
    days: pl.DataFrame, *, n: tuple[int, int], per_side: list[int], shift: Shift | None, increase_ms: float | None
) -> tuple[str, ...]:
    missing = [name for name, count in zip(("baseline", "current period"), n, strict=True) if not count]
    if missing:
        return (f"no completed run with a known duration in the {' and the '.join(missing)}",)
    if shift is None:
        held = f"the baseline has {per_side[0]} and the current period {per_side[1]}"
        return (f"undecided: {LEAST_A_SIDE} days a side are needed to tell a change from chance, {held}",)
    said = []
    if not shift.same_weekdays and _weekdays(days, current=False) != _weekdays(days, current=True):
        said.append("the periods hold different days of the week, and too few weeks to compare like with like")
    if increase_ms is not None and increase_ms * shift.shift < 0:
        said.append("the typical day moved the other way than the mean: few runs or few days make the difference")
    return tuple(said)


def _weekdays(days: pl.DataFrame, *, current: bool) -> list[float]:
    """What part of a side's days each day of the week is."""
    side = days.filter((pl.col("offset") >= 0) == current)["offset"].to_numpy() % 7
    return [round(float((side == weekday).mean()), 6) for weekday in range(7)]


def _more(percent: float) -> str:
    if percent == inf:
        return "longer"  # than no time at all
    return f"{abs(percent):,.1f} % {'longer' if percent >= 0 else 'less long'}"


def _rests_on(runs: int, days: int) -> str:
    return f"{runs:,} {'run' if runs == 1 else 'runs'} on {days:,} {'day' if days == 1 else 'days'}"


def _took(ms: float) -> str:
    return f"{ms:,.0f} ms" if abs(ms) < 1000 else f"{ms / 1000:,.1f} s"
