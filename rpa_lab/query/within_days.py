"""How much single runs of two sides vary within a day, both sides together.

So much their difference varies at least, if runs are independent of each other. Days tell how uneven a figure is, but
not of few runs or failures: 20 runs of a robot without a failure are as even as can be. The two sides together know
better. What a day does to all of its runs is left out, since it cancels where both sides had that day.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from rpa_lab.query.day_cells import Sample, influences

__all__ = ["variance_of_shares", "variance_of_values"]

Floats: TypeAlias = npt.NDArray[np.float64]


def variance_of_shares(part: Floats, whole: Floats, base_part: Floats, base_whole: Floats) -> Floats:
    """The variance within days of what is counted (1) or isn't (0), of each group and the base group together.

    Parameters
    ----------
    part, whole : numpy.ndarray
        One row per day, one column per group: how many are counted, and of how many.
    base_part, base_whole : numpy.ndarray
        The same of the base group: one column, or one for each group.

    Returns
    -------
    numpy.ndarray
        One place per group; 0 where no day has two.

    Examples
    --------
    >>> completed, ended = np.array([[1.0], [2.0]]), np.array([[2.0], [2.0]])
    >>> variance_of_shares(completed, ended, completed, ended)  # of days with 2 of 4, and 4 of 4
    array([0.16666667])
    """
    counted, of = part + base_part, whole + base_whole
    return _variance(counted, counted, of)


def variance_of_values(sample: Sample, groups: Sequence[int], *, std: Floats | None = None) -> Floats:
    """The same of values, each of `groups` together with side 0; of their influences on `std`, where that is given."""
    weights = sample.values if std is None else influences(sample, std)
    if not len(weights):
        return np.zeros(len(groups))
    rest = weights - weights.mean()  # so that squares of large values don't cancel
    counts = sample.counts()
    sums, squares = (
        np.stack([sample.by_day(side, each[sample.of(side)]) for side in range(counts.shape[1])], axis=1)
        for each in (rest, rest**2)
    )
    mine = list(groups)
    return _variance(sums[:, mine] + sums[:, :1], squares[:, mine] + squares[:, :1], counts[:, mine] + counts[:, :1])


def _variance(sums: Floats, squares: Floats, counts: Floats) -> Floats:
    days = (counts > 0).sum(axis=0)
    within = (squares - np.divide(sums**2, counts, out=np.zeros_like(sums), where=counts > 0)).sum(axis=0)
    found: Floats = np.maximum(within, 0.0) / np.maximum(counts.sum(axis=0) - days, 1)
    return found
