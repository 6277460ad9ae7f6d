"""Since when runs take longer: days from which on a workflow, or a step of it, has another level.

Levels are daily (`rpa_lab.analysis.daily_levels`); where they move is found by ruptures (`rpa_lab.inference.segments`).
The penalty for one more level was chosen on simulated fleets in which nothing happens, so that a change point is called
where there is none once in four years of a workflow's executions, and once in four years in all of a workflow's steps
together: of 50 workflows, six times a quarter, of 30 days as of 360. A step of many pays more for each level than one
of few does, and so does a series of few days.

That holds for days that are independent of each other. Those that are like the day before wander, and look like levels
up to three times as often, though wandering is weighed against levels. How alike they are each series says itself:
differences between days do, and what is left when levels are taken out; the larger of the two makes intervals wider. No
other series has a say, so what is found in a workflow doesn't depend on which others are asked about, nor what is found
in its executions on whether steps are.

The day of a workflow's change point is that of the step that moved with it, where one did and stands out of its noise
more clearly: of a run of ten steps one that takes twice as long says the day better than all ten do. Where everything
became slower all steps together do, which know nothing of how many steps a run has.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from rpa_lab.analysis.daily_levels import SERIES, levels_of_all_steps
from rpa_lab.inference.dating import moved_at
from rpa_lab.inference.neighbours import rest_alike
from rpa_lab.inference.segments import (
    LEAST_DAYS,
    SHORTEST,
    Ramp,
    Steady,
    between_places,
    ramp_instead,
    ratio_between,
    steady,
    weekdays,
    where_levels_move,
)

__all__ = ["FALSE_ALARMS_PER_YEAR", "Found", "moved_levels"]

FALSE_ALARMS_PER_YEAR: Final = 0.25
"""How often a change point is called where there is none, by workflow and year: in its executions; in all its steps."""

_POINT_SCHEMA: Final = pl.Schema(
    {
        "workflow_id": pl.String,
        "node_id": pl.String,
        "on": pl.Date,
        "earliest": pl.Date,
        "latest": pl.Date,
        "before_ms": pl.Float64,
        "after_ms": pl.Float64,
        "change_percent": pl.Float64,
        "low_percent": pl.Float64,
        "high_percent": pl.Float64,
        "days_before": pl.Int64,
        "days_after": pl.Int64,
    }
)

_DRIFT_SCHEMA: Final = pl.Schema(
    {
        "workflow_id": pl.String,
        "node_id": pl.String,
        "since": pl.Date,
        "until": pl.Date,
        "change_percent": pl.Float64,
    }
)

_EPOCH = date(1970, 1, 1)
_THURSDAY = 3  # 1 January 1970
_DAYS_TO_KNOW = 4
_DEAR, _DEARER, _FEW = 9.1, 1.6, 11.0  # of many days one more level; of many series, per ln k; of few days, per 1 / n

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was found in daily levels.

    Attributes
    ----------
    points : DataFrame
        One row per moved level: workflow_id, node_id (null: executions), on, earliest, latest, before_ms, after_ms,
        change_percent, low_percent, high_percent, days_before, days_after.
    drifts : DataFrame
        One row per series that moved slowly and has no day from which on it is slower: workflow_id, node_id, since,
        until, change_percent.
    fitted : DataFrame
        workflow_id, node_id, date, segment_ms: the level that each day belongs to.
    looked_at : dict
        By whether of steps: how many series there were, and how many of them had days enough.
    warnings : tuple of str
        What makes it doubtful.
    """

    points: pl.DataFrame
    drifts: pl.DataFrame
    fitted: pl.DataFrame
    looked_at: dict[bool, tuple[int, int]]
    warnings: tuple[str, ...] = ()


