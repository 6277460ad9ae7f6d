"""Why did it get slower? The change of a workflow's mean duration, split into parts that add up to it.

Between two periods, or between two versions.

Of 11.2 s more, 9.8 s may be that one step takes longer, 2.0 s that another is tried more often, and 0.6 s less that is
waited. What the parts are is written in `rpa_lab.analysis.attribution.split`; here they get intervals and a verdict.
Whether there is a change at all is asked of days that exchange places between the periods (`rpa_lab.inference.shift`):
where it is no more than chance explains, the sentence says so, and of the parts names at most one that is sure all the
same.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import polars as pl

from rpa_lab.analysis.attribution.chance import p_value_of_days, ways_for
from rpa_lab.analysis.attribution.of_workflow import Chance, attribution_of, by_workflow, units_of
from rpa_lab.analysis.attribution.period_work import completed_runs, ended_runs, period_work, steps_of_runs
from rpa_lab.analysis.attribution.result import Attribution, Attributions
from rpa_lab.analysis.attribution.sides import Sides, check_versions
from rpa_lab.analysis.attribution.since import dated
from rpa_lab.analysis.attribution.strata import (
    about_strata,
    columns_of,
    versions_table,
    with_strata,
)
from rpa_lab.analysis.attribution.table import attributions_table
from rpa_lab.analysis.attribution.tail import LEAST_RUNS, longest_runs, tail_attribution
from rpa_lab.analysis.before_after import two_versions
from rpa_lab.analysis.comparison import ComparativeAnalyzer
from rpa_lab.errors import InputError, quote
from rpa_lab.inference.intervals import DAYS
from rpa_lab.inference.permutation import LEAST_WAYS
from rpa_lab.period import Span
from rpa_lab.storage.store import PeriodLike, TimeSeriesStore
from rpa_lab.units import count_text

__all__ = ["Attribution", "AttributionAnalyzer", "Attributions"]

_MEAN = "avg of completed"


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
        _check_name(workflow_id)
        spans = self._spans(baseline, current, level=level)
        columns = ("workflow_version", *columns_of(by))
        ended = ended_runs(self.store, spans, columns=columns, workflow_id=workflow_id)
        if ended.is_empty():
            self.store.check_workflow(workflow_id)
        completed = with_strata(completed_runs(ended), by=by)
        sides = Sides.of_periods(*spans)
        chance = partial(p_value_of_days, later_first=sides.later_first, seed=seed)
        found = self._split(workflow_id, ended, completed, sides=sides, by=by, level=level, seed=seed, chance=chance)
        return replace(dated(found, self.store, spans), versions=versions_table(completed))

    def attribute_versions(
        self,
        workflow_id: str,
        baseline: str,
        current: str,
        *,
        period: PeriodLike = "30d",
        by: str | None = None,
        level: float = 0.95,
        seed: int = 0,
    ) -> Attribution:
        """Split the difference of one workflow's mean duration between two of its versions.

        Versions that ran on the same days, most of them, are held against each other day by day.

        Parameters
        ----------
        workflow_id : str
            The workflow.
        baseline, current : str
            The version that is held against, and the one that is looked at.
        period : str, Period or Span
            Where runs of both are looked for.
        by : str, optional
            By what runs are to be told apart: "robot", "host" or "context.<key>".
        level : float
            Nominal coverage of the intervals, fraction 0-1; 1 - level is what is allowed for errors.
        seed : int
            Of the days that are drawn and exchanged.

        Returns
        -------
        Attribution
            Its `p_value` is that of `ComparativeAnalyzer.compare` of the mean of both versions' completed runs.

        Raises
        ------
        UnknownNameError
            If the store has no such workflow or version, or no run can be told apart so.
        InputError
            If both versions are the same, or an argument makes no sense.
        """
        _check_name(workflow_id)
        _check_level(level)
        if by in ("version", "workflow_version"):
            raise InputError(f"by is {quote(by)} beside versions, expected 'robot', 'host' or 'context.<key>'")
        columns = tuple(dict.fromkeys(["workflow_version", "robot_id", "host", *columns_of(by)]))
        versions = two_versions((baseline, current))
        check_versions(self.store, workflow_id, versions)
        compared = ComparativeAnalyzer(self.store).compare(
            "workflow_version",
            groups=versions,
            metrics=_MEAN,
            period=period,
            workflow_id=workflow_id,
            seed=seed,
        )
        p_value = compared.table.row(1, named=True)["p_value"]
        span = self.store.span(period)
        ended = ended_runs(self.store, (span, span), columns=columns, workflow_id=workflow_id, versions=versions)
        sides = Sides.of_versions(span, versions, ended, by=by)
        completed = with_strata(completed_runs(ended, together=sides.together), by=by)
        if not (completed["basis"] == DAYS).all():  # groups of runs have no days in common
            sides = replace(sides, together=False)
        return self._split(
            workflow_id, ended, completed, sides=sides, by=by, level=level, seed=seed, chance=lambda _: p_value
        )

    def _split(
        self,
        workflow_id: str,
        ended: pl.DataFrame,
        completed: pl.DataFrame,
        *,
        sides: Sides,
        by: str | None,
        level: float,
        seed: int,
        chance: Chance,
    ) -> Attribution:
        """One workflow's split with its tail; without versions, and not dated."""
        work = period_work(self.store, completed, sides.spans, workflow_id=workflow_id)
        warnings = (*sides.warnings, *self._damage(sides.spans))
        found = attribution_of(
            workflow_id,
            ended,
            work,
            sides=sides,
            by=by,
            level=level,
            seed=seed,
            chance=chance,
            warnings=warnings,
        )
        if by is not None:
            found = replace(found, warnings=(*found.warnings, *about_strata(completed, by=by)))
        if found.change_ms is None:
            return found
        few = min(found.baseline_runs, found.current_runs)
        if few < LEAST_RUNS:
            doubt = f"the longest runs are not looked at: {LEAST_RUNS:,} a side are needed, one has {few:,}"
            return replace(found, warnings=(*found.warnings, doubt))
        units, later_first, together = units_of(work.runs, sides), sides.later_first, sides.together
        longest = longest_runs(completed, units=units, seed=seed, later_first=later_first, together=together)
        steps = steps_of_runs(self.store, longest, sides.spans, workflow_id=workflow_id)
        tail = tail_attribution(
            longest, completed, steps, units=units, level=level, seed=seed, later_first=later_first, together=together
        )
        return replace(found, tail=replace(tail, compared_versions=sides.versions))

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
        of_each = by_workflow(ended.select("workflow_id", "side", "status"), work)
        sides = Sides.of_periods(*spans)
        later_first = sides.later_first
        chance = partial(p_value_of_days, later_first=later_first, seed=seed)
        found = [
            attribution_of(name, its_ended, its_work, sides=sides, by=None, level=level, seed=seed, chance=chance)
            for name, (its_ended, its_work) in of_each.items()
        ]
        known = [one for one in found if one.change_ms is not None]
        many = len(known)
        finer = [
            p_value_of_days(of_each[one.workflow_id][1].days, later_first=later_first, seed=seed, workflows=many)
            if ways_for(many) > LEAST_WAYS
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
        _check_level(level)
        before, now = self.store.span(baseline), self.store.span(current)
        if before.start < now.end and now.start < before.end:
            raise InputError(
                f"baseline {before.describe()} and current {now.describe()} overlap; "
                "expected two periods without a run in common"
            )
        return before, now

    def _damage(self, spans: tuple[Span, Span]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(text for span in dict.fromkeys(spans) for text in self.store.warnings(span)))


def _check_name(workflow_id: object) -> None:
    if not isinstance(workflow_id, str):
        raise InputError(f"workflow_id is {quote(workflow_id)}, expected the name of a workflow")


def _check_level(level: object) -> None:
    if isinstance(level, bool) or not isinstance(level, int | float) or not 0 < level < 1:
        raise InputError(f"level is {quote(level)}, expected a fraction between 0 and 1")
