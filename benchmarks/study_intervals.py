"""How often the intervals of performance are right, and how often a slowdown is called one, where the truth is known.

Fleets of 1,400 days without a fault or a release are simulated and cut into windows, workflow by workflow. The truth is
the figure over all 1,400 days: it varies a tenth as much as a window of 14 days does. Of each window the interval is
computed as `PerformanceAnalyzer` computes it, and it is counted whether it holds the truth.

- Intervals that resample days are tried on fleets whose days differ (by 8 %, and hosts' load by 5 %): windows of 14 and
  28 days. Those that speak of these runs only on fleets without: windows of 7 days.
- The same of the durations of failed runs only (28 days), which on many days there are none of.
- Beside them, what intervals that speak of these runs only cover where days differ, of which they do not speak:
  windows of 7 days.
- Shifts between two periods, on the fleets whose days differ: how often the interval holds the true shift (0),
  how often days differ significantly though nothing changed, and how often if all durations are 1.2 times as long;
  beside Mann-Whitney's test on runs.

- Labelled "with incidents", and no promise: on the same fleets, where on one day in 28 everything takes ten times as
  long, what intervals of the mean of 14 and 28 days hold. The truth has its incidents too, and half of the windows of
  14 days have none: no method can know of what it never saw.

Failures cluster by day in every simulated fleet, also where durations don't: success rates have day effects everywhere.
A coverage or rate of n windows has a standard error of √(p (1 - p) / n): the column `error`.

    python benchmarks/study_intervals.py      as committed: seeds 0 to 9 (shifts: 0 to 3); writes results/intervals.csv
    python benchmarks/study_intervals.py 3    seeds 0 to 2, and writes nothing
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import polars as pl

from rpa_lab.analysis.degradation import degradation_between
from rpa_lab.analysis.group_intervals import QUANTILES, STATISTICS, intervals_by, timed_runs
from rpa_lab.measures import quantile, success_rate
from rpa_lab.period import Span
from rpa_lab.simulate import fleet

RESULTS: Final = Path(__file__).parent / "results" / "intervals.csv"
SEEDS: Final = 10
SHIFT_SEEDS: Final = 4  # each window is a test of its own
DAYS, WORKFLOWS, END = 1400, 4, date(2026, 11, 2)
START: Final = datetime(END.year, END.month, END.day, tzinfo=UTC) - timedelta(days=DAYS)
SIDES: Final = ((28, 7), (14, 14), (14, 7), (7, 7), (5, 5))
SLOWER = 1.2
TOLERATED: Final = (92.0, 98.0)
INCIDENTS: Final = "with incidents"


def main() -> None:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS
    began, parts = time.process_time(), []
    for runs_per_day in (20, 5):
        for window, days_differ in ((7, False), (14, True), (28, True)):
            parts.append(coverage(range(seeds), window=window, days_differ=days_differ, runs_per_day=runs_per_day))
            _show(parts[-1])
    parts.append(coverage(range(seeds), window=7, days_differ=True))
    _show(parts[-1])
    parts.append(coverage(range(seeds), window=28, days_differ=True, status="failed"))
    _show(parts[-1])
    for window in (14, 28):
        parts.append(coverage(range(seeds), window=window, days_differ=True, incidents=True))
        _show(parts[-1])
    for before, now in SIDES:
        parts.append(shifts(range(min(seeds, SHIFT_SEEDS)), before=before, now=now))
        _show(parts[-1])
    table = pl.concat(parts)
    meant = promised(table)
    outside = meant.filter(~pl.col("percent").is_between(*TOLERATED))
    print(f"{outside.height} of {meant.height} coverages that are promised lie outside 92 to 98 %")
    print(f"{time.process_time() - began:.0f} s of CPU time")
    if seeds == SEEDS:
        RESULTS.parent.mkdir(exist_ok=True)
        table.write_csv(RESULTS, float_precision=2)


def promised(table: pl.DataFrame) -> pl.DataFrame:
    """The rows that are nominal 95 % intervals where they are meant to be: those of days where days differ …"""
    meant = ((pl.col("basis") == "days") & pl.col("days_differ")) | (
        (pl.col("basis") == "these runs only") & ~pl.col("days_differ")
    )
    return table.filter((pl.col("what") == "coverage") & meant & ~pl.col("design").str.ends_with(INCIDENTS))


def coverage(
    seeds: Iterable[int],
    *,
    window: int,
    days_differ: bool,
    runs_per_day: float = 20,
    days: int = DAYS,
    status: str | None = None,
    incidents: bool = False,
) -> pl.DataFrame:
    """How often each interval of windows of so many days holds the truth: one row per statistic and basis."""
    found = []
    for seed in seeds:
        runs = executions(seed, days_differ=days_differ, runs_per_day=runs_per_day, days=days)
        found.append(_windows(_with_incidents(runs, seed) if incidents else runs, seed, window, days, status))
    rows = [_coverage_of(pl.concat(found), statistic) for statistic in STATISTICS]
    design = f"{window} days" if status is None else f"{window} days, {status} runs"
    design = f"{design} {INCIDENTS}" if incidents else design
    return _table(pl.concat(rows), design=design, runs_per_day=runs_per_day, days_differ=days_differ)


def shifts(
    seeds: Iterable[int], *, before: int, now: int, runs_per_day: float = 20, days: int = DAYS, most: int | None = None
) -> pl.DataFrame:
    """How often a shift's interval holds the true one, and how often tests reject: without a change, and slower."""
    same: list[_Decision] = []
    slower: list[_Decision] = []
    for seed in seeds:
        runs = executions(seed, days_differ=True, runs_per_day=runs_per_day, days=days)
        for (workflow_id,), mine in runs.group_by("workflow_id", maintain_order=True):
            for number in range(days // (before + now))[:most]:
                start = START + timedelta(days=(DAYS - days) + number * (before + now))
                change, end = start + timedelta(days=before), start + timedelta(days=before + now)
                spans = Span(start, change), Span(change, end)
                at = pl.col("started_at")
                within = mine.filter((at >= start) & (at < end))
                faster = pl.col("duration_ms") * pl.when(at >= change).then(SLOWER).otherwise(1.0)
                for into, these in ((same, within), (slower, within.with_columns(faster))):
                    into.append(_decision(these, str(workflow_id), spans, seed))
    counted = [
        (
            "shift",
            "days",
            "coverage",
            [low <= 0 <= high for *_, low, high in same if low is not None and high is not None],
            same,
        ),
        ("significant", "days", "false alarms", [one for one, *_ in same if one is not None], same),
        ("Mann-Whitney", "runs", "false alarms", [one for _, one, *_ in same], same),
        ("significant", "days", "20 % found", [one for one, *_ in slower if one is not None], slower),
        ("Mann-Whitney", "runs", "20 % found", [one for _, one, *_ in slower], slower),
    ]
    rows = pl.DataFrame(
        [
            {"statistic": name, "basis": basis, "what": what, "windows": len(held), "unknown": len(of) - len(held),
             "percent": 100 * float(np.mean(held)), "below": None, "above": None}
            for name, basis, what, held, of in counted
        ],
        schema=_COUNTED,
    )  # fmt: skip
    return _table(rows, design=f"{before} + {now} days", runs_per_day=runs_per_day, days_differ=True)


def executions(seed: int, *, days_differ: bool, runs_per_day: float, days: int = DAYS) -> pl.DataFrame:
    """The runs of a fleet in which nothing goes wrong but what always does."""
    simulated = fleet(
        days,
        WORKFLOWS,
        seed,
        end=END,
        runs_per_day=runs_per_day,
        faults=(),
        closed=(),
        day_sd=0.08 if days_differ else 0.0,
        load_sd=0.05 if days_differ else 0.0,
        releases_per_month=0,
    )
    return simulated.executions.select("workflow_id", "status", "duration_ms", "started_at", "completed_at")


_Decision: TypeAlias = tuple[bool | None, bool, float | None, float | None]
_COUNTED: Final = {
    "statistic": pl.String,
    "basis": pl.String,
    "what": pl.String,
    "windows": pl.Int64,
    "unknown": pl.Int64,
    "percent": pl.Float64,
    "below": pl.Float64,
    "above": pl.Float64,
}


def _show(table: pl.DataFrame) -> None:
    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_width_chars=200, float_precision=1, tbl_hide_column_data_types=True):
        print(table, flush=True)