def _penalty(*, days: int, series: int = 1) -> float:
    """What one more level costs, in twice the logarithm of a likelihood.

    Among k series by chance the largest of k likelihood ratios is found, which grows with ln k. Ratios of n days are
    larger than those of many by 1 + c / n, since the variance and how alike days are come from as few days (Bartlett's
    correction). Of 22 days as of 250, on fleets in which nothing happens c is 11, for executions and for ten steps.

    Parameters
    ----------
    days : int
        How many it has.
    series : int
        Among how many of the same workflow it is looked at.

    Returns
    -------
    float

    Examples
    --------
    >>> print(f"{_penalty(days=22):.1f} {_penalty(days=250):.1f} {_penalty(days=250, series=10):.1f}")
    13.6 9.5 13.3

    References
    ----------
    Bartlett (1937), Properties of sufficiency and statistical tests, doi:10.1098/rspa.1937.0109
    """
    return (_DEAR + _DEARER * math.log(series)) * (1 + _FEW / days)


def moved_levels(levels: pl.DataFrame, *, level: float = 0.95, seed: int = 0) -> Found:
    """Where the levels of workflows and their steps move.

    Parameters
    ----------
    levels : DataFrame
        From `days_that_count`.
    level : float
        Of the intervals, fraction 0-1.
    seed : int
        Of the days drawn again for a change's size.

    Returns
    -------
    Found
    """
    ordered = levels.sort(*SERIES, "date", nulls_last=False)
    every = [_Series.of(part) for part in ordered.partition_by(*SERIES, maintain_order=True)]
    looked_at = {of_steps: _count(every, of_steps=of_steps) for of_steps in (False, True)}
    by_workflow: dict[str, list[_Series]] = {}
    for series in every:
        if len(series.days) >= LEAST_DAYS:
            by_workflow.setdefault(series.workflow_id, []).append(series)
    together = _Together.of(levels_of_all_steps(ordered))
    for workflow_id, mine in by_workflow.items():
        steps = [series for series in mine if series.node_id is not None]
        for series in mine:
            series.look(among=1 if series.node_id is None else len(steps), level=level)
        for whole in mine:
            if whole.node_id is None and whole.places:
                whole.take_days_of(steps, together.get(workflow_id), level=level)
    told = [series for mine in by_workflow.values() for series in mine]
    points = [row for series in told for row in series.points(level=level, seed=seed)]
    return Found(
        points=pl.DataFrame(points, schema=_POINT_SCHEMA, orient="row"),
        drifts=pl.DataFrame([series.drift for series in told if series.ramp], schema=_DRIFT_SCHEMA, orient="row"),
        fitted=pl.concat([series.fitted() for series in told]) if told else _NOTHING_FITTED,
        looked_at=looked_at,
        warnings=_wandering(told),
    )


