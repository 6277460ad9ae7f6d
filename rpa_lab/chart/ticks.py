"""Round values for an axis that is to have labels over a part of its length only."""

from __future__ import annotations

from math import ceil, floor, log10

__all__ = ["nice_ticks"]


def nice_ticks(least: float, largest: float, *, about: int = 5) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten, within two bounds.

    Parameters
    ----------
    least, largest : float
        The bounds, in any unit; where they are equal, that value alone.
    about : int
        How many values there should be, more or less.

    Returns
    -------
    list of float

    Examples
    --------
    >>> nice_ticks(-0.3, 11.2), nice_ticks(0.0, 0.5)
    ([0.0, 2.0, 4.0, 6.0, 8.0, 10.0], [0.0, 0.1, 0.2, 0.3, 0.4, 0.5])
    """
    if largest <= least:
        return [least]
    rough = (largest - least) / about
    power = 10.0 ** floor(log10(rough))
    step = min((one * power for one in (1, 2, 5, 10)), key=lambda one: abs(one - rough))
    digits = max(0, -floor(log10(step)))
    return [round(number * step, digits) + 0.0 for number in range(ceil(least / step), floor(largest / step) + 1)]
