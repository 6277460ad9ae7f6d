"""Events that start or complete a step, joined to steps: first in, first out, within case, activity and instance.

A completion takes the oldest start that is still open. One that finds none stands alone (its duration is then the gap
to the case's previous event), and a start that nothing completes is left out: nobody knows how its step ended. Case 7
with ``start pay 9:00, start pay 9:05, complete pay 9:10, complete pay 9:30`` has two steps, of 10 and 25 minutes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

__all__ = ["COMPLETIONS", "STARTS", "Joined", "join"]

COMPLETIONS: Final[Mapping[str, str]] = {
    "complete": "completed",
    "completed": "completed",
    "end": "completed",
    "autoskip": "skipped",
    "manualskip": "skipped",
    "withdraw": "skipped",
    "ate_abort": "failed",
    "pi_abort": "failed",
}
"""What each transition that ends a step means for its status."""

STARTS: Final = ("start", "started", "begin")
_BY: Final = ("case", "activity", "instance")

Joined = tuple[pl.DataFrame, dict[str, int]]


def join(events: pl.DataFrame) -> Joined:
    """One row per completion, with the time and the resource of the start that it completes.

    Parameters
    ----------
    events : DataFrame
        One row per event: row, case, activity, instance, lifecycle, start, end, status, resource, and others.

    Returns
    -------
    tuple of DataFrame and dict
        The completions, `start` filled from their starts, `status` from the transition where the log says none; and
        what was left out, in words.

    Examples
    --------
    >>> from datetime import datetime
    >>> at = [datetime(2026, 11, 3, 9), datetime(2026, 11, 3, 9, 30), datetime(2026, 11, 3, 9, 45)]
    >>> events = pl.DataFrame({"row": [0, 1, 2], "case": "7", "activity": ["pay", "pay", "ship"], "instance": None,
    ...     "lifecycle": ["start", "complete", "schedule"], "end": at})
    >>> events = events.with_columns(pl.lit(None, pl.Datetime("us")).alias("start"), status=pl.lit(None, pl.String))
    >>> steps, left_out = join(events)
    >>> steps.select("activity", "start", "end").row(0)
    ('pay', datetime.datetime(2026, 11, 3, 9, 0), datetime.datetime(2026, 11, 3, 9, 30))
    >>> left_out
    {"events of the transition 'schedule'": 1, 'starts that nothing completes': 0}
    """
    said = pl.col("lifecycle").str.strip_chars().str.to_lowercase().fill_null("complete")
    events = events.with_columns(_said=said, _is_start=said.is_in(STARTS), _ends=said.is_in(list(COMPLETIONS)))
    others = events.filter(~pl.col("_is_start") & ~pl.col("_ends"))["_said"].value_counts(sort=True)
    left_out = {f"events of the transition '{word[:60]}'": count for word, count in others.rows()}
    balance = pl.when("_is_start").then(1).otherwise(-1).cum_sum().over(_BY)
    paired = (
        events.filter(pl.col("_is_start") | pl.col("_ends"))
        .sort("end", ~pl.col("_is_start"), "row")
        .with_columns(_balance=balance)
        .with_columns(_low=pl.min_horizontal(pl.col("_balance").cum_min().over(_BY), 0))
        # a completion that takes the balance lower than it ever was has found no open start
        .with_columns(_alone=pl.col("_ends") & (pl.col("_low") < pl.col("_low").shift(1, fill_value=0).over(_BY)))
        .with_columns(_place=pl.int_range(pl.len()).over(*_BY, "_is_start", "_alone"))
    )
    started = pl.coalesce("start", "end")
    starts = paired.filter("_is_start").select(*_BY, "_place", _started=started, _alone=pl.lit(value=False))
    key = [*_BY, "_place", "_alone"]
    steps = paired.filter("_ends").join(starts, on=key, how="left", nulls_equal=True, validate="1:1")
    status = pl.coalesce("status", pl.col("_said").replace_strict(COMPLETIONS, default=None))
    left_out["starts that nothing completes"] = starts.height - steps["_started"].count()
    kept = [name for name in events.columns if not name.startswith("_")]
    return steps.with_columns(start=pl.coalesce("_started", "start"), status=status).select(kept).sort("row"), left_out
