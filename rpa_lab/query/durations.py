"""How long executions or steps took, by group, over any period: summaries where there are some, rows for the rest.

Counts, means and standard deviations of merged summaries are exact. Quantiles are exact in two passes: the summed
histograms say which bucket holds each rank, then only those buckets' durations are read, one of a hundred. Of 86
million steps of a year, 0.6 million decide the median, p95 and p99 of fifty workflows. `approximate=True` stops after
the first pass, and its quantiles are at most 0.8 % from the exact ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import ClassVar, Final

import polars as pl

from rpa_lab.errors import InputError, quote, unknown_name
from rpa_lab.measures import quantile, std
from rpa_lab.period import Span
from rpa_lab.result import Result
from rpa_lab.schema import table_named
from rpa_lab.storage.progress import shown
from rpa_lab.storage.ranked import durations_in
from rpa_lab.storage.rolled_up import RolledUp
from rpa_lab.storage.rollup import ROLLED, level_of
from rpa_lab.storage.store import PeriodLike, TimeSeriesStore
from rpa_lab.storage.summary import ACCURACY, bucket, locate, merge, quantile_from, summarise

__all__ = ["FEW_ROWS", "DurationTable", "duration_table", "serves"]

_ALL: Final = "_all"
"""The group where nothing is told apart."""
_MOMENTS: Final = ("rows", "n", "sum_ms", "mean_ms", "std_ms", "min_ms", "max_ms")
_ATTEMPTS: Final = 3
_PATIENCE_S: Final = 2.0
FEW_ROWS: Final = 2_000_000
"""Rows that are read at once faster than in two passes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DurationTable(Result):
    """Statistics of durations, milliseconds, one row per group.

    Columns of `table`: those of `by`; rows; n, those of known duration; sum_ms, mean_ms, std_ms (ddof = 1), min_ms,
    max_ms, null where n is 0 (the standard deviation: below 2); one column per quantile, ``p95_ms`` for 0.95. Where
    `approximate`, also ``p95_low_ms`` and ``p95_high_ms``, between which the exact one lies, and `error`, the greatest
    relative error of a quantile, fraction 0-1; else that is 0.
    """

    _table: ClassVar[str | None] = "table"

    of: str
    time_period: str
    by: tuple[str, ...]
    approximate: bool
    error: float
    table: pl.DataFrame
    warnings: tuple[str, ...] = ()


def serves(table: str, by: Sequence[str], where_columns: Sequence[str] = ()) -> bool:
    """Whether summaries can answer a question about durations.

    Parameters
    ----------
    table : str
        Which table.
    by, where_columns : sequence of str
        The columns of its groups, and those of its filter.

    Returns
    -------
    bool

    Examples
    --------
    >>> serves("steps", ["workflow_id"], ["status"]), serves("steps", ["robot_id"]), serves("resources", [])
    (True, False, False)
    """
    return table in ROLLED and level_of(table, [*by, *where_columns]) is not None


