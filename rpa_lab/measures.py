"""Polars expressions with a meaning, each once: analysers, the engine and roll-ups all use these."""

from __future__ import annotations

from typing import Final

import polars as pl

__all__ = ["FINISHED", "finished", "quantile", "status_counts", "std", "success_rate"]

FINISHED: Final = ("completed", "failed", "cancelled", "abandoned")
"""The statuses of an execution that has ended, one way or another."""


def finished() -> pl.Expr:
    """Whether an execution has ended."""
    return pl.col("status").is_in(FINISHED)


def success_rate() -> pl.Expr:
    """Completed executions, percent 0-100 of those that ended; null where none has.

    Examples
    --------
    >>> pl.DataFrame({"status": ["completed", "failed", "running"]}).select(success_rate()).item()
    50.0
    """
    completed = (pl.col("status") == "completed").sum().cast(pl.Float64)
    ended = finished().sum()
    return pl.when(ended > 0).then(completed / ended * 100).alias("success_rate")


def status_counts() -> list[pl.Expr]:
    """How many executions there are of each status, one column each."""
    return [(pl.col("status") == status).sum().cast(pl.Int64).alias(status) for status in (*FINISHED, "running")]


def quantile(q: float, column: str = "duration_ms") -> pl.Expr:
    """A quantile, linearly interpolated between order statistics (type 7, NumPy's default).

    Parameters
    ----------
    q : float
        Fraction 0-1.
    column : str
        Of which column; nulls are left out.

    Returns
    -------
    polars.Expr

    Examples
    --------
    >>> pl.DataFrame({"duration_ms": [1.0, 2.0, 4.0]}).select(quantile(0.75)).item()
    3.0

    References
    ----------
    Hyndman and Fan (1996), doi:10.1080/00031305.1996.10473566
    """
    return pl.col(column).quantile(q, interpolation="linear")


def std(column: str = "duration_ms") -> pl.Expr:
    """The sample standard deviation (ddof = 1); null for fewer than two values."""
    return pl.col(column).std(ddof=1)
