"""`QueryEngine`: questions to a store, answered from memory where the answer is still true.

Live and archived data are read as one; what is archived answers as if it had never moved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from rpa_lab.errors import InputError, quote
from rpa_lab.filters import Filters
from rpa_lab.measures import local_times
from rpa_lab.period import Span
from rpa_lab.query.answer import RUNNING, columns_read, grouped, listed
from rpa_lab.query.cache import Answers, CacheView, Key
from rpa_lab.query.comparing import compare_sides, measures_named
from rpa_lab.query.comparison import Comparison
from rpa_lab.query.doubts import HEALTH_REACH, about_drops, about_period, about_running, is_over
from rpa_lab.query.from_summaries import from_summaries
from rpa_lab.query.measure import measure_of
from rpa_lab.query.query import PeriodSaid, Query
from rpa_lab.query.result import QueryResult
from rpa_lab.query.sides import Side
from rpa_lab.storage.archive import ArchiveStorage
from rpa_lab.storage.store import TimeSeriesStore

__all__ = ["QueryEngine"]


class QueryEngine:
    """Query engine for analytics data.

    Parameters
    ----------
    time_series_store : TimeSeriesStore
        Where the records are; its zone and its "now" are meant.
    archive_storage : ArchiveStorage, optional
        The archive of the same store. Archived days are part of every answer, with it or without.
    cache_size : int
        How many answers are kept; 0: none. Together they take at most 256 MB.

    Raises
    ------
    InputError
        If the archive is another store's.

    Examples
    --------
    >>> import tempfile
    >>> engine = QueryEngine(TimeSeriesStore(tempfile.mkdtemp()))
    >>> engine.query({"metrics": ["count", "success_rate"], "period": "2026-11"}).table.row(0)
    (0, 0, None, 0)
    """

    def __init__(
        self,
        time_series_store: TimeSeriesStore,
        archive_storage: ArchiveStorage | None = None,
        cache_size: int = 100,
    ) -> None:
        if archive_storage is not None and archive_storage.storage_path != time_series_store.storage_path:
            raise InputError(
                f"archive_storage is of {quote(str(archive_storage.storage_path))}, expected the archive of "
                f"{quote(time_series_store.where)}"
            )
        self.ts_store = time_series_store
        self.archive = archive_storage
        self._answers = Answers(cache_size)

    @property
    def cache(self) -> CacheView:
        """The answers that are kept, to be looked at: a mapping with `hits`, `misses` and `maxsize`."""
        return CacheView(self._answers)

    def query(self, query: Mapping[str, Any] | Query, use_cache: bool = True) -> QueryResult:
        """Execute a query against analytics data.

        Parameters
        ----------
        query : mapping or Query
            What is asked; a mapping has the parameters of `Query.of`.
        use_cache : bool
            Whether an answer that was given before will do. It is the same, found faster.

        Returns
        -------
        QueryResult

        Raises
        ------
        UnknownNameError
            If it names a table, column, operator, aggregation … that there isn't; lists those that exist.
        InputError
            If something else in it can't be asked.
        """
        asked = query if isinstance(query, Query) else Query.from_dict(query)
        if not use_cache or not self._answers.size:
            return self._answered(asked, self._key(asked, ""))
        key = self._key(asked)
        found = self._answers.find(key)
        if found is not None:
            return found
        answer = self._answered(asked, key)
        if self._key(asked) == key:  # else it isn't known whether what was written meanwhile is in the answer
            self._answers.keep(key, answer)
        return answer

    def aggregate(
        self,
        metric: str,
        aggregation: str,
        group_by: str | Sequence[str],
        filters: Filters | None,
        time_range: PeriodSaid,
    ) -> QueryResult:
        """Aggregate metrics with grouping.

        Parameters
        ----------
        metric : str
            ``"table.column"``, or a column of executions.
        aggregation : str
            See `rpa_lab.measures.aggregation_named`: count, sum, avg, p95, success_rate (of ``"status"``) …
        group_by : sequence of str
            Columns and time bins, as for `Query.of`.
        filters : mapping, optional
            As for `Query.of`.
        time_range : pair of datetimes, str, Period or Span
            Two bounds are half-open, and read in the store's zone where they are naive.

        Returns
        -------
        QueryResult
            Its table has one row per group, ordered: the group's columns, `n`, the metric and its own n.
        """
        if not isinstance(metric, str):
            raise InputError(f"metric is {quote(metric)}, expected 'table.column' or a column of executions")
        table, _, column = metric.rpartition(".")
        return self.query(
            Query.of(
                table=table or "executions",
                metrics=f"{aggregation}({column})",
                group_by=group_by,
                filters=filters,
                period=time_range,
            )
        )

    def compare(
        self,
        workflow_ids: Sequence[str],
        metrics: str | Sequence[str],
        time_range: PeriodSaid = "all",
        *,
        against: str | None = None,
        level: float = 0.95,
        seed: int = 0,
    ) -> Comparison:
        """Compare metrics across workflows.

        Parameters
        ----------
        workflow_ids : sequence of str
            Two or more.
        metrics : str or sequence of str
            As for `Query.of`, of executions: ``"success_rate"``, ``"p95"``. Those of other tables name theirs:
            ``"avg(steps.retry_count)"``. ``"p95 of completed"`` is of rows of that status only.
        time_range : pair of datetimes, str, Period or Span
            Two bounds are half-open, and read in the store's zone where they are naive.
        against : str, optional
            The workflow that the others are held against; default the first.
        level : float
            Of the intervals, and 1 less the false discovery rate; fraction.
        seed : int
            Of the days that are drawn and exchanged.

        Returns
        -------
        Comparison
            Values are what `query` says of each workflow; in a period without any record none is known.

        Raises
        ------
        UnknownNameError
            If the store has no such workflow, or there is no such metric.
        InputError
            If there are fewer than two workflows, or one twice; if a metric is no number.
        """
        workflows = _workflows(workflow_ids)
        named = [metrics] if isinstance(metrics, str) else list(metrics)
        measures = measures_named([measure_of(name) for name in named])
        store, period = self.ts_store, Query.of(period=time_range).period
        span = store.span("all") if period.is_all else period.resolve(as_of=store.now, tz=store.tz)
        known = store.workflow_ids()
        for name in workflows:
            if name not in known:
                store.check_workflow(name)
        sides = [Side(name=name, span=span, column="workflow_id") for name in workflows]
        return compare_sides(store, sides, measures, by="workflow", against=against, level=level, seed=seed)

    def __repr__(self) -> str:
        return f"QueryEngine({self.ts_store!r}, cache_size={self._answers.size})"

    def _key(self, query: Query, fingerprint: str | None = None) -> Key:
        store = self.ts_store
        now = store.now
        span = query.period.resolve(as_of=now, tz=store.tz) if not query.period.is_all else store.span("all")
        if fingerprint is None:
            fingerprint = self._fingerprint(query.table, span)
        return Key(
            query=query,
            span=span,
            now=now if query.table == "executions" else None,  # whether one that runs still lives
            is_over=query.period.is_all or is_over(span, now=now),
            damage=store.warnings(span, tables=[query.table]),
            fingerprint=fingerprint,
        )

    def _fingerprint(self, table: str, span: Span) -> str:
        """Of the files of the rows, and of what collectors counted before and in the period."""
        store = self.ts_store
        if table == "executions":  # which bring along the counts since two days before the period
            return store.fingerprint(span, tables=[table, "collector_health"])
        counted = Span(span.start - HEALTH_REACH, span.end, span.tz)
        return store.fingerprint(span, tables=[table]) + store.fingerprint(counted, tables=["collector_health"])

    def _answered(self, query: Query, key: Key) -> QueryResult:
        table, running = self._table(query, key.span)
        rows = int(table["n"].sum()) if query.metrics else table.height
        return QueryResult(
            query=query,
            time_period=str(key.span),
            tz=key.span.tz,
            table=local_times(table if query.limit is None else table.head(query.limit), tz=key.span.tz),
            warnings=(
                *key.damage,
                *about_drops(self.ts_store, query.table, key.span),
                *about_running(running, rows),
                *about_period(key.is_over, key.span),
            ),
        )

    def _table(self, query: Query, span: Span) -> tuple[pl.DataFrame, int]:
        """The answer's table, all groups of it, and how many of the executions in it still run."""
        summed = from_summaries(self.ts_store, query, span)
        if summed is not None:
            return summed
        columns = columns_read(query)

        def plan() -> pl.LazyFrame:
            rows = self.ts_store.scan(query.table, span, columns=columns)
            return grouped(rows, query, span=span) if query.metrics else listed(rows, query, tz=span.tz)

        table = self.ts_store.collect(plan)
        if RUNNING not in table.columns:
            return table, 0
        return table.drop(RUNNING), int(table[RUNNING].sum())


def _workflows(said: Sequence[str]) -> list[str]:
    workflows = list(said) if not isinstance(said, str) else [said]
    if len(workflows) < 2 or len(set(map(repr, workflows))) < len(workflows):
        raise InputError(f"workflow_ids are {quote(said)}, expected two or more different workflows")
    return workflows
