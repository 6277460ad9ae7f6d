"""How long it works between breakdowns, and how long until it works again: MTBF, MTTR, streaks.

A *breakdown* is a run that failed or was abandoned; a run that somebody cancelled says nothing either way and is passed
over. Two clocks measure what lies between breakdowns:

- **operating time**, the one of the definition: what the runs took, whatever their end; live ones up to now, abandoned
  ones up to their last sign of life. ``MTBF = operating time / breakdowns`` (IEC 60050-192, mean operating time between
  failures; ISO 14224 calls it operational time).
- **calendar time**, from the first start in the period to its end or now. It tells an operator how often the telephone
  rings, and changes with the workload.

An *outage* begins with a breakdown and ends when the next run of that workflow completes; further breakdowns until then
belong to it. ``MTTR`` (mean time to restoration) is the mean length of the outages that have ended. A workflow that ran
at 9:00 (completed), 10:00 (failed), 11:00 (failed) and 12:00 (completed), each for 5 minutes, was out from 10:05
to 12:05; it broke down twice in 20 minutes of operation, so its MTBF is 10 minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import polars as pl

from rpa_lab.analysis.at_work import ended
from rpa_lab.measures import mean, total

__all__ = [
    "BREAKDOWN",
    "each_outage",
    "ended_at",
    "operating_ms",
    "outages",
    "streaks",
    "time_between_breakdowns",
    "with_mtbf_interval",
]

BREAKDOWN: Final = ("failed", "abandoned")
"""The statuses of a run that broke down."""

_TOLD = ("completed", *BREAKDOWN)


def ended_at() -> pl.Expr:
    """When an execution ended (`at_work.ended`): an abandoned one with its last sign of life."""
    return pl.coalesce(ended(), "last_seen_at", "started_at")


def operating_ms(*, as_of: datetime) -> pl.Expr:
    """How long an execution has operated, ms: to its end, its last sign of life, or now; null where nobody can know.

    Examples
    --------
    >>> from datetime import UTC, timedelta
    >>> at = datetime(2026, 11, 3, tzinfo=UTC)
    >>> none = pl.lit(None, dtype=pl.Datetime("us", "UTC"))
    >>> runs = pl.DataFrame({"status": ["completed", "running"], "duration_ms": [5.0, None], "started_at": [at, at]})
    >>> runs = runs.with_columns(completed_at=none, last_seen_at=none)
    >>> runs.select(operating_ms(as_of=at + timedelta(seconds=1))).to_series().to_list()
    [5.0, 1000.0]
    """
    until = (
        pl.when(pl.col("status") == "running").then(pl.lit(as_of, dtype=pl.Datetime("us", "UTC"))).otherwise(ended_at())
    )
    passed = (until - pl.col("started_at")).dt.total_microseconds() / 1000
    return pl.coalesce("duration_ms", passed.clip(lower_bound=0.0))


def time_between_breakdowns(
    executions: pl.LazyFrame, *, by: Sequence[str], as_of: datetime, until: datetime
) -> pl.LazyFrame:
    """Mean time between breakdowns, by the clock of operation and by the calendar.

    Parameters
    ----------
    executions : LazyFrame
        status, duration_ms, started_at, completed_at, last_seen_at, and the columns of `by`.
    by : sequence of str
        What makes a group.
    as_of : datetime
        What "now" is.
    until : datetime
        Where the observation ends.

    Returns
    -------
    LazyFrame
        One row per group: the columns of `by`, breakdowns, operating_ms, calendar_ms, mtbf_ms (operating time between
        breakdowns), calendar_mtbf_ms. The last two are null where nothing broke down, operating_ms and mtbf_ms where
        of no run it is known how long it took.

    References
    ----------
    IEC 60050-192:2015, mean operating time between failures; ISO 14224:2016, clause on reliability data and Annex C.
    """
    broken = pl.col("status").is_in(BREAKDOWN)
    end = pl.lit(until, dtype=pl.Datetime("us", "UTC"))
    seen = (end - pl.col("started_at").min()).dt.total_microseconds() / 1000
    return (
        executions.with_columns(_operating_ms=operating_ms(as_of=as_of))
        .group_by(by)
        .agg(
            breakdowns=broken.sum().cast(pl.Int64),
            operating_ms=total("_operating_ms"),
            _told=pl.col("_operating_ms").is_not_null().any(),
            calendar_ms=seen.clip(lower_bound=0.0),
        )
        .with_columns(operating_ms=pl.when("_told").then("operating_ms"))  # of no run known: not 0, but unknown
        .drop("_told")
        .with_columns(
            mtbf_ms=pl.when(pl.col("breakdowns") > 0).then(pl.col("operating_ms") / pl.col("breakdowns")),
            calendar_mtbf_ms=pl.when(pl.col("breakdowns") > 0).then(pl.col("calendar_ms") / pl.col("breakdowns")),
        )
    )


def with_mtbf_interval(groups: pl.DataFrame, *, level: float = 0.95) -> pl.DataFrame:
    """The groups with bounds of their MTBF, as if breakdowns came at a constant rate and independently.

    Parameters
    ----------
    groups : DataFrame
        breakdowns, operating_ms.
    level : float
        Nominal coverage, fraction 0-1.

    Returns
    -------
    DataFrame
        The same with mtbf_low_ms and mtbf_high_ms (null where nothing broke down: there is a lower bound only then).
        Bursts and outages make the true uncertainty larger.

    Examples
    --------
    >>> one = with_mtbf_interval(pl.DataFrame({"breakdowns": [4], "operating_ms": [1000.0]}))
    >>> print(*(round(one[name].item()) for name in ("mtbf_low_ms", "mtbf_high_ms")))
    98 918

    References
    ----------
    Garwood (1936), doi:10.1093/biomet/28.3-4.437; IEC 60605-4, time-terminated observation.
    """
    import numpy as np
    from scipy.stats import chi2

    n, total = groups["breakdowns"].to_numpy(), groups["operating_ms"].cast(pl.Float64).to_numpy()
    tail = (1 - level) / 2
    low = 2 * total / chi2.ppf(1 - tail, 2 * n + 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        high = np.where(n > 0, 2 * total / chi2.ppf(tail, np.maximum(2 * n, 1)), np.nan)
    return groups.with_columns(
        mtbf_low_ms=pl.Series(low, dtype=pl.Float64).fill_nan(None),
        mtbf_high_ms=pl.Series(high, dtype=pl.Float64).fill_nan(None),
    )


def outages(executions: pl.LazyFrame, *, by: Sequence[str], until: datetime) -> pl.LazyFrame:
    """How long each group's workflows were out.

    Parameters
    ----------
    executions : LazyFrame
        execution_id, workflow_id, status, started_at, completed_at, duration_ms, last_seen_at, and the columns of `by`.
    by : sequence of str
        What makes a group; an outage is one of a workflow within it.
    until : datetime
        Where the observation ends.

    Returns
    -------
    LazyFrame
        One row per group with a breakdown: the columns of `by`, restorations (outages that have ended), mttr_ms (their
        mean length), longest_outage_ms, unrestored (workflows that are still out), unrestored_ms (the longest of these
        so far).

    References
    ----------
    IEC 60050-192:2015, mean time to restoration.
    """
    end = pl.lit(until, dtype=pl.Datetime("us", "UTC"))
    length = (pl.col("restored") - pl.col("began")).dt.total_microseconds() / 1000
    so_far = ((end - pl.col("began")).dt.total_microseconds() / 1000).clip(lower_bound=0.0)
    return (
        each_outage(executions, by=by)
        .with_columns(_ms=length, _open_ms=pl.when(pl.col("restored").is_null()).then(so_far))
        .group_by(by)
        .agg(
            restorations=pl.col("_ms").count().cast(pl.Int64),
            mttr_ms=mean("_ms"),
            longest_outage_ms=pl.col("_ms").max(),
            unrestored=pl.col("_open_ms").count().cast(pl.Int64),
            unrestored_ms=pl.col("_open_ms").max(),
        )
    )


def each_outage(executions: pl.LazyFrame, *, by: Sequence[str] = ()) -> pl.LazyFrame:
    """The outages one by one.

    Parameters
    ----------
    executions : LazyFrame
        execution_id, workflow_id, status, started_at, completed_at, duration_ms, last_seen_at, and the columns of `by`.
    by : sequence of str
        What else makes a group; an outage is one of a workflow within it.

    Returns
    -------
    LazyFrame
        One row per outage: workflow_id and the columns of `by`, began (UTC), restored (UTC; null where it lasts),
        breakdowns (runs).
    """
    place = list(dict.fromkeys(["workflow_id", *by]))
    return (
        executions.filter(pl.col("status").is_in(_TOLD))
        .with_columns(_ended=ended_at(), _completed=pl.col("status") == "completed")
        .filter(pl.col("_ended").is_not_null())
        # what completes at the very moment of a breakdown ends its outage
        .sort("_ended", "_completed", "execution_id")
        .with_columns(restored=pl.when("_completed").then("_ended").backward_fill().over(place))
        .filter(~pl.col("_completed"))
        .group_by(*place, "restored")
        .agg(began=pl.col("_ended").min(), breakdowns=pl.len().cast(pl.Int64))
    )


def streaks(executions: pl.LazyFrame, *, by: Sequence[str]) -> pl.LazyFrame:
    """The longest rows of successes and of breakdowns, in the order in which runs ended.

    Parameters
    ----------
    executions : LazyFrame
        execution_id, status, started_at, completed_at, duration_ms, last_seen_at, and the columns of `by`.
    by : sequence of str
        What makes a group.

    Returns
    -------
    LazyFrame
        One row per group of which a run completed or broke down: the columns of `by`, longest_success, longest_failure
        (runs in a row; 0 where there is none), current_streak (runs), current_success (whether they completed).

    Examples
    --------
    >>> from datetime import UTC, timedelta
    >>> at = datetime(2026, 11, 3, tzinfo=UTC)
    >>> status = ["completed", "completed", "failed", "cancelled", "failed"]
    >>> runs = pl.LazyFrame({"execution_id": list("abcde"), "status": status, "workflow_id": ["w"] * 5})
    >>> runs = runs.with_columns(started_at=pl.lit(at) + pl.duration(minutes=pl.int_range(5)))
    >>> runs = runs.with_columns(completed_at="started_at", last_seen_at="started_at", duration_ms=0.0)
    >>> streaks(runs, by=["workflow_id"]).collect().rows()
    [('w', 2, 2, 2, False)]
    """
    keys = list(by)
    good = pl.col("status") == "completed"
    return (
        executions.filter(pl.col("status").is_in(_TOLD))
        .select(*keys, "execution_id", _ended=ended_at(), _good=good)
        .filter(pl.col("_ended").is_not_null())
        .sort("_ended", "execution_id")
        .with_columns(_streak=pl.col("_good").rle_id().over(keys))
        .group_by(*keys, "_streak")
        .agg(_n=pl.len().cast(pl.Int64), _good=pl.col("_good").first())
        .sort("_streak")
        .group_by(by)
        .agg(
            longest_success=pl.col("_n").filter("_good").max().fill_null(0),
            longest_failure=pl.col("_n").filter(~pl.col("_good")).max().fill_null(0),
            current_streak=pl.col("_n").last(),
            current_success=pl.col("_good").last(),
        )
    )
