"""How long until a run completes, where some never do: cumulative incidence with competing events.

A run ends in one of three ways: it completes, fails or is cancelled; each rules the others out. Of runs that are still
at work, and of those whose bot fell silent, it is only known that they had not ended by then: they are *censored*, live
ones at now, abandoned ones at their last sign of life. The Aalen-Johansen estimator says which share of runs has
completed (failed, been cancelled) by each duration, with all of them counted. Of four runs that took 1, 2, 3 and 4
minutes and of which the second failed, half had completed by minute 3 and three quarters by minute 4; the mean of
"durations of completed runs" says nothing of the kind.

With S(t-) the share that has not ended before t, n(t) the runs that are still watched at t and d_k(t) those that end in
way k at t, the incidence is ``F_k(t) = sum of S(s-) d_k(s) / n(s) over s <= t``. Who is censored at t is watched at t.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from statistics import NormalDist
from typing import TYPE_CHECKING, ClassVar, Final

import polars as pl

from rpa_lab.analysis.outages import operating_ms
from rpa_lab.errors import InputError, quote
from rpa_lab.result import Result

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

__all__ = ["CAUSES", "TimeToCompletion", "cumulative_incidence", "median_time", "watched"]

CAUSES: Final = ("completed", "failed", "cancelled")
"""The ways in which a run ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeToCompletion(Result):
    """How long one workflow's runs take to complete, all of them counted.

    `median_ms` is the time by which half of all runs have completed, None where that is never seen; its bounds are None
    where they lie beyond what was seen. Intervals speak of these runs only (`about`): runs of one day resemble each
    other, and for the long run they are too narrow. `curve` has one row per time at which a run ended or was last seen:
    see `cumulative_incidence`. `unknown` runs have no known time and are left out.
    """

    _table: ClassVar[str | None] = "curve"

    workflow_id: str
    time_period: str
    tz: str
    n: int
    completed: int
    failed: int
    cancelled: int
    running: int
    abandoned: int
    unknown: int
    median_ms: float | None
    median_low_ms: float | None
    median_high_ms: float | None
    curve: pl.DataFrame
    level: float = 0.95
    about: str = "these runs only"
    warnings: tuple[str, ...] = ()

    def completed_by(self, time_ms: float) -> tuple[float, float | None, float | None] | None:
        """The share of runs that have completed within a time, with its bounds.

        Parameters
        ----------
        time_ms : float
            Since their start.

        Returns
        -------
        tuple of float or None
            Share, lower and upper bound, fractions 0-1; None where no run was watched that long, so nobody knows. The
            bounds are None where no run or every run has completed by then.

        Raises
        ------
        InputError
            If the time is negative.
        """
        if not isinstance(time_ms, int | float) or not time_ms >= 0:
            raise InputError(f"time_ms is {quote(time_ms)}, expected milliseconds, 0 or more")
        if self.curve.is_empty():
            return None
        last_ms, in_progress = self.curve.select("time_ms", "in_progress").row(-1)
        if time_ms > last_ms and in_progress > 1e-12:
            return None
        before = self.curve.filter(pl.col("time_ms") <= time_ms)
        if before.is_empty():
            return 0.0, None, None
        share, low, high = before.select("completed_share", "completed_low", "completed_high").row(-1)
        return share, low, high


def watched(executions: pl.LazyFrame, *, as_of: datetime) -> pl.LazyFrame:
    """How long each run was watched, and how that ended.

    Parameters
    ----------
    executions : LazyFrame
        status, duration_ms, started_at, completed_at, last_seen_at.
    as_of : datetime
        What "now" is.

    Returns
    -------
    LazyFrame
        One row per run: time_ms (null where it isn't known), cause (one of `CAUSES`, or ``censored``), status.
    """
    cause = pl.when(pl.col("status").is_in(CAUSES)).then("status").otherwise(pl.lit("censored"))
    return executions.select(time_ms=operating_ms(as_of=as_of), cause=cause, status="status")


