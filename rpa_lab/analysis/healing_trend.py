"""Steps that need self-healing more and more: a selector that goes bad, found while runs still complete.

Of each step and day: how many of its visits needed an attempt of self-healing. Visits of one day resemble each other (a
release, a slow host), so the day is what is tested, not the visit: under the hypothesis that nothing changes over time,
each day's excess over the step's own average, ``attempts - visits * share``, might have come on any of the days. How
strongly excess and date go together is Pearson's r; among all orders of the days its distribution is nearly that of
Student's t with two degrees of freedom less than days (Pitman), one-sided, as only a rise is sought. It takes days for
alike, also those of many visits, which scatter more. Of many steps some rise by chance: Benjamini and Hochberg keep the
share of false ones among those named at or below `level`.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from rpa_lab.errors import InputError, quote
from rpa_lab.measures import local_day

__all__ = ["FEWEST_ATTEMPTS", "FEWEST_DAYS", "healing_by_day", "healing_trends"]

FEWEST_DAYS: Final = 7
"""Steps that were visited on fewer days are not tested."""

FEWEST_ATTEMPTS: Final = 5
"""Steps that were healed less often are not tested."""

_PLACE = ("workflow_id", "node_id")


def healing_by_day(steps: pl.LazyFrame, recoveries: pl.LazyFrame, *, tz: str) -> pl.LazyFrame:
    """How many visits of each step needed self-healing, day by day.

    Parameters
    ----------
    steps : LazyFrame
        workflow_id, node_id, started_at, status. Skipped ones are no visits.
    recoveries : LazyFrame
        workflow_id, node_id, execution_id, step_id, started_at.
    tz : str
        The zone in which days begin.

    Returns
    -------
    LazyFrame
        One row per node and day with a visit: workflow_id, node_id, day (Date), visits, healed (visits with an attempt,
        whether it succeeded or not; at most all of them).
    """
    day = local_day(tz=tz)
    visits = (
        steps.filter(pl.col("status") != "skipped")
        .group_by(*_PLACE, day=day)
        .agg(visits=pl.len().cast(pl.Int64))
    )  # fmt: skip
    healed = recoveries.group_by(*_PLACE, day=day).agg(
        _healed=pl.struct("execution_id", "step_id").n_unique().cast(pl.Int64)
    )
    return (
        visits.join(healed, on=[*_PLACE, "day"], how="left", validate="1:1")
        .with_columns(healed=pl.min_horizontal("visits", pl.col("_healed").fill_null(0)))
        .drop("_healed")
        .sort(*_PLACE, "day")
    )


def healing_trends(days: pl.LazyFrame, *, level: float = 0.05) -> pl.DataFrame:
    """Which steps need self-healing more and more.

    Parameters
    ----------
    days : LazyFrame
        From `healing_by_day`.
    level : float
        What share of those named may be false, fraction above 0 and below 1.

    Returns
    -------
    DataFrame
        One row per step that could be tested (at least 7 days and 5 visits healed), surest first: workflow_id, node_id,
        days, visits, healed, share (fraction 0-1 of its visits), early_share and late_share (of its first and its
        second half of days), p_value, q_value (the smallest level at which it would be named), rising.

    Examples
    --------
    >>> from datetime import date
    >>> on = pl.date_range(date(2026, 11, 1), date(2026, 11, 8), eager=True)
    >>> days = pl.DataFrame({"workflow_id": "w", "node_id": "click", "day": on, "visits": 50, "healed": range(8)})
    >>> healing_trends(days.lazy()).select("early_share", "late_share", "rising").row(0)
    (0.03, 0.11, True)

    References
    ----------
    Pitman (1937), doi:10.2307/2983647. Benjamini and Hochberg (1995), doi:10.1111/j.2517-6161.1995.tb02031.x.
    """
    import numpy as np
    from scipy.stats import false_discovery_control, t

    if not isinstance(level, int | float) or not 0 < level < 1:
        raise InputError(f"level is {quote(level)}, expected a fraction above 0 and below 1")
    share = pl.col("healed").sum() / pl.col("visits").sum()
    late = pl.col("day").rank("ordinal") > pl.len() / 2
    tested = (
        days.group_by(_PLACE)
        .agg(
            days=pl.len().cast(pl.Int64),
            visits=pl.col("visits").sum(),
            healed=pl.col("healed").sum(),
            share=share,
            early_share=pl.col("healed").filter(~late).sum() / pl.col("visits").filter(~late).sum(),
            late_share=pl.col("healed").filter(late).sum() / pl.col("visits").filter(late).sum(),
            _r=pl.corr(pl.col("day").to_physical().cast(pl.Float64), pl.col("healed") - pl.col("visits") * share),
        )
        .filter((pl.col("days") >= FEWEST_DAYS) & (pl.col("healed") >= FEWEST_ATTEMPTS))
        .sort(_PLACE)
        .collect()
    )
    # every visit healed on every day: nothing varies, and nothing rises
    r = tested["_r"].fill_nan(0.0).fill_null(0.0).clip(-1 + 1e-12, 1 - 1e-12).to_numpy()
    free = tested["days"].to_numpy() - 2
    p = np.asarray(t.sf(r * np.sqrt(free / (1 - r**2)), free))
    q = np.asarray(false_discovery_control(p, method="bh")) if len(p) else p
    return (
        tested.drop("_r")
        .with_columns(p_value=pl.Series(p, dtype=pl.Float64), q_value=pl.Series(q, dtype=pl.Float64))
        .with_columns(rising=(pl.col("q_value") <= level))
        .sort("p_value", *_PLACE)
    )
