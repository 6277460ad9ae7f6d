"""What differs? Workflows, versions, robots, hosts, steps or periods side by side, by any metrics, chance set apart.

Robot 2 takes 58.0 s and robot 1 takes 55.1 s: 2.9 s or 5 % more, and the 95 % interval of 1.1 to 4.7 s comes from days
that both worked. Five metrics of ten robots are 45 differences, of which two or three look significant by chance alone;
so the p-values are corrected for all of them together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl

from rpa_lab.analysis.breakdown import GROUPS
from rpa_lab.errors import InputError, quote, unknown_name
from rpa_lab.period import Span
from rpa_lab.query.comparing import compare_sides, measures_named
from rpa_lab.query.comparison import Comparison
from rpa_lab.query.measure import measure_of
from rpa_lab.query.sides import Side, rows_of
from rpa_lab.schema import table_named
from rpa_lab.storage.store import PeriodLike, TimeSeriesStore

__all__ = ["METRICS", "ComparativeAnalyzer", "Comparison"]

METRICS: Final = ("success_rate", "avg of completed", "p50 of completed", "p95 of completed", "count")
"""What is compared unless asked otherwise: durations are of completed runs only, as failing early isn't faster."""

_PERIOD: Final = "period"
_NAMES: Final = ("name", "status")
_SIDE: Final = ("filters", "period", "workflow_id")


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
        by: str = "workflow",
        *,
        groups: Sequence[str] | None = None,
        metrics: str | Sequence[str] = METRICS,
        period: PeriodLike = "30d",
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
            Which, in this order; default all that ran in the period, those with most rows first. Of periods: what a
            `Period` is made of, ``["2026-10", "2026-11"]``.
        metrics : str or sequence of str
            As for a query, ``"p95"`` or ``"avg(steps.retry_count)"``, with ``of completed`` after it where only such
            rows are meant. Default `METRICS`; of groups of steps ``of completed`` too, and their retries.
        period : str, Period or Span
            Of all groups, unless they are periods or sides with one of their own.
        against : str, optional
            The group that the others are held against; default the first.
        workflow_id : str, optional
            Only runs of this workflow.
        filters : mapping, optional
            Which rows count on every side, as for `rpa_lab.filters.filters_of`.
        sides : mapping of str to mapping, optional
            Instead of `by` and `groups`, any sides at all: a name, and its ``filters``, ``period``, ``workflow_id``.
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
        _check(workflow_id, filters)
        only = {**(filters or {}), **({"workflow_id": workflow_id} if workflow_id is not None else {})}
        table, column = _grouping(by)
        named = [metrics] if isinstance(metrics, str) else list(metrics)
        if metrics is METRICS and table == "steps":
            named = ["success_rate", "avg of completed", "p95 of completed", "avg(retry_count)", "count"]
        measures = measures_named([measure_of(text, table=table) for text in named])
        warnings: tuple[str, ...] = ()
        if sides is not None:
            if groups is not None:
                raise InputError("groups and sides say both what is compared, expected one of the two")
            compared, by = self._sides(sides, only, period), "side"
        elif column is None:
            compared = self._periods(groups, only)
        else:
            compared, warnings = self._groups(table, column, groups, only, self.store.span(period))
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
                    raise unknown_name(f"side {quote(name)} has no", str(part), _SIDE)
            workflow_id, filters = parts.get("workflow_id"), parts.get("filters")
            _check(workflow_id, filters)
            self.store.check_workflow(workflow_id)
            own = {**only, **(filters or {}), **({"workflow_id": workflow_id} if workflow_id is not None else {})}
            found.append(Side(name=str(name), span=self.store.span(parts.get("period", period)), filters=own))
        return found

    def _periods(self, groups: Sequence[str] | None, only: dict[str, Any]) -> list[Side]:
        if groups is None or isinstance(groups, str) or len(groups) < 2:
            raise InputError(f"groups are {quote(groups)}, expected two periods or more, such as '2026-10', '2026-11'")
        return [Side(name=str(group), span=self.store.span(group), filters=only) for group in groups]

    def _groups(
        self, table: str, column: str, groups: Sequence[str] | None, only: dict[str, Any], span: Span
    ) -> tuple[list[Side], tuple[str, ...]]:
        def counted(span: Span, filters: dict[str, Any]) -> dict[Any, int]:
            whole = [Side(name="all", span=span, filters=filters)]
            plan = lambda: rows_of(self.store, whole, table, [column]).group_by(column).agg(n=pl.len())  # noqa: E731
            found = self.store.collect(plan).sort("n", column, descending=[True, False])
            return dict(found.select(column, "n").iter_rows())

        there = counted(span, only)
        nameless = there.pop(None, 0)
        warnings = (f"{nameless:,} rows of {table} say no {column}: they are in no group",) if nameless else ()
        if groups is None:
            if len(there) < 2:
                self.store.check_workflow(only.get("workflow_id"))
                held = ", ".join(there) or "none"
                raise InputError(f"nothing to compare: of {column} the period has {held}, expected two or more")
            names = list(there)
        else:
            names = [groups] if isinstance(groups, str) else list(groups)
            known = there
            if not set(map(str, names)) <= set(there):
                known = counted(self.store.span("all"), {})
            for name in names:
                if name not in known:
                    values = [value for value in known if value is not None]
                    raise unknown_name(f"the store has no {column.removesuffix('_id')}", name, values)
        return [Side(name=name, span=span, filters=only, column=column) for name in names], warnings


def _grouping(by: str) -> tuple[str, str | None]:
    """The table and the column that make groups; no column: periods do."""
    if by == _PERIOD:
        return "executions", None
    if isinstance(by, str) and by in GROUPS:
        return GROUPS[by]
    for table in ("executions", "steps"):
        columns = {name for name, column in table_named(table).readable.items() if column.kind in _NAMES}
        if by in columns:
            return table, by
    known = [*GROUPS, _PERIOD, *dict.fromkeys(column for _, column in GROUPS.values())]
    raise unknown_name("there are no groups by", by, known, most=len(known))


def _check(workflow_id: object, filters: object) -> None:
    if workflow_id is not None and not isinstance(workflow_id, str):
        raise InputError(f"workflow_id is {quote(workflow_id)}, expected the name of a workflow")
    if filters is not None and not isinstance(filters, Mapping):
        raise InputError(f"filters are {quote(filters)}, expected a mapping of columns to what is wanted of them")
