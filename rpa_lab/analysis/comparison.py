"""What differs? Workflows, versions, robots, hosts, steps or periods side by side, by any metrics, chance set apart.

Robot 2 takes 58.0 s and robot 1 takes 55.1 s: 2.9 s or 5 % more, and the 95 % interval of 1.1 to 4.7 s comes from days
that both worked. Five metrics of ten robots are 45 differences, of which two or three look significant by chance alone;
so the p-values are corrected for all of them together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import time
from typing import Any, Final

import polars as pl

from rpa_lab.analysis.breakdown import GROUPS
from rpa_lab.errors import InputError, quote, unknown_name
from rpa_lab.inference.resampling import LEAST_DAYS
from rpa_lab.period import Span, zone
from rpa_lab.query.comparing import compare_sides, measures_named
from rpa_lab.query.comparison import Comparison
from rpa_lab.query.measure import measure_of
from rpa_lab.query.recorded import local_dates, recorded_span
from rpa_lab.query.sides import DAY, Side, rows_of
from rpa_lab.schema import table_named
from rpa_lab.storage.store import PeriodLike, TimeSeriesStore

__all__ = ["METRICS", "ComparativeAnalyzer", "Comparison"]

METRICS: Final = ("success_rate", "avg of completed", "p50 of completed", "p95 of completed")
"""What is compared unless asked otherwise: durations are of completed runs only, as failing early isn't faster.