@dataclass(slots=True, kw_only=True)
class _Series:
    """The daily levels of a workflow's executions or of one step, and what was found in them."""

    workflow_id: str
    node_id: str | None
    days: Ints
    steady: Steady
    rare_days: Ints
    rare_levels: npt.NDArray[np.float64]
    places: list[int] = field(default_factory=list)
    said: dict[int, tuple[int, int, int]] = field(default_factory=dict)  # of each place: its day, between which it lies
    ramp: Ramp | None = None

    _unknown: ClassVar[Steady] = Steady(levels=np.zeros(0), noise=1.0)

    @classmethod
    def of(cls, rows: pl.DataFrame) -> _Series:
        every_day = rows["date"].to_physical().to_numpy().astype(np.int64)
        every_level, counts = rows["level"].to_numpy(), rows["counts"].to_numpy()
        days, values = every_day[counts], every_level[counts]
        enough = len(days) >= LEAST_DAYS
        return cls(
            workflow_id=rows["workflow_id"][0],
            node_id=rows["node_id"][0],
            days=days,
            steady=steady(values, (days + _THURSDAY) % 7) if enough else cls._unknown,
            rare_days=every_day[~counts],
            rare_levels=every_level[~counts],
        )

    def look(self, *, among: int, level: float) -> None:
        """Find its places, and between which days each lies; or that it moves slowly, and has none."""
        self._cut(penalty=_penalty(days=len(self.days), series=among))
        moves = 2 if self.ramp else len(self.places) + 1
        left = rest_alike(self.steady.levels - self._fit(), levels=moves)
        if left > self.steady.alike:
            self.steady = replace(self.steady, alike=left)
        for before, place, after in self._stretches():
            first, last = between_places(
                self.steady.levels[before:after], place - before, level=level, caution=self.steady.caution
            )
            on, earliest, latest = self._first_day(before, place, after), *self._days_at(before + first, before + last)
            self.said[place] = on, min(earliest, on), max(latest, on)

    def take_days_of(self, steps: list[_Series], together: _Together | None, *, level: float) -> None:
        """Move each place to the day that a step that moved with it, or all of them together, say more clearly."""
        moved: list[int] = []
        said, self.said = self.said, {}
        for before, place, after in self._stretches():
            signal, told = self.signal(before, place, after), said[place]
            clearest, at, best = abs(signal), place, told
            for step in steps:
                for low, its, high in step._stretches():
                    own, on = step.signal(low, its, high), step.said[its][0]
                    with_it = told[1] - SHORTEST <= on <= told[2] + SHORTEST and own * signal > 0
                    here = int(np.searchsorted(self.days, step.days[its]))
                    if with_it and abs(own) > clearest and (moved[-1] if moved else 0) + 1 < here < after - 1:
                        clearest, at, best = abs(own), here, step.said[its]
            if together is not None:
                stretch = int(self.days[before]), told[0], int(self.days[after - 1])
                clearer = together.said(*stretch, signal=signal, level=level, caution=self.steady.caution)
                here = len(self.days) if clearer is None else int(np.searchsorted(self.days, clearer[1][0]))
                if clearer and clearer[0] > clearest and (moved[-1] if moved else 0) + 1 < here < after - 1:
                    at, best = here, clearer[1]
            moved.append(at)
            self.said[at] = best
        self.places = moved

    def signal(self, before: int, place: int, after: int) -> float:
        """How many noises a level lies above the one before it."""
        levels = self.steady.levels
        return float(levels[place:after].mean() - levels[before:place].mean()) / self.steady.noise

    def points(self, *, level: float, seed: int) -> list[tuple[object, ...]]:
        """One row per place, of `_POINT_SCHEMA`."""
        rows: list[tuple[object, ...]] = []
        for before, place, after in self._stretches():
            old, new = self.steady.levels[before:place], self.steady.levels[place:after]
            low, high = ratio_between(old, new, level=level, seed=seed, caution=self.steady.caution)
            on, earliest, latest = (_date(day) for day in self.said[place])
            levels_ms = (math.exp(old.mean()), math.exp(new.mean()))
            sizes = (_percent(apart) for apart in (float(new.mean() - old.mean()), low, high))
            which = (self.workflow_id, self.node_id, on, earliest, latest)
            rows.append((*which, *levels_ms, *sizes, len(old), len(new)))
        return rows

    @property
    def drift(self) -> tuple[object, ...]:
        """A row of `_DRIFT_SCHEMA`."""
        if self.ramp is None:
            raise ValueError(f"{self.workflow_id} doesn't drift")
        since, until = (_date(int(self.days[at])) for at in (self.ramp.first, self.ramp.last))
        return self.workflow_id, self.node_id, since, until, _percent(self.ramp.moved)

    def fitted(self) -> pl.DataFrame:
        """The level that each of its days belongs to: of a slow move, the one that it had come to."""
        fit = self._fit()
        return pl.DataFrame(
            {
                "workflow_id": [self.workflow_id] * len(fit),
                "node_id": pl.Series([self.node_id] * len(fit), dtype=pl.String),
                "date": pl.Series(self.days.astype(np.int32)).cast(pl.Date),
                "segment_ms": np.exp(fit),
            }
        )

    def _cut(self, *, penalty: float) -> None:
        self.places = where_levels_move(self.steady, penalty=penalty)
        self.ramp = ramp_instead(self.steady, self.places, penalty=penalty)
        if self.ramp:
            self.places = []

    def _fit(self) -> npt.NDArray[np.float64]:
        levels = self.steady.levels
        if self.ramp is None:
            parts = np.split(levels, self.places)
            return np.concatenate([np.full(len(part), part.mean()) for part in parts])
        first, last = self.ramp.first, self.ramp.last
        shape = np.clip((np.arange(len(levels)) - first) / (last - first), 0.0, 1.0) * self.ramp.moved
        fit: npt.NDArray[np.float64] = shape + (levels - shape).mean()
        return fit

    def _stretches(self) -> list[tuple[int, int, int]]:
        """Each place between the one before it and the one after it."""
        bounds = [0, *self.places, len(self.days)]
        return list(zip(bounds, bounds[1:], bounds[2:], strict=False))

    def _first_day(self, before: int, place: int, after: int) -> int:
        """The day of a place, or one before it that doesn't count but is more like what came than like what was."""
        first = int(self.days[place])
        between = (self.rare_days > self.days[place - 1]) & (self.rare_days < first)
        if not between.any():
            return first
        earlier = self.rare_levels[(self.rare_days >= self.days[before]) & (self.rare_days < self.days[place - 1])]
        usual = np.median(earlier) if len(earlier) >= _DAYS_TO_KNOW else self.steady.levels[before:place].mean()
        moved = self.signal(before, place, after) * self.steady.noise
        nearer = moved * (self.rare_levels[between] - usual - moved / 2)  # to the new level, if positive
        since = np.append(np.cumsum(nearer[::-1])[::-1], 0.0)
        return int(np.append(self.rare_days[between], first)[int(np.argmax(since))])

    def _days_at(self, first: int, last: int) -> tuple[int, int]:
        """Between which days a level began that did between two places: after the last day of the old one."""
        return int(self.days[first - 1]) + 1, int(self.days[last])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Together:
    """What all steps of a workflow say of each day together."""

    days: Ints
    levels: npt.NDArray[np.float64]
    within: npt.NDArray[np.float64]
    counts: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, rows: pl.DataFrame) -> dict[str, _Together]:
        """By workflow."""
        return {
            part["workflow_id"][0]: cls(
                days=part["date"].to_physical().to_numpy().astype(np.int64),
                levels=part["level"].to_numpy(),
                within=part["within"].to_numpy(),
                counts=part["counts"].to_numpy(),
            )
            for part in rows.partition_by("workflow_id", maintain_order=True)
        }

    def said(
        self, since: int, on: int, until: int, *, signal: float, level: float, caution: float
    ) -> tuple[float, tuple[int, int, int]] | None:
        """How clearly a level moved near a day, and on which, between which others; None if not, or the other way."""
        here = (self.days >= since) & (self.days <= until)
        days = self.days[here]
        levels = (self.levels - weekdays(self.levels, (self.days + _THURSDAY) % 7))[here]
        place = int(np.searchsorted(days, on))
        found = moved_at(levels, self.within[here], place, counts=self.counts[here], level=level, caution=caution)
        if found is None or found.signal * signal <= 0:
            return None
        return abs(found.signal), (int(days[found.place]), int(days[found.first - 1]) + 1, int(days[found.last]))


_NOTHING_FITTED = pl.DataFrame(
    schema={"workflow_id": pl.String, "node_id": pl.String, "date": pl.Date, "segment_ms": pl.Float64}
)


def _count(every: list[_Series], *, of_steps: bool) -> tuple[int, int]:
    mine = [len(series.days) for series in every if (series.node_id is not None) == of_steps]
    return len(mine), sum(days >= LEAST_DAYS for days in mine)


def _wandering(told: list[_Series]) -> tuple[str, ...]:
    """That the levels of executions go up and down by themselves, more than chance makes days look alike."""
    wholes = [series for series in told if series.node_id is None]
    alike = [series.steady.alike for series in wholes if series.steady.alike > 0.3 + 2 / math.sqrt(len(series.days))]
    if not alike:
        return ()
    which = "days are" if len(wholes) == 1 else f"days of {len(alike):,} of {len(wholes):,} workflows are"
    warning = (
        f"{which} much like the day before (autocorrelation up to {max(alike):.1f}): levels wander by themselves, and "
        "more change points than stated may be called where nothing was changed"
    )
    return (warning,)


def _date(day: int) -> date:
    return _EPOCH + timedelta(days=day)


def _percent(log: float) -> float:
    return math.expm1(log) * 100
