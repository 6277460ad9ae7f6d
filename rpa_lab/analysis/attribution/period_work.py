"""What the completed runs of two sides did, day by day: how long they took, and how much of it at which step.

Sides are two periods, or two versions in one period.

Runs belong to the day on which they start, with all of their steps, also those of the day after. Steps are read a few
days at a time, put to their runs and summed up by day and node at once, so that two months of 7 million steps each
need no more memory than some days do. Only steps that hold others, and these, are kept run by run until all are
read: their self time needs both.

From ten days with runs a side on, days are what is drawn anew. Below, runs are: in up to 200 groups by lot, which
differ as much as independent runs do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import polars as pl

from rpa_lab.analysis.nodes import recorded_parents, self_time_by_run
from rpa_lab.inference.intervals import DAYS, THESE_RUNS
from rpa_lab.inference.resampling import LEAST_DAYS
from rpa_lab.measures import finished, local_day, seen_at, total
from rpa_lab.period import Span
from rpa_lab.storage.store import TimeSeriesStore

__all__ = ["CLOCK", "LONGEST", "PeriodWork", "completed_runs", "ended_runs", "period_work", "steps_of_runs"]

CLOCK: Final = timedelta(days=1)
"""How far a step may begin before its run does, by another clock."""

LONGEST: Final = timedelta(days=366)
"""Steps of a run that lasted longer are read up to here."""

_GROUPS: Final = 200
_ROWS_AT_ONCE: Final = 500_000
_ROWS_OF_ONE: Final = 10_000_000  # of one workflow, of which other rows are passed over
_ROUNDING_US: Final = 100
_STEPS = ("execution_id", "workflow_id", "node_id", "status", "duration_ms", "retry_count")


@dataclass(frozen=True, slots=True)
class PeriodWork:
    """Two sides' completed runs, summed up; `side` is 0 in the baseline and 1 in the current period.

    Attributes
    ----------
    runs : DataFrame
        One row per workflow_id, side, unit (day or group of runs, from 0), stratum: runs, duration_us; and its number,
        cell.
    steps : DataFrame
        One row per cell and node_id: attempts, own_us (self time).
    days : DataFrame
        One row per workflow_id, side and day: runs, duration_us.
    facts : DataFrame
        One row per workflow_id: basis, stepless (runs without a step), overlapping (runs whose steps took longer
        together than they did, or than the step around them), untold (steps whose duration isn't known).
    """

    runs: pl.DataFrame
    steps: pl.DataFrame
    days: pl.DataFrame
    facts: pl.DataFrame


def ended_runs(
    store: TimeSeriesStore,
    spans: tuple[Span, Span],
    *,
    columns: Sequence[str] = (),
    workflow_id: str | None = None,
    versions: tuple[str, str] | None = None,
) -> pl.DataFrame:
    """The runs of both sides that have ended, however: side, workflow_id, execution_id, status, day and more.

    Parameters
    ----------
    store : TimeSeriesStore
        Where they are.
    spans : tuple of Span
        The baseline and the current period.
    columns : sequence of str
        Which columns of executions besides.
    workflow_id : str, optional
        Only its runs.
    versions : tuple of str, optional
        Only runs of these: of the first one on side 0, of the second on side 1.

    Returns
    -------
    DataFrame
        One row per run: side, day (Date), begun (UTC), execution_id, workflow_id, status, duration_us (null where
        unknown), and `columns`.
    """
    wanted = ["execution_id", "workflow_id", "status", "started_at", "completed_at", "duration_ms"]
    read = list(dict.fromkeys([*wanted, *columns, *(["workflow_version"] if versions else [])]))
    took = (pl.col("duration_ms") * 1000).round().cast(pl.Int64)
    begun = pl.coalesce("started_at", pl.col("completed_at") - pl.duration(microseconds=took))

    def query() -> pl.LazyFrame:
        sides = [
            store.scan("executions", span, columns=read, workflow_id=workflow_id)
            .filter(pl.col("workflow_version") == versions[side] if versions else pl.lit(value=True))
            .with_columns(side=pl.lit(side, pl.Int8))
            for side, span in enumerate(spans)
        ]
        return (
            pl.concat(sides)
            .filter(finished() & pl.col("workflow_id").is_not_null())
            .select(
                "side",
                "execution_id",
                "workflow_id",
                "status",
                *columns,
                day=local_day(seen_at(), tz=spans[0].tz),
                begun=begun,
                duration_us=took,
            )
        )

    return store.collect(query)


def completed_runs(ended: pl.DataFrame, *, together: bool = False) -> pl.DataFrame:
    """Those that completed, with a known duration, each with its number, its unit, and what is drawn anew.

    Parameters
    ----------
    ended : DataFrame
        From `ended_runs`.
    together : bool
        Whether the days of both sides are drawn at once: a day then has one number, whichever side ran on it.

    Returns
    -------
    DataFrame
        Its rows, ordered by workflow, side and id, with run (a number), basis ("days" or "these runs only") and unit:
        which day, or group of runs, of its workflow and side, from 0 on.
    """
    side = ["workflow_id", "side"]
    of_day = ["workflow_id"] if together else side
    days = pl.col("day").n_unique().over(side)
    both = pl.col("side").n_unique().over("workflow_id") == 2
    by_days = both & (pl.col("_days").min().over("workflow_id") >= LEAST_DAYS)
    by_lot = pl.col("execution_id").hash(seed=0).rank("ordinal").over(side) % _GROUPS
    told = pl.col("duration_us").is_not_null() & pl.col("day").is_not_null() & pl.col("begun").is_not_null()
    return (
        ended.filter((pl.col("status") == "completed") & told)
        .sort("workflow_id", "side", "execution_id")
        .with_row_index("run")
        .with_columns(_days=days)
        .with_columns(
            basis=pl.when(by_days).then(pl.lit(DAYS)).otherwise(pl.lit(THESE_RUNS)),
            _day=pl.col("day").rank("dense").over(of_day).cast(pl.Int64) - 1,
            _lot=by_lot.rank("dense").over(side).cast(pl.Int64) - 1,
        )
        .with_columns(unit=pl.when(by_days).then("_day").otherwise("_lot"))
        .drop("_days", "_day", "_lot")
    )


def period_work(
    store: TimeSeriesStore, completed: pl.DataFrame, spans: tuple[Span, Span], *, workflow_id: str | None = None
) -> PeriodWork:
    """Their durations and their steps, summed up.

    Parameters
    ----------
    store : TimeSeriesStore
        Where the steps are.
    completed : DataFrame
        From `completed_runs`, with stratum (String).
    spans : tuple of Span
        The periods.
    workflow_id : str, optional
        Of which workflow all of them are.

    Returns
    -------
    PeriodWork
    """
    cell = ["workflow_id", "side", "unit", "stratum"]
    sums = [pl.len().cast(pl.Int64).alias("runs"), pl.col("duration_us").sum()]
    runs = completed.group_by(cell).agg(*sums).sort(cell).with_row_index("cell")
    numbered = completed.join(runs.select(*cell, "cell"), on=cell, how="left", validate="m:1")
    steps, by_run = store.attempt(lambda: _steps_by_cell(store, numbered, spans, workflow_id=workflow_id))
    return PeriodWork(
        runs=runs,
        steps=steps,
        days=completed.group_by("workflow_id", "side", "day").agg(*sums).sort("workflow_id", "side", "day"),
        facts=_facts(numbered, by_run),
    )


def steps_of_runs(
    store: TimeSeriesStore, runs: pl.DataFrame, spans: tuple[Span, Span], *, workflow_id: str
) -> pl.DataFrame:
    """The self time of each node in each of some runs of one workflow.

    Parameters
    ----------
    store : TimeSeriesStore
        Where the steps are.
    runs : DataFrame
        Rows of `completed_runs`.
    spans : tuple of Span
        The periods.
    workflow_id : str
        Whose they are.

    Returns
    -------
    DataFrame
        One row per run and node_id: attempts, own_us.
    """

    def query() -> pl.LazyFrame:
        parts = [
            _with_runs(store.scan("steps", within, columns=_STEPS, workflow_id=workflow_id), near, also=["run"])
            for within, near in _stretches(runs, spans, days=None)
        ]
        whole = pl.concat(parts) if parts else _NO_STEPS.lazy()
        return self_time_by_run(whole, run="run", also=[pl.col("attempts").sum()]).select(
            "run", "node_id", "attempts", own_us=_us("self_duration_ms")
        )

    return store.collect(query)


_NO_STEPS: Final = pl.DataFrame(
    schema={
        "workflow_id": pl.String,
        "node_id": pl.String,
        "duration_ms": pl.Float64,
        "attempts": pl.Int64,
        "run": pl.UInt32,
        "cell": pl.UInt32,
    }
)


def _steps_by_cell(
    store: TimeSeriesStore, runs: pl.DataFrame, spans: tuple[Span, Span], *, workflow_id: str | None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One row per cell and node; and one row per run: own_us, steps, untold, overlap."""
    families = _families(store, runs, spans, workflow_id=workflow_id)
    place = ["workflow_id", "node_id"]
    flat, nested, by_run = [], [], []
    for within, near in _stretches(runs, spans, days=_days_at_once(store, spans, workflow_id=workflow_id)):
        steps = store.scan("steps", within, columns=_STEPS, workflow_id=workflow_id)
        rows = _with_runs(steps, near, also=["run", "cell"]).collect()
        if families.height:
            inside = rows.join(families, on=place, how="semi")
            nested.append(
                inside.group_by("run", "node_id").agg(
                    pl.when(pl.col("duration_ms").count() > 0).then(total()).alias("duration_ms"),
                    pl.col("attempts").sum(),
                )
            )
            by_run.append(inside.group_by("run").agg(_NO_TIME, *_COUNTS))
            rows = rows.join(families, on=place, how="anti")
        own = _us("duration_ms").sum().alias("own_us")
        flat.append(rows.group_by("cell", "node_id").agg(pl.col("attempts").sum(), own))
        by_run.append(rows.group_by("run").agg(own, *_COUNTS))
    if nested:
        within_runs = self_time_by_run(pl.concat(nested).lazy(), run="run", also=[pl.col("attempts").sum()])
        own_us = _us("self_duration_ms").fill_null(0).alias("own_us")
        kept = within_runs.with_columns(own_us).join(
            runs.lazy().select("run", "cell"), on="run", how="left", validate="m:1"
        )
        of_nested = kept.select("run", "cell", "node_id", "attempts", "own_us", "overlap").collect()
        flat.append(of_nested.group_by("cell", "node_id").agg(pl.col("attempts", "own_us").sum()))
        counts = [pl.lit(0, pl.Int64).alias(name) for name in ("steps", "untold")]
        by_run.append(of_nested.group_by("run").agg(pl.col("own_us").sum(), *counts, pl.col("overlap").any()))
    if not flat:
        return _NO_STEPS.select("cell", "node_id", "attempts", own_us="attempts"), _NO_STEPS.select(
            "run", own_us="attempts", steps="attempts", untold="attempts", overlap=pl.col("attempts") > 0
        )
    work = pl.concat(flat).group_by("cell", "node_id").agg(pl.col("attempts", "own_us").sum()).sort("cell", "node_id")
    summed = pl.concat(by_run).group_by("run").agg(pl.col("own_us", "steps", "untold").sum(), pl.col("overlap").any())
    return work, summed


_NO_TIME: Final = pl.lit(0, pl.Int64).alias("own_us")  # of nested steps it is known once all are read
_COUNTS: Final = (
    pl.len().cast(pl.Int64).alias("steps"),
    pl.col("duration_ms").null_count().cast(pl.Int64).alias("untold"),
    pl.lit(value=False).alias("overlap"),
)


def _facts(runs: pl.DataFrame, by_run: pl.DataFrame) -> pl.DataFrame:
    together = pl.col("own_us") > pl.col("duration_us") + _ROUNDING_US
    return (
        runs.select("run", "workflow_id", "side", "basis", "duration_us")
        .join(by_run, on="run", how="left", validate="1:1")
        .group_by("workflow_id")
        .agg(
            pl.col("basis").first(),
            stepless=pl.concat_list(
                (pl.col("steps").is_null() & (pl.col("side") == side)).sum().cast(pl.Int64) for side in (0, 1)
            ),
            overlapping=(together | pl.col("overlap")).sum().cast(pl.Int64),
            untold=pl.col("untold").sum(),
        )
    )


def _families(
    store: TimeSeriesStore, runs: pl.DataFrame, spans: tuple[Span, Span], *, workflow_id: str | None
) -> pl.DataFrame:
    """The nodes whose self time is to be worked out run by run."""
    parts = [
        store.scan("steps", within, columns=["workflow_id", "node_id"], workflow_id=workflow_id).unique()
        for within, _ in _stretches(runs, spans, days=None)
    ]
    if not parts:
        return _NO_STEPS.select("workflow_id", "node_id")
    return recorded_parents(pl.concat(parts)).collect(engine="streaming")


def _days_at_once(store: TimeSeriesStore, spans: tuple[Span, Span], *, workflow_id: str | None) -> int:
    """How many days to read together."""
    rows = sum(store.count_stored("steps", span) for span in spans)
    days = sum((span.end - span.start) / timedelta(days=1) for span in spans)
    most = _ROWS_AT_ONCE if workflow_id is None else _ROWS_OF_ONE
    return min(max(1, int(days * most / max(rows, 1))), LONGEST.days)


def _stretches(
    runs: pl.DataFrame, spans: tuple[Span, Span], *, days: int | None
) -> Iterator[tuple[Span, pl.DataFrame]]:
    """Spans of so many UTC days (None: all at once) in which the runs' steps may lie, each with the runs near it.

    All steps of one side lie in exactly one of its spans.
    """
    for side, span in enumerate(spans):
        mine = runs.filter(pl.col("side") == side)
        if mine.is_empty():
            continue
        ends = pl.col("begun") + pl.duration(microseconds=pl.col("duration_us").clip(0, LONGEST // _US))
        known = mine.with_columns(_ends=ends)
        last = known.select(pl.max_horizontal(pl.col("_ends").max(), pl.lit(span.end))).item() + _US
        start = span.start - CLOCK
        while start < last:
            end = last if days is None else min(last, _midnight(start) + timedelta(days=days))
            near = known.filter((pl.col("begun") < end + CLOCK) & (pl.col("_ends") >= start)) if days else known
            if near.height:
                yield Span(start, end, span.tz), near
            start = end


_US: Final = timedelta(microseconds=1)


def _midnight(at: datetime) -> datetime:
    return datetime(at.year, at.month, at.day, tzinfo=UTC)


def _with_runs(steps: pl.LazyFrame, runs: pl.DataFrame, *, also: list[str]) -> pl.LazyFrame:
    """The steps of these runs that weren't skipped, with what is known of their runs."""
    return (
        steps.filter(pl.col("status") != "skipped")
        .select(
            "execution_id",
            "workflow_id",
            "node_id",
            "duration_ms",
            attempts=pl.col("retry_count").cast(pl.Int64).fill_null(0) + 1,
        )
        .join(runs.lazy().select("execution_id", *also), on="execution_id", how="inner", validate="m:1")
        .drop("execution_id")
    )


def _us(column: str) -> pl.Expr:
    """Whole microseconds, in which durations are stored."""
    return (pl.col(column) * 1000).round().cast(pl.Int64)
