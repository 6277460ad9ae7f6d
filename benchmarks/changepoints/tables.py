"""How the study of change points is told: a row for each rate, with so many years or cases, and its standard error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

__all__ = ["mean_of", "percent_of", "rows_of"]


def rows_of(rows: Sequence[tuple[str, str, float, float]], *, design: str, runs_per_day: float) -> pl.DataFrame:
    """design, runs_per_day, what, series, value, n (workflow-years or cases), error (its standard error)."""
    return pl.DataFrame(
        [
            {
                "design": design,
                "runs_per_day": float(runs_per_day),
                "what": what,
                "series": series,
                "value": float(value),
                "n": float(n),
                "error": _error(what, float(value), float(n)),
            }
            for what, series, value, n in rows
        ]
    )


def percent_of(cases: pl.DataFrame, column: str) -> float:
    return 100 * float(cases[column].cast(pl.Float64).mean() or 0.0)  # type: ignore[arg-type]


def mean_of(cases: pl.DataFrame, column: str) -> float:
    return float(cases[column].cast(pl.Float64).mean() or 0.0)  # type: ignore[arg-type]


def _error(what: str, value: float, n: float) -> float | None:
    if "year" in what or "slow moves" in what:
        return float(np.sqrt(value / n))
    return None if "days from" in what else float(np.sqrt(value * (100 - value) / n))
