"""Whether what was promised was kept: each run or case judged against each target that applies to it.

A run may keep a promise (`met`), break it (`breaches`), still be able to keep it (`open`), or not be to judge
(`unjudged`: its start in a queue isn't known, or it ended early without completing: that is a failure, which a
success rate counts, and neither fast nor slow). What runs and is over its limit already is a breach, not open.

=============  =========  =========================================================================================
promise        of a       measured
=============  =========  =========================================================================================
duration       run        from start to end, by the clock on the wall: robots don't keep office hours
queue_wait     run        from queued to started, in working time
turnaround     case       from queued to completed, whichever re-run completed it, in working time
completed_by   case       completed before the clock next shows the time of day after it was queued (or started)
success_rate   run        completed, of those that ended
=============  =========  =========================================================================================

The share that keeps the promise is a level of service as IT service management has it: measured per item, over a
period, against an agreed percentage.

References
----------
ISO/IEC 20000-1:2018, clause 8.3.3 (service level management). ITIL Foundation, ITIL 4 edition (2019), 5.2.15.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta

import polars as pl

from rpa_lab.analysis.rate_intervals import rate_intervals, with_bounds
from rpa_lab.analysis.working_time import WorkingTime
from rpa_lab.measures import finished, in_zone, local_day, seen_at
from rpa_lab.storage.settings_targets import CompletedBy, Completes, SlaTarget, Within

__all__ = ["OUTCOMES", "judged", "service_levels"]

OUTCOMES = ("met", "breaches", "open", "unjudged")
"""What can become of a promise to one run or case."""


def judged(
    targets: Sequence[SlaTarget],
    *,
    executions: pl.LazyFrame,
    cases: pl.LazyFrame,
    now: datetime,
    working: WorkingTime,
    tz: str,
    day_tz: str,
) -> pl.LazyFrame:
    """How many runs or cases of each workflow kept each promise.

    Parameters
    ----------
    targets : sequence of SlaTarget
        The promises; at least one.
    executions : LazyFrame
        workflow_id, status, queued_at, started_at, completed_at, duration_ms, last_seen_at.
    cases : LazyFrame
        As `rpa_lab.analysis.cases.fold_cases` makes them.
    now : datetime
        What "now" is.
    working : WorkingTime
        The calendar.
    tz : str
        The zone of a time of day.
    day_tz : str
        The zone in which days begin.

    Returns
    -------
    LazyFrame
        One row per target, workflow to which it applies and day on which such a run or case began: target (its number
        in `targets`), workflow_id, day (Date; null where it isn't known), met, breaches, open, unjudged.
    """
    of_runs: list[pl.Expr] = []
    of_cases: list[pl.Expr] = []
    for number, target in enumerate(targets):
        outcome = _judge(target.promise, now=now, working=working, tz=tz)
        applies = target.workflow_id is None or pl.col("workflow_id") == target.workflow_id
        chosen = of_cases if _is_of_cases(target.promise) else of_runs
        chosen.append(pl.when(applies).then(outcome).alias(str(number)))
    asked = [(executions, seen_at(), of_runs), (cases, pl.col("began_at"), of_cases)]
    return pl.concat(_counted(rows, outcomes, day=local_day(at, tz=day_tz)) for rows, at, outcomes in asked if outcomes)


def service_levels(counts: pl.DataFrame, targets: Sequence[SlaTarget]) -> pl.DataFrame:
    """Each target with how far it was kept.

    Parameters
    ----------
    counts : DataFrame
        target (its number in `targets`), workflow_id, day, and the columns of `OUTCOMES`.
    targets : sequence of SlaTarget
        The targets.

    Returns
    -------
    DataFrame
        One row per target and workflow, in order: target (its name), workflow_id, share (percent that was promised), n
        (met and breached ones), the columns of `OUTCOMES`, kept_percent, low, high and basis (its 95 % interval, of
        `rate_intervals`), kept (whether at least the share kept it; null where there was nothing to judge).
    """
    by = ["_number", "workflow_id"]
    numbered = counts.rename({"target": "_number"}).lazy()
    table = with_bounds(
        numbered.group_by(by).agg(pl.col(OUTCOMES).sum()),
        rate_intervals(
            numbered, {"_kept": pl.col("met")}, of=pl.col("met") + pl.col("breaches"), day=pl.col("day"), by=by
        ),
        by=by,
    ).collect()
    names = pl.DataFrame(
        [(number, target.name, target.share) for number, target in enumerate(targets)],
        schema={"_number": pl.Int64, "target": pl.String, "share": pl.Float64},
        orient="row",
    )
    table = table.join(names, on="_number", how="left", validate="m:1")
    table = table.with_columns(n=pl.col("met") + pl.col("breaches")).sort("_number", "workflow_id", nulls_last=True)
    kept_percent = pl.when(pl.col("n") > 0).then(pl.col("met") / pl.col("n") * 100)
    return table.with_columns(
        kept_percent=kept_percent, kept=pl.col("met") * 100 >= pl.col("share") * pl.col("n")
    ).select(
        "target",
        "workflow_id",
        "share",
        "n",
        *OUTCOMES,
        "kept_percent",
        pl.col("_kept_low").alias("low"),
        pl.col("_kept_high").alias("high"),
        pl.col("_kept_basis").alias("basis"),
        pl.when(pl.col("n") > 0).then("kept").alias("kept"),
    )


def _is_of_cases(promise: Within | CompletedBy | Completes) -> bool:
    return isinstance(promise, CompletedBy) or (isinstance(promise, Within) and promise.measure == "turnaround")


def _judge(promise: Within | CompletedBy | Completes, *, now: datetime, working: WorkingTime, tz: str) -> pl.Expr:
    """Which of `OUTCOMES` a run, or a case, has."""
    match promise:
        case Completes():
            return _completes()
        case CompletedBy(clock=clock):
            due = _next(pl.coalesce("queued_at", "started_at"), clock=clock, tz=tz)
            return _by(due, delivered=pl.col("delivered_at"), now=_at(now))
        case Within(measure="turnaround", limit_ms=limit_ms):
            taken = working.between_ms(pl.col("queued_at"), pl.coalesce("delivered_at", _at(now)))
            return _delivered_within(taken, limit_ms=limit_ms)
        case Within(measure="queue_wait", limit_ms=limit_ms):
            wait = working.between_ms(pl.col("queued_at"), pl.col("started_at"))
            return _outcome(met=wait <= limit_ms, breach=wait > limit_ms)
        case Within(limit_ms=limit_ms):
            return _lasts(now, limit_ms=limit_ms)


def _counted(rows: pl.LazyFrame, outcomes: list[pl.Expr], *, day: pl.Expr) -> pl.LazyFrame:
    """The outcomes of each column by workflow and day, counted in one pass over the rows."""
    numbers = [outcome.meta.output_name() for outcome in outcomes]
    counts = [
        pl.struct((pl.col(number) == name).sum().cast(pl.Int64).alias(name) for name in OUTCOMES).alias(number)
        for number in numbers
    ]
    return (
        rows.filter(pl.col("workflow_id").is_not_null())
        .select("workflow_id", day.alias("day"), *outcomes)
        .group_by("workflow_id", "day")
        .agg(counts)
        .unpivot(numbers, index=["workflow_id", "day"], variable_name="target", value_name="_counts")
        .unnest("_counts")
        .filter(pl.sum_horizontal(OUTCOMES) > 0)  # each run or case to which a target applies has an outcome
        .select(pl.col("target").cast(pl.Int64), "workflow_id", "day", *OUTCOMES)
    )


def _completes() -> pl.Expr:
    completed = pl.col("status") == "completed"
    return _outcome(met=completed, breach=finished() & ~completed, still_open=pl.col("status") == "running")


def _lasts(now: datetime, *, limit_ms: float) -> pl.Expr:
    running, abandoned = (pl.col("status") == status for status in ("running", "abandoned"))
    until = pl.when(running).then(_at(now)).when(abandoned).then("last_seen_at")
    so_far_ms = (until - pl.col("started_at")).dt.total_microseconds() / 1_000
    taken = pl.coalesce("duration_ms", so_far_ms)
    within = taken <= limit_ms
    return _outcome(
        met=(pl.col("status") == "completed") & within, breach=taken > limit_ms, still_open=running & within
    )


def _delivered_within(taken: pl.Expr, *, limit_ms: float) -> pl.Expr:
    delivered = pl.col("delivered_at").is_not_null()
    within = taken <= limit_ms
    judgeable = ~((pl.col("status") == "completed") & ~delivered)  # completed, and nobody knows when
    return _outcome(
        met=delivered & within, breach=judgeable & (taken > limit_ms), still_open=judgeable & ~delivered & within
    )


def _by(due: pl.Expr, *, delivered: pl.Expr, now: pl.Expr) -> pl.Expr:
    judgeable = ~((pl.col("status") == "completed") & delivered.is_null())
    at = pl.coalesce(delivered, now)
    return _outcome(
        met=delivered.is_not_null() & (at <= due),
        breach=judgeable & (at > due),
        still_open=judgeable & delivered.is_null() & (at <= due),
    )


def _outcome(*, met: pl.Expr, breach: pl.Expr, still_open: pl.Expr | None = None) -> pl.Expr:
    chosen = pl.when(met).then(pl.lit("met")).when(breach).then(pl.lit("breaches"))
    if still_open is not None:
        chosen = chosen.when(still_open).then(pl.lit("open"))
    return chosen.otherwise(pl.lit("unjudged"))


def _next(at: pl.Expr, *, clock: time, tz: str) -> pl.Expr:
    """When the clock of a zone next shows a time of day, after an instant."""
    day = local_day(at, tz=tz).cast(pl.Datetime("us"))
    offset = timedelta(hours=clock.hour, minutes=clock.minute, seconds=clock.second)
    today, tomorrow = (
        in_zone(day + pl.lit(offset + timedelta(days=later)), tz).dt.convert_time_zone("UTC") for later in (0, 1)
    )
    return pl.when(today > at).then(today).otherwise(tomorrow)


def _at(now: datetime) -> pl.Expr:
    return pl.lit(now, pl.Datetime("us", "UTC"))