def cumulative_incidence(runs: pl.DataFrame, *, level: float = 0.95) -> pl.DataFrame:
    """The share of runs that have ended in each way by each time (Aalen-Johansen).

    Parameters
    ----------
    runs : DataFrame
        time_ms (not null), cause: see `watched`.
    level : float
        Nominal coverage of the pointwise intervals, fraction above 0 and below 1.

    Returns
    -------
    DataFrame
        One row per distinct time: time_ms, at_risk, completed, failed, cancelled, censored (runs at this time), then
        completed_share, completed_low, completed_high (fractions 0-1; bounds by the delta method on the scale
        log(-log), null while none and once all have completed: it has nothing to say then), failed_share,
        cancelled_share, in_progress (what has not ended yet).

    Examples
    --------
    >>> cause = ["completed", "failed", "completed", "completed"]
    >>> runs = pl.DataFrame({"time_ms": [1.0, 2.0, 3.0, 4.0], "cause": cause})
    >>> cumulative_incidence(runs).select("time_ms", "completed_share", "failed_share").rows()
    [(1.0, 0.25, 0.0), (2.0, 0.25, 0.25), (3.0, 0.5, 0.25), (4.0, 0.75, 0.25)]

    References
    ----------
    Aalen and Johansen (1978), Scand. J. Statist. 5, 141-150. Variance: Marubini and Valsecchi (1995), Analysing
    Survival Data from Clinical Trials and Observational Studies, section 10.3.
    """
    import numpy as np

    if not isinstance(level, int | float) or not 0 < level < 1:
        raise InputError(f"level is {quote(level)}, expected a fraction above 0 and below 1")
    ends = (
        runs.lazy()
        .group_by("time_ms")
        .agg(pl.len().alias("_n"), *((pl.col("cause") == cause).sum().alias(cause) for cause in (*CAUSES, "censored")))
        .sort("time_ms")
        .with_columns(pl.col("_n", *CAUSES, "censored").cast(pl.Int64))
        .with_columns(at_risk=pl.col("_n").reverse().cum_sum().reverse())
        .collect()
    )
    at_risk = ends["at_risk"].to_numpy().astype(np.float64)
    by_cause = [ends[cause].to_numpy().astype(np.float64) for cause in CAUSES]
    ended = np.sum(by_cause, axis=0)
    left = np.cumprod(1 - ended / at_risk)
    before = np.concatenate([[1.0], left[:-1]])[: len(left)]
    shares = [np.cumsum(before * d / at_risk) for d in by_cause]
    low, high = _bounds(shares[0], _variance(shares[0], by_cause[0], ended, at_risk, before), level=level)
    return ends.select("time_ms", "at_risk", *CAUSES, "censored").with_columns(
        completed_share=pl.Series(shares[0]),
        completed_low=pl.Series(low).fill_nan(None),
        completed_high=pl.Series(high).fill_nan(None),
        failed_share=pl.Series(shares[1]),
        cancelled_share=pl.Series(shares[2]),
        in_progress=pl.Series(left),
    )


def median_time(curve: pl.DataFrame, *, share: float = 0.5) -> tuple[float | None, float | None, float | None]:
    """When a share of all runs has completed, and between which times that is compatible with these runs.

    Parameters
    ----------
    curve : DataFrame
        From `cumulative_incidence`.
    share : float
        Fraction 0-1 of all runs, of those that never complete too.

    Returns
    -------
    tuple of float or None
        The time in ms, its lower and its upper bound; None where the curve (or its bound) never gets there.

    Examples
    --------
    >>> cause = ["completed", "failed", "completed", "completed"]
    >>> runs = pl.DataFrame({"time_ms": [1.0, 2.0, 3.0, 4.0], "cause": cause})
    >>> median_time(cumulative_incidence(runs))[0]
    3.0

    References
    ----------
    Brookmeyer and Crowley (1982), doi:10.2307/2530286: the times at which the interval of the curve holds the share.
    """
    least = share - 1e-12  # half of ten runs, whatever the sums were rounded to

    def first(column: str) -> float | None:
        reached = curve.filter(pl.col(column) >= least)["time_ms"]
        return float(reached[0]) if len(reached) else None

    return first("completed_share"), first("completed_high"), first("completed_low")


def _variance(share: Floats, d: Floats, ended: Floats, at_risk: Floats, before: Floats) -> Floats:
    """The delta-method variance of a cumulative incidence at each time, in one pass of cumulative sums."""
    import numpy as np

    # where all that are watched end, nothing can change afterwards: the term is 0 times infinity, and is 0
    last = at_risk <= ended
    hazard = np.where(last, 0.0, ended / np.where(last, 1.0, at_risk * (at_risk - ended)))
    own = before * d / at_risk**2
    sums = [np.cumsum(term) for term in (hazard, hazard * share, hazard * share**2, own, own * share)]
    binomial = np.cumsum(before**2 * d * (at_risk - d) / at_risk**3)
    variance = share**2 * sums[0] - 2 * share * sums[1] + sums[2] + binomial - 2 * (share * sums[3] - sums[4])
    clipped: Floats = np.maximum(variance, 0.0)
    return clipped


def _bounds(share: Floats, variance: Floats, *, level: float) -> tuple[Floats, Floats]:
    """Bounds that stay between 0 and 1: symmetric on the scale log(-log); NaN where none or all have completed."""
    import numpy as np

    z = NormalDist().inv_cdf((1 + level) / 2)
    inside = (share > 1e-12) & (share < 1 - 1e-12)  # what sums of fractions leave of 0 and 1
    safe = np.where(inside, share, 0.5)
    log = np.log(safe)
    spread = z * np.sqrt(variance) / (safe * -log)
    low, high = safe ** np.exp(spread), safe ** np.exp(-spread)
    return np.where(inside, low, np.nan), np.where(inside, high, np.nan)
