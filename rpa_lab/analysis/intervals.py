"""How far a figure can be trusted: intervals of rates.

18 of 20 runs completed: the success rate is 90 %, and the runs are compatible with 69.9 to 97.2 %.
"""

from __future__ import annotations

from rpa_lab.errors import InputError, quote

__all__ = ["wilson_interval"]


def wilson_interval(completed: int, finished: int, *, level: float = 0.95) -> tuple[float, float]:
    """Wilson score interval of a success rate.

    Parameters
    ----------
    completed, finished : int
        Executions that completed; that ended in any way (running ones left out).
    level : float
        Nominal coverage, fraction 0-1.

    Returns
    -------
    tuple of float
        Lower and upper bound, percent 0-100.

    Raises
    ------
    InputError
        If `finished` is 0: the success rate of no runs is unknown, neither 0 nor 100 %.

    Examples
    --------
    >>> low, high = wilson_interval(18, 20)
    >>> print(f"{low:.1f} to {high:.1f} %")
    69.9 to 97.2 %

    References
    ----------
    Wilson (1927), doi:10.1080/01621459.1927.10502953
    """
    from statsmodels.stats.proportion import proportion_confint

    if not finished > 0 or not 0 <= completed <= finished:
        raise InputError(f"{quote(completed)} of {quote(finished)} runs completed, expected some that ended")
    low, high = proportion_confint(completed, finished, alpha=1 - level, method="wilson")
    return float(low) * 100, float(high) * 100
