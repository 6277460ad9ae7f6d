"""Whether two periods' days differ by more than chance explains: days that exchange places between them."""

from __future__ import annotations

from typing import Final

import polars as pl

from rpa_lab.inference.permutation import LEAST_WAYS
from rpa_lab.inference.shift import LEAST_A_SIDE, shift_of_days

__all__ = ["p_value_of_days", "ways_for"]

_WAYS_EACH: Final = 50  # in which days can exchange places, for each workflow: 40 give a two-sided 5 % of it


def ways_for(workflows: int) -> int:
    """In how many ways days have to be able to exchange places, where p-values are corrected for so many workflows.

    Examples
    --------
    >>> ways_for(1), ways_for(50)
    (500, 2500)
    """
    return max(LEAST_WAYS, _WAYS_EACH * workflows)


def p_value_of_days(days: pl.DataFrame, *, later_first: bool, seed: int, workflows: int = 1) -> float | None:
    """How often days that exchange places between the periods differ as much.

    A p-value that is corrected for fifty workflows has to be able to be so small. Where usual blocks leave too few ways
    for that they are shorter, unless the same days of other weeks are too few for it.

    Parameters
    ----------
    days : DataFrame
        One row per day with runs: side (0 or 1), day, runs, duration_us (of all of them).
    later_first : bool
        Whether side 0 is the later period.
    seed : int
        Of the exchanges.
    workflows : int
        For how many p-values it is to be corrected.

    Returns
    -------
    float or None
        Two-sided, fraction 0-1; None with too few days.
    """
    later = days.filter(pl.col("side") == (0 if later_first else 1))
    if min(later.height, days.height - later.height) < LEAST_A_SIDE:
        return None
    ordered = days.sort("day")
    offsets = ordered.select((pl.col("day") - pl.lit(later["day"].min())).dt.total_days()).to_series().to_numpy()
    means = ordered.select(pl.col("duration_us") / pl.col("runs")).to_series().to_numpy()
    runs = ordered["runs"].to_numpy()
    ways = ways_for(workflows)
    found = shift_of_days(means, offsets, runs, seed=seed, least_ways=ways)
    if ways > LEAST_WAYS and not found.same_weekdays:
        found = shift_of_days(means, offsets, runs, seed=seed)
    return found.p_value