def _with_incidents(runs: pl.DataFrame, seed: int) -> pl.DataFrame:
    """The same runs, but of each workflow one day in 28 took ten times as long."""
    days = runs.select("workflow_id", day=pl.col("started_at").dt.date()).unique().sort("workflow_id", "day")
    hit = pl.Series("_hit", np.random.default_rng(seed).random(days.height) < 1 / 28)
    slow = pl.when("_hit").then(10.0).otherwise(1.0)
    return (
        runs.with_columns(day=pl.col("started_at").dt.date())
        .join(days.with_columns(hit), on=["workflow_id", "day"], how="left", validate="m:1")
        .with_columns(pl.col("duration_ms") * slow)
        .drop("day", "_hit")
    )


def _windows(runs: pl.DataFrame, seed: int, window: int, days: int, status: str | None) -> pl.DataFrame:
    """One row per workflow and whole window: its intervals, and the truth beside them."""
    since = pl.col("started_at") - pl.lit(START + timedelta(days=DAYS - days))
    numbered = runs.with_columns(window=since.dt.total_days() // window).filter(pl.col("window") < days // window)
    by = ["workflow_id", "window"]
    intervals = intervals_by(timed_runs(numbered.lazy(), by=by, tz="UTC", status=status).collect(), by=by, seed=seed)
    counted = pl.lit(value=True) if status is None else pl.col("status") == status
    truth = (
        runs.with_columns(pl.when(counted).then("duration_ms"))
        .group_by("workflow_id")
        .agg(
            pl.col("duration_ms").mean().alias("mean"),
            *(quantile(q).alias(name) for name, q in QUANTILES.items()),
            success_rate(),
        )
    )
    return intervals.join(truth, on="workflow_id", how="left", validate="m:1")


def _coverage_of(found: pl.DataFrame, statistic: str) -> pl.DataFrame:
    column = statistic if statistic == "success_rate" else f"{statistic}_ms"
    low, high, truth = pl.col(f"{column}_low"), pl.col(f"{column}_high"), pl.col(statistic)
    basis = pl.col(f"{column}_basis")
    return (
        found.group_by(basis=basis.fill_null(basis.mode().first()))
        .agg(
            windows=low.count().cast(pl.Int64),
            unknown=low.null_count().cast(pl.Int64),
            percent=((low <= truth) & (truth <= high)).mean() * 100,
            below=(truth < low).mean() * 100,
            above=(truth > high).mean() * 100,
        )
        .with_columns(statistic=pl.lit(statistic), what=pl.lit("coverage"))
        .select(list(_COUNTED))
        .sort("basis")
    )


def _decision(runs: pl.DataFrame, workflow_id: str, spans: tuple[Span, Span], seed: int) -> _Decision:
    """Whether the days differ (in either direction), whether Mann-Whitney says so of the runs, and the interval."""
    from scipy.stats import mannwhitneyu

    baseline, current = spans
    found = degradation_between(
        runs, workflow_id=workflow_id, baseline=baseline, current=current, threshold_percent=20.0, seed=seed
    )
    completed = runs.filter(pl.col("status") == "completed").drop_nulls("duration_ms")
    before = completed.filter(pl.col("started_at") < current.start)["duration_ms"].to_numpy()
    now = completed.filter(pl.col("started_at") >= current.start)["duration_ms"].to_numpy()
    interval = found.shift_interval
    return (
        None if found.p_value is None else found.p_value <= 0.05,
        bool(mannwhitneyu(before, now).pvalue <= 0.05),
        None if interval is None else interval.low,
        None if interval is None else interval.high,
    )


def _table(counted: pl.DataFrame, *, design: str, runs_per_day: float, days_differ: bool) -> pl.DataFrame:
    share = pl.col("percent") / 100
    return counted.select(
        design=pl.lit(design),
        runs_per_day=pl.lit(float(runs_per_day)),
        days_differ=pl.lit(days_differ),
        statistic="statistic",
        basis="basis",
        what="what",
        windows="windows",
        unknown="unknown",
        percent="percent",
        error=(share * (1 - share) / pl.col("windows")).sqrt() * 100,
        below="below",
        above="above",
    )


if __name__ == "__main__":
    main()
