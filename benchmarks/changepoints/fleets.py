"""The fleets of the study of change points: 720 days, cut into windows that are workflows of their own.

Days begin at midnight UTC, as windows do, so a fleet's daily levels are computed once for windows of any length.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from rpa_lab.analysis.daily_levels import days_that_count, levels_of_executions, levels_of_steps
from rpa_lab.simulate import Drift, Fleet, SlowStep, fleet

__all__ = [
    "DAYS",
    "DAY_SD",
    "START",
    "WINDOW",
    "WORKFLOWS",
    "daily_levels",
    "days_alike",
    "in_windows",
    "levels_in_windows",
    "made",
    "name",
    "windowed",
    "with_days_alike",
    "years",
]

DAYS, WORKFLOWS, END = 720, 4, date(2026, 11, 2)
START: Final = END - timedelta(days=DAYS)
WINDOW: Final = 90
DAY_SD: Final = 0.08


def made(
    seed: int,
    *,
    runs_per_day: float = 20,
    day_sd: float = DAY_SD,
    faults: Sequence[SlowStep | Drift] = (),
    releases_per_month: float = 0,
) -> Fleet:
    return fleet(
        DAYS,
        WORKFLOWS,
        seed,
        end=END,
        runs_per_day=runs_per_day,
        faults=faults,
        day_sd=day_sd,
        releases_per_month=releases_per_month,
    )


def name(workflow_id: str, window: int) -> str:
    return f"{workflow_id} {window}"


def daily_levels(fleet_made: Fleet) -> pl.DataFrame:
    """Of executions and steps, over all days."""
    plans = [
        levels_of_executions(fleet_made.executions.lazy(), tz="UTC"),
        levels_of_steps(fleet_made.steps.lazy(), tz="UTC"),
    ]
    return pl.concat(pl.collect_all(plans))


def in_windows(levels: pl.DataFrame, *, window: int = WINDOW) -> pl.DataFrame:
    """Daily levels of whole windows, and which of their days count."""
    number = (pl.col("date") - pl.lit(START)).dt.total_days() // window
    return days_that_count(_of_whole_windows(levels.lazy(), number, window=window).collect())


def levels_in_windows(fleet_made: Fleet) -> pl.DataFrame:
    return in_windows(daily_levels(fleet_made))


def years(window: int) -> float:
    """So many workflow-years of a fleet lie in whole windows."""
    return WORKFLOWS * (DAYS // window) * window / 365


def windowed(rows: pl.LazyFrame, *, at: str) -> pl.LazyFrame:
    """The rows of whole windows, by a time in them."""
    since = (pl.col(at) - pl.lit(datetime(START.year, START.month, START.day, tzinfo=UTC))).dt.total_days()
    return _of_whole_windows(rows, since // WINDOW, window=WINDOW)


def days_alike(alike: float, days: int, *, seed: list[int]) -> npt.NDArray[np.float64]:
    """So many days of an autoregressive series with variance 1."""
    from scipy.signal import lfilter

    chance = np.random.default_rng(seed).normal(0, np.sqrt(1 - alike**2), days)
    chance[0] /= np.sqrt(1 - alike**2)
    return np.asarray(lfilter([1.0], [1.0, -alike], chance))


def with_days_alike(levels: pl.DataFrame, alike: float, *, seed: int) -> pl.DataFrame:
    """The levels of a fleet without day effect, and one that keeps so much of the day before."""
    names = levels["workflow_id"].unique().sort().to_list()
    effects = pl.concat(
        [
            pl.DataFrame(
                {
                    "workflow_id": name,
                    "_day": np.arange(WINDOW),
                    "_effect": DAY_SD * days_alike(alike, WINDOW, seed=[seed, number, 2]),
                }
            )
            for number, name in enumerate(names)
        ]
    )
    day = (pl.col("date") - pl.lit(START)).dt.total_days() % WINDOW
    return (
        levels.with_columns(_day=day)
        .join(effects, on=["workflow_id", "_day"], how="left", validate="m:1")
        .with_columns(level=pl.col("level") + pl.col("_effect"))
        .drop("_day", "_effect")
    )


def _of_whole_windows(rows: pl.LazyFrame, number: pl.Expr, *, window: int) -> pl.LazyFrame:
    return rows.filter(number < DAYS // window).with_columns(
        workflow_id=pl.col("workflow_id") + pl.format(" {}", number)
    )
