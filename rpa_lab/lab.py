"""An analyst's one object over a store: ask it, and get frames and results that show themselves."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING

import polars as pl

from rpa_lab.analysis.overview import by_day, by_workflow, distribution
from rpa_lab.analysis.performance import PerformanceAnalyzer, PerformanceStats
from rpa_lab.period import Span
from rpa_lab.storage.store import PeriodLike, TimeSeriesStore

if TYPE_CHECKING:
    from rpa_lab.integrations.export import Exported, Format

__all__ = ["Lab"]


class Lab:
    """What an analyst asks of a store.

    Periods are ``"30d"``, ``"2026-11"``, ``"2026-11-03"``, ``"all"``, an ISO interval, or a `Period`.

    Parameters
    ----------
    store : str, path or TimeSeriesStore
        The store: its folder, or ``s3://bucket/prefix`` of a copy that `rpa-lab push` made.
    tz : str, optional
        The zone in which days begin and times are shown; default: the store's, else UTC.
    as_of : datetime or "latest", optional
        What "now" is for relative periods; default the present. ``"latest"``: just after the newest start.

    Examples
    --------
    >>> import tempfile
    >>> lab = Lab(tempfile.mkdtemp())
    >>> lab.workflows("all").height
    0
    """

    def __init__(
        self,
        store: str | os.PathLike[str] | TimeSeriesStore = "data/store",
        *,
        tz: str | None = None,
        as_of: datetime | str | None = None,
    ) -> None:
        if isinstance(store, TimeSeriesStore):
            self.store = store if tz is None and as_of is None else store.seen(tz=tz, as_of=as_of)
        else:
            self.store = TimeSeriesStore(store, tz=tz, as_of=as_of)
        self._performance = PerformanceAnalyzer(self.store)

    @property
    def tz(self) -> str:
        """The zone in which days begin and times are shown."""
        return self.store.tz

    def span(self, period: PeriodLike = "30d") -> Span:
        """What a period means here: its UTC bounds and zone."""
        return self.store.span(period)

    def workflows(self, period: PeriodLike = "30d") -> pl.DataFrame:
        """The workflows side by side; columns of `rpa_lab.analysis.overview.by_workflow`."""
        columns = ["workflow_id", "status", "duration_ms", "started_at"]
        table = self.store.collect(
            lambda: by_workflow(self.store.scan("executions", self.span(period), columns=columns))
        )
        return self._local(table)

    def performance(
        self, workflow_id: str, period: PeriodLike = "30d", *, status: str | None = None
    ) -> PerformanceStats:
        """How long one workflow's runs take; arguments as for `PerformanceAnalyzer.analyze_workflow`."""
        return self._performance.analyze(workflow_id, period, status=status)

    def bottlenecks(
        self,
        workflow_id: str,
        period: PeriodLike = "30d",
        *,
        threshold_percentile: float = 0.95,
        by: str = "mean_duration_ms",
    ) -> pl.DataFrame:
        """The steps that take most of the time; arguments as for `PerformanceAnalyzer.identify_bottlenecks`."""
        return self._performance.identify_bottlenecks(workflow_id, threshold_percentile, by=by, period=period)

    def daily(self, workflow_id: str, period: PeriodLike = "30d") -> pl.DataFrame:
        """One workflow day by day; columns of `rpa_lab.analysis.overview.by_day`."""
        columns = ["status", "duration_ms", "started_at"]
        return self.store.collect(
            lambda: by_day(
                self.store.scan("executions", self.span(period), columns=columns, workflow_id=workflow_id), tz=self.tz
            )
        )

    def distribution(self, workflow_id: str, period: PeriodLike = "30d") -> pl.DataFrame:
        """How one workflow's durations are spread; columns of `rpa_lab.analysis.overview.distribution`."""
        columns = ["status", "duration_ms"]
        return self.store.collect(
            lambda: distribution(
                self.store.scan("executions", self.span(period), columns=columns, workflow_id=workflow_id)
            )
        )

    def executions(
        self, period: PeriodLike = "30d", *, workflow_id: str | None = None, columns: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """Executions, ordered by time.

        Parameters
        ----------
        period : str, Period or Span
            By their start.
        workflow_id : str, optional
            Only this workflow's.
        columns : sequence of str, optional
            Which; default all.

        Returns
        -------
        DataFrame
            One row per execution, times in `tz`; `context` has what was said at the start and at the end, the end's
            word counting where both speak of the same key.
        """
        needed = columns if columns is None or "context" not in columns else [*columns, "end_context"]
        needed = needed if needed is None else list(dict.fromkeys(needed))
        rows = self._local(self.store.read("executions", period, workflow_id=workflow_id, columns=needed))
        if "context" in rows.columns:
            rows = _merged_context(rows)
        return rows.select(columns) if columns is not None else rows

    def steps(
        self, period: PeriodLike = "30d", *, workflow_id: str | None = None, columns: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """Steps, ordered by time: one row each, times in `tz`; arguments as for `executions`."""
        return self._local(self.store.read("steps", period, workflow_id=workflow_id, columns=columns))

    def scan(
        self,
        table: str,
        period: PeriodLike = "30d",
        *,
        columns: Sequence[str] | None = None,
        workflow_id: str | None = None,
    ) -> pl.LazyFrame:
        """A table's rows as a lazy frame, times in UTC; arguments as for `TimeSeriesStore.scan`."""
        return self.store.scan(table, period, columns=columns, workflow_id=workflow_id)

    def export(
        self,
        path: str | os.PathLike[str],
        period: PeriodLike = "30d",
        *,
        format: Format | None = None,  # noqa: A002 - what it is called everywhere
        workflow_id: str | None = None,
        force: bool = False,
    ) -> Exported:
        """Write executions and their steps as a log of events; arguments as for `export_events`.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> folder = Path(tempfile.mkdtemp())
        >>> Lab(folder / "store").export(folder / "events.xes.gz", "2026-11").format
        'xes'
        """
        from rpa_lab.integrations.export import export_events

        return export_events(self.store, path, format=format, period=period, workflow_id=workflow_id, force=force)

    def __repr__(self) -> str:
        return f"Lab({self.store.where!r}, tz={self.tz!r})"

    def _repr_html_(self) -> str:
        period = self.span("all")
        table = self.workflows("all")
        where = escape(self.store.where)
        if table.is_empty():
            return f"<p><b>Lab</b> over {where}: nothing recorded yet</p>"
        return f"<p><b>Lab</b> over {where}, {escape(period.describe())}</p>{table._repr_html_()}"

    def _local(self, rows: pl.DataFrame) -> pl.DataFrame:
        times = [name for name, kind in rows.schema.items() if isinstance(kind, pl.Datetime)]
        return rows.with_columns(pl.col(times).dt.convert_time_zone(self.tz)) if times else rows


def _merged_context(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with what was said at the end put into `context`; distinct pairs only are parsed."""
    both = pl.col("end_context").is_not_null() & (pl.col("end_context") != "{}")
    pairs = rows.filter(both).select("context", "end_context").unique()
    if pairs.is_empty():
        return rows
    merged = [_merge(start, end) for start, end in pairs.rows()]
    table = pairs.with_columns(_merged=pl.Series(merged, dtype=pl.String))
    return (
        rows.join(
            table, on=["context", "end_context"], how="left", nulls_equal=True, maintain_order="left", validate="m:1"
        )
        .with_columns(context=pl.coalesce("_merged", "context"))
        .drop("_merged")
    )


def _merge(start: str | None, end: str) -> str:
    try:
        said = [json.loads(text) for text in (start or "{}", end)]
    except ValueError:
        return end
    if not all(isinstance(one, dict) for one in said):
        return end
    return json.dumps({**said[0], **said[1]}, ensure_ascii=False)