def duration_table(
    store: TimeSeriesStore,
    table: str,
    span: PeriodLike,
    *,
    by: Sequence[str],
    where: pl.Expr | None = None,
    quantiles: Sequence[float] = (),
    approximate: bool = False,
) -> DurationTable:
    """Statistics of durations by group over a period.

    Parameters
    ----------
    store : TimeSeriesStore
        Where the records are.
    table : str
        ``"executions"`` or ``"steps"``.
    span : str, Period or Span
        By the rows' own start.
    by : sequence of str
        workflow_id, status, of steps also node_id: one row for each of their values; none: one row for all.
    where : polars.Expr, optional
        Only these rows, by the same columns.
    quantiles : sequence of float
        Fractions 0-1.
    approximate : bool
        Whether quantiles within 0.8 % do.

    Returns
    -------
    DurationTable
        Ordered by the columns of `by`.

    Raises
    ------
    UnknownNameError
        If there is no such table or column, or the table has no durations.
    InputError
        If a quantile is no fraction.

    Examples
    --------
    >>> import tempfile
    >>> store = TimeSeriesStore(tempfile.mkdtemp())
    >>> duration_table(store, "steps", "2026-11", by=["workflow_id"], quantiles=[0.5, 0.95]).table.columns[-2:]
    ['p50_ms', 'p95_ms']

    References
    ----------
    Munro and Paterson (1980), doi:10.1016/0304-3975(80)90061-4: selection in few passes with little storage.
    Hyndman and Fan (1996), doi:10.1080/00031305.1996.10473566: the interpolation, type 7.
    """
    by, told = list(by), where.meta.root_names() if where is not None else []
    for name in [*by, *told]:
        table_named(table)[name]
        if table in ROLLED and name not in ROLLED[table][-1]:
            raise unknown_name(f"the rollups of {table} have no column", name, ROLLED[table][-1])
    for q in quantiles:
        if not 0 <= q <= 1:
            raise InputError(f"quantiles has {quote(q)}, expected fractions from 0 to 1")
    period = store.span(span)
    ask = _Question(store, table, period, by, where, tuple(quantiles))

    def answer() -> pl.DataFrame:
        for _ in range(_ATTEMPTS):
            rolled = store.rolled_up(table, period, columns=[*by, *told])
            found = ask.approximate(rolled) if approximate else ask.exact(rolled)
            if found is not None:
                return found
        return ask.scanned()  # summaries that contradict the rows are of no use

    return DurationTable(
        of=table,
        time_period=str(period),
        by=tuple(by),
        approximate=approximate,
        error=ACCURACY if approximate and quantiles else 0.0,
        table=store.attempt(answer),
        warnings=store.warnings(period, tables=[table]),
    )


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked; each way to answer it gives the same columns, and None where it found files changed meanwhile."""

    store: TimeSeriesStore
    table: str
    period: Span
    by: list[str]
    where: pl.Expr | None
    quantiles: tuple[float, ...]

    @property
    def keys(self) -> list[str]:
        return self.by or [_ALL]

    def scanned(self) -> pl.DataFrame:
        """From all rows at once: what the other ways must agree with."""
        ms = pl.col("duration_ms")
        n = ms.count().cast(pl.Int64)
        some = [
            pl.when(n > 0).then(value).alias(name)
            for name, value in {"sum_ms": ms.sum(), "mean_ms": ms.mean(), "std_ms": std()}.items()
        ]
        values = [quantile(q).alias(f"{_name(q)}_ms") for q in self.quantiles]
        grouped = self._keyed(self._chosen(self.store.scan(self.table, self.period))).group_by(self.keys)
        counted = grouped.agg(
            pl.len().cast(pl.Int64).alias("rows"),
            n.alias("n"),
            *some,
            ms.min().alias("min_ms"),
            ms.max().alias("max_ms"),
            *values,
        )
        return self._ordered(counted.collect())

    def approximate(self, rolled: RolledUp) -> pl.DataFrame:
        """From summaries alone."""
        total = self._summed(rolled, summarise(self._keyed(self._chosen(rolled.rest)), by=self.keys).collect())
        parts = [self._moments(total)]
        for q in self.quantiles:
            names = {"value_ms": "ms", "low_ms": "low_ms", "high_ms": "high_ms"}
            found = quantile_from(total.lazy(), q, by=self.keys)
            parts.append(found.select(*self.keys, *(pl.col(a).alias(f"{_name(q)}_{b}") for a, b in names.items())))
        return self._joined(parts)

    def exact(self, rolled: RolledUp) -> pl.DataFrame | None:
        """From summaries, and the durations in the buckets that hold the ranks."""
        if sum(file.footer.rows for _, file in rolled.files) <= FEW_ROWS:
            return self.scanned()
        rest = self._keyed(self._chosen(rolled.rest)).select(*self.keys, "duration_ms").collect()
        total = self._summed(rolled, summarise(rest.lazy(), by=self.keys).collect())
        parts = [self._moments(total)]
        if not self.quantiles:
            return self._joined(parts)
        places = pl.collect_all([locate(total.lazy(), q, by=self.keys) for q in self.quantiles])
        holders = [place.select(*self.keys, bucket=end) for place in places for end in ("lower_bucket", "upper_bucket")]
        wanted = pl.concat(holders).unique()
        with shown(f"reading {self.table}", after_s=_PATIENCE_S) as on_part:
            read = durations_in(
                self.store.root,
                self.table,
                rolled.files,
                wanted.select(*self.by, "bucket"),
                where=self.where,
                on_part=on_part,
            )
        near = rest.with_columns(bucket()).join(wanted, on=[*self.keys, "bucket"], how="semi", nulls_equal=True)
        columns = [*self.keys, "bucket", "duration_ms"]
        values = pl.concat([self._keyed(read.lazy()).select(columns).collect(), near.select(columns)])
        held = values.group_by(*self.keys, "bucket").agg(pl.col("duration_ms").sort())
        if not self._agrees(total, wanted, held):
            return None
        return self._joined(
            [*parts, *(self._ranked(q, at, held) for q, at in zip(self.quantiles, places, strict=True))]
        )

    def _chosen(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        return rows if self.where is None else rows.filter(self.where)

    def _keyed(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        return rows if self.by else rows.with_columns(pl.lit(0).alias(_ALL))

    def _summed(self, rolled: RolledUp, rest: pl.DataFrame) -> pl.DataFrame:
        kept = self._keyed(self._chosen(rolled.summaries.lazy()))
        parts = [part.select(rest.columns) for part in (merge(kept, by=self.keys), rest.lazy())]
        return merge(pl.concat(parts), by=self.keys).collect()

    def _moments(self, total: pl.DataFrame) -> pl.LazyFrame:
        n, mean = pl.col("n"), pl.col("mean_ms")
        spread = pl.when(n > 1).then((pl.col("m2") / (n - 1)).sqrt())
        return total.lazy().with_columns(sum_ms=n * mean, std_ms=spread).select(*self.keys, *_MOMENTS)

    def _agrees(self, total: pl.DataFrame, wanted: pl.DataFrame, held: pl.DataFrame) -> bool:
        """Whether as many durations were read as the histograms say there are."""
        counted = total.lazy().select(*self.keys, bucket="buckets", count="counts").explode("bucket", "count")
        said = counted.join(wanted.lazy(), on=[*self.keys, "bucket"], how="semi", nulls_equal=True)
        found = held.lazy().select(*self.keys, "bucket", found=pl.col("duration_ms").list.len().cast(pl.Int64))
        both = said.join(found, on=[*self.keys, "bucket"], how="full", nulls_equal=True, coalesce=True)
        return bool(both.select(pl.col("count").eq_missing(pl.col("found")).all()).collect().item())

    def _ranked(self, q: float, places: pl.DataFrame, held: pl.DataFrame) -> pl.LazyFrame:
        """A quantile between two neighbours in the order of values."""
        found = places.lazy()
        for end in ("lower", "upper"):
            values = held.lazy().rename({"bucket": f"{end}_bucket", "duration_ms": f"_{end}"})
            found = found.join(
                values, on=[*self.keys, f"{end}_bucket"], how="left", nulls_equal=True, validate="m:1"
            ).with_columns(pl.col(f"_{end}").list.get(pl.col(f"{end}_rank")))
        value = pl.col("weight") * (pl.col("_upper") - pl.col("_lower")) + pl.col("_lower")
        return found.select(*self.keys, value.alias(f"{_name(q)}_ms"))

    def _joined(self, parts: Sequence[pl.LazyFrame]) -> pl.DataFrame:
        def beside(a: pl.LazyFrame, b: pl.LazyFrame) -> pl.LazyFrame:
            return a.join(b, on=self.keys, how="left", nulls_equal=True, validate="1:1")

        return self._ordered(reduce(beside, parts).collect())

    def _ordered(self, groups: pl.DataFrame) -> pl.DataFrame:
        if self.by:
            return groups.sort(*self.by, nulls_last=True)
        none = groups.is_empty()
        one = groups.clear(1).with_columns(pl.lit(0, pl.Int64).alias("rows"), pl.lit(0, pl.Int64).alias("n"))
        return (one if none else groups).drop(_ALL)


def _name(q: float) -> str:
    return f"p{q * 100:.10g}"