Of periods the number of runs too; of anything else it says who has more to do, and many sure differences of that kind
would make the correction easier on all others.
"""

_OF_STEPS: Final = ("success_rate", "avg of completed", "p95 of completed", "avg(retry_count)")
_BY: Final = "workflow"
_DEFAULT_PERIOD: Final = "30d"
_PERIOD: Final = "period"
_NAMES: Final = ("name", "status")
_SIDE: Final = ("filters", "period", "workflow_id")
_VERSION: Final = "workflow_version"
_WITHIN: Final = {_VERSION: "version", "node_id": "step", "target_element": "target"}
"""What is named within a workflow: the same name in two of them is two things."""


class ComparativeAnalyzer:
    """Compares workflows, versions, robots, hosts, steps, periods, or any sides at all.

    Parameters
    ----------
    time_series_store : TimeSeriesStore
        Where the records are.
    """

    def __init__(self, time_series_store: TimeSeriesStore) -> None:
        self.store = time_series_store

    def compare(
        self,
        by: str = _BY,
        *,
        groups: Sequence[PeriodLike] | None = None,
        metrics: str | Sequence[str] = METRICS,
        period: PeriodLike = _DEFAULT_PERIOD,
        against: str | None = None,
        workflow_id: str | None = None,
        filters: Mapping[str, Any] | None = None,
        sides: Mapping[str, Mapping[str, Any]] | None = None,
        level: float = 0.95,
        seed: int = 0,
    ) -> Comparison:
        """Compare groups by metrics, each group against one of them.

        Parameters
        ----------
        by : str
            What makes a group: a word of `rpa_lab.analysis.breakdown.GROUPS` (``"robot"``, ``"version"``, ``"step"``),
            a column of names (``"workflow_version"``), or ``"period"``.
        groups : sequence of str, optional
            Which, in this order; default all that ran in the period, those with most rows first. Versions: in the order
            of their first runs, before them the oldest one that ran on 10 days of the period. Of periods: what a
            `Period` is made of, ``["2026-10", "2026-11"]``.
        metrics : str or sequence of str
            As for a query, ``"p95"`` or ``"avg(steps.retry_count)"``, with ``of completed`` after it where only such
            rows are meant. Default `METRICS`; of periods (and sides that only their periods tell apart) ``count`` too;
            of groups of steps their retries.
        period : str, Period or Span
            Of all groups; of sides without one of their own. Not beside groups that are periods.
        against : str, optional
            The group that the others are held against; default the first.
        workflow_id : str, optional
            Only runs of this workflow. Versions and steps are named within a workflow: of several they are pooled by
            name, which is warned of.
        filters : mapping, optional
            Which rows count on every side, as for `rpa_lab.filters.filters_of`.
        sides : mapping of str to mapping, optional
            Instead of `by` and `groups`, any sides at all: a name, and its ``filters``, ``period``, ``workflow_id``.
            What holds for all of them can't be said again by one.
        level : float
            Of the intervals, and 1 less the false discovery rate; fraction.
        seed : int
            Of the days that are drawn and exchanged.

        Returns
        -------
        Comparison

        Raises
        ------
        UnknownNameError
            If the store has no such workflow or group, or there is no such metric or column; names the near ones.
        InputError
            If there are fewer than two groups, or something else can't be asked.

        Examples
        --------
        >>> import tempfile
        >>> from datetime import date
        >>> from rpa_lab.simulate import fleet
        >>> store = TimeSeriesStore(tempfile.mkdtemp(), as_of="latest")
        >>> _ = fleet(days=14, workflows=1, seed=3, end=date(2026, 11, 2), faults=()).write(store)
        >>> found = ComparativeAnalyzer(store).compare("host", metrics="p50 of completed")
        >>> found.by, found.table.select("metric", "basis").row(1)
        ('host', ('p50 of completed', 'days'))
        """
        only = _filters("the comparison", workflow_id, filters)
        table, column = _grouping(by)
        _not_ignored(by, groups, period, sides)
        warnings: tuple[str, ...] = ()
        if sides is not None:
            compared, by, table = self._sides(sides, only, period), "side", "executions"
        elif column is None:
            compared = self._periods(groups, only)
        else:
            compared, warnings = self._groups(table, column, groups, only, self.store.span(period))
        measures = measures_named([measure_of(text, table=table) for text in _metrics(metrics, table, compared)])
        found = compare_sides(
            self.store, compared, measures, by=by, against=against, level=level, seed=seed, warnings=warnings
        )
        if not found.table["n"].sum():
            self.store.check_workflow(workflow_id)
        return found

    def _sides(self, said: Mapping[str, Mapping[str, Any]], only: dict[str, Any], period: PeriodLike) -> list[Side]:
        if not isinstance(said, Mapping):
            raise InputError(f"sides are {quote(said)}, expected a mapping of names to what each of them is")
        found = []
        for name, parts in said.items():
            if not isinstance(parts, Mapping):
                raise InputError(f"side {quote(name)} is {quote(parts)}, expected a mapping with {', '.join(_SIDE)}")
            for part in parts:
                if part not in _SIDE:
                    raise _no_part(name, part)
            own = _filters(f"side {quote(name)}", parts.get("workflow_id"), parts.get("filters"))
            if again := [key for key in own if key in only and own[key] != only[key]]:
                raise InputError(
                    f"side {quote(name)} wants {again[0]} {quote(own[again[0]])} where the whole comparison is of "
                    f"{quote(only[again[0]])}, expected one of the two"
                )
            self.store.check_workflow(parts.get("workflow_id"))
            span = self.store.span(parts.get("period", period))
            found.append(Side(name=str(name), span=span, filters={**only, **own}))
        return found

    def _periods(self, groups: Sequence[PeriodLike] | None, only: dict[str, Any]) -> list[Side]:
        if groups is None or isinstance(groups, str) or len(groups) < 2:
            raise InputError(f"groups are {quote(groups)}, expected two periods or more, such as '2026-10', '2026-11'")
        spans = [self.store.span(group) for group in groups]
        return [Side(name=_named(*each), span=each[1], filters=only) for each in zip(groups, spans, strict=True)]

    def _groups(
        self, table: str, column: str, groups: Sequence[PeriodLike] | None, only: dict[str, Any], span: Span
    ) -> tuple[list[Side], tuple[str, ...]]:
        def counted(span: Span, filters: dict[str, Any]) -> pl.DataFrame:
            whole = [Side(name="all", span=span, filters=filters)]
            told = [column, "workflow_id"] if column in _WITHIN else [column]
            return self.store.collect(lambda: rows_of(self.store, whole, table, told).group_by(told).agg(n=pl.len()))

        there = counted(span, only)
        by_group = there.group_by(column).agg(pl.col("n").sum()).sort("n", column, descending=[True, False])
        nameless = by_group.filter(pl.col(column).is_null())["n"].sum()
        warnings = [f"{nameless:,} rows of {table} say no {column}: they are in no group"] if nameless else []
        known = by_group[column].drop_nulls().to_list()
        if groups is None:
            if len(known) < 2:
                self.store.check_workflow(only.get("workflow_id"))
                raise InputError(self._nothing(table, column, known, span))
            names = self._old_against_new(known, only, span) if column == _VERSION else known
        else:
            names = [str(group) for group in ([groups] if isinstance(groups, str) else groups)]
            if not set(names) <= set(known):
                whose = {name: only[name] for name in ("workflow_id",) if name in only}
                known = counted(self.store.span("all"), whose)[column].drop_nulls().unique().to_list()
            for name in names:
                if name not in known:
                    raise unknown_name(f"the store has no {column.removesuffix('_id')}", name, known)
        if column in _WITHIN:
            warnings += _about_pooled(there.filter(pl.col(column).is_in(names)), _WITHIN[column])
        return [Side(name=name, span=span, filters=only, column=column) for name in names], tuple(warnings)

    def _old_against_new(self, versions: list[str], only: dict[str, Any], span: Span) -> list[str]:
        """The versions by when each first ran at all; in front the oldest with days enough in the period."""
        first = self._of_versions(self.store.span("all"), only, pl.col("started_at").min().alias("first"))
        days = self._of_versions(span, only, pl.col(DAY).n_unique().alias("days"))
        known = days.join(first, on=_VERSION, validate="1:1").filter(pl.col(_VERSION).is_in(versions))
        enough = pl.col("days").clip(upper_bound=LEAST_DAYS)
        order = [enough, "first", _VERSION]
        base = known.sort(order, descending=[True, False, False], nulls_last=True)[_VERSION][0]
        ordered = known.sort("first", _VERSION, nulls_last=True)[_VERSION].to_list()
        return [base, *(version for version in ordered if version != base)]

    def _of_versions(self, span: Span, only: dict[str, Any], what: pl.Expr) -> pl.DataFrame:
        whole = [Side(name="all", span=span, filters=only)]

        def plan() -> pl.LazyFrame:
            return rows_of(self.store, whole, "executions", [_VERSION, "started_at"]).group_by(_VERSION).agg(what)

        return self.store.collect(plan)

    def _nothing(self, table: str, column: str, known: list[str], span: Span) -> str:
        """That there are too few groups to compare, and where there are rows."""
        if known:
            return f"nothing to compare: of {column} the period has {', '.join(known)}, expected two or more"
        recorded = recorded_span(self.store, [table])
        where = "the store holds none at all"
        if recorded.length:
            days = local_dates(recorded)
            where = f"records are of {days[0]} to {days[-1]} (see period, and as_of='latest')"
        return f"nothing to compare: no {table} with a {column} in {span.describe()}; {where}"


def _grouping(by: str) -> tuple[str, str | None]:
    """The table and the column that make groups; no column: periods do."""
    if not isinstance(by, str):
        raise InputError(f"by is {quote(by)}, expected one word, such as 'robot'; filters or sides narrow it further")
    if by == _PERIOD:
        return "executions", None
    if by in GROUPS:
        return GROUPS[by]
    for table in ("executions", "steps"):
        columns = {name for name, column in table_named(table).readable.items() if column.kind in _NAMES}
        if by in columns:
            return table, by
    known = dict.fromkeys([*GROUPS, _PERIOD, *(column for _, column in GROUPS.values())])
    raise unknown_name("there are no groups by", by, known, most=len(known))


def _not_ignored(by: str, groups: object, period: PeriodLike, sides: object) -> None:
    """Refuses what would have no effect beside something else."""
    if sides is not None and groups is not None:
        raise InputError("groups and sides say both what is compared, expected one of the two")
    if sides is not None and by != _BY:
        raise InputError(f"by is {quote(by)} beside sides, which say themselves what is compared; expected one of them")
    if sides is None and by == _PERIOD and period != _DEFAULT_PERIOD:
        raise InputError(f"period is {quote(period)} beside groups that are periods, expected one of the two")


def _filters(whose: str, workflow_id: object, filters: object) -> dict[str, Any]:
    """What both say of rows."""
    if workflow_id is not None and not isinstance(workflow_id, str):
        raise InputError(f"workflow_id is {quote(workflow_id)}, expected the name of a workflow")
    if filters is not None and not isinstance(filters, Mapping):
        raise InputError(f"filters are {quote(filters)}, expected a mapping of columns to what is wanted of them")
    found = dict(filters or {})
    if workflow_id is None:
        return found
    if found.setdefault("workflow_id", workflow_id) != workflow_id:
        raise InputError(
            f"of {whose} workflow_id is {quote(workflow_id)} and the filters say {quote(found['workflow_id'])}, "
            "expected one of the two"
        )
    return found


def _metrics(said: str | Sequence[str], table: str, sides: Sequence[Side]) -> list[str]:
    if said is not METRICS:
        return [said] if isinstance(said, str) else list(said)
    if table == "steps":
        return list(_OF_STEPS)
    only_periods = len({side.span for side in sides}) > 1 and all(
        (side.column, side.filters) == (None, sides[0].filters) for side in sides
    )
    return [*METRICS, "count"] if only_periods else list(METRICS)


def _no_part(name: object, part: object) -> Exception:
    """A side has a part that sides don't have; a column belongs into its filters."""
    if part in table_named("executions").readable or part in table_named("steps").readable:
        return InputError(f"side {quote(name)} has {quote(part)}, which is a column: put it into its filters")
    return unknown_name(f"side {quote(name)} has no", str(part), _SIDE)


def _named(group: PeriodLike, span: Span) -> str:
    """A period's name: as it was said; where that is in UTC and nobody typed it, by the zone's days."""
    if isinstance(group, str) or str(group) != str(span):
        return str(group)
    clock = zone(span.tz)
    bounds = [each.astimezone(clock).replace(tzinfo=None) for each in (span.start, span.end)]
    by_day = all(each.time() == time(0) for each in bounds)
    return "/".join(each.date().isoformat() if by_day else each.isoformat(timespec="minutes") for each in bounds)


def _about_pooled(rows: pl.DataFrame, noun: str) -> list[str]:
    """That a name means something else in each of several workflows."""
    of = rows.group_by("workflow_id").agg(pl.col("n").sum()).sort("n", "workflow_id", descending=[True, False])
    if of.height < 2:
        return []
    said = f"{noun}s of {of.height:,} workflows are pooled by name, and a {noun} of one is another thing in the next"
    return [f"{said}: ask for one workflow, such as workflow_id={quote(of['workflow_id'][0])}"]
