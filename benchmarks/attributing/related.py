"""Days that resemble the day before: how slow each is follows an autoregression of the day effect.

The simulator draws its days independently. So a fleet is drawn without a day effect, and each workflow's days are then
made longer by a factor of their own, whose logarithm keeps so much of the day before's. The mean factor is 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.signal import lfilter
from scipy.stats import false_discovery_control

from benchmarks.attributing.counts import COUNTED
from benchmarks.attributing.planting import END, RUNS_PER_DAY
from rpa_lab.analysis.attribution.chance import p_value_of_days
from rpa_lab.simulate.simulated import Fleet

DAY_SD: Final = 0.08
"""Of the logarithm of the day's factor, as in the simulator's own fleets."""

ALLOWED: Final = 0.05

Floats = npt.NDArray[np.float64]


def wandering(rng: np.random.Generator, days: int, *, alike: float) -> Floats:
    """An autoregressive series of mean 0 and variance 1."""
    noise = rng.normal(size=days) * np.sqrt(1 - alike**2)
    noise[0] = rng.normal()
    levels: Floats = lfilter([1.0], [1.0, -alike], noise)
    return levels


def day_factors(rng: np.random.Generator, days: int, *, alike: float) -> Floats:
    """By what each day's runs take longer; 1 on average."""
    factors: Floats = np.exp(DAY_SD * wandering(rng, days, alike=alike) - DAY_SD**2 / 2)
    return factors


def with_related_days(made: Fleet, *, alike: float) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The executions and steps of a fleet without a day effect, with one that is alike from day to day."""
    workflows = made.executions["workflow_id"].unique().sort()
    days = (made.end - made.start).days
    factors = pl.concat(
        pl.DataFrame(
            {
                "workflow_id": workflow_id,
                "_day": np.arange(days),
                "_factor": day_factors(
                    np.random.default_rng([made.seed, round(100 * alike), number]), days, alike=alike
                ),
            }
        )
        for number, workflow_id in enumerate(workflows)
    )
    day = (pl.col("started_at") - pl.lit(made.start)).dt.total_days().clip(0, days - 1)
    runs = made.executions.with_columns(_day=day, _begun="started_at").join(
        factors, on=["workflow_id", "_day"], how="left", validate="m:1", maintain_order="left"
    )
    steps = made.steps.join(
        runs.select("execution_id", "_begun", "_factor"),
        on="execution_id",
        how="left",
        validate="m:1",
        maintain_order="left",
    )
    return _longer(runs).drop("_day"), _longer(steps)


def _longer(rows: pl.DataFrame) -> pl.DataFrame:
    """All that happens in a run comes so much later after its start."""
    begun, factor = pl.col("_begun"), pl.col("_factor")
    since = {name: (pl.col(name) - begun).dt.total_microseconds() * factor for name in ("started_at", "completed_at")}
    later = {name: begun + pl.duration(microseconds=us.round().cast(pl.Int64)) for name, us in since.items()}
    return rows.with_columns(**later, duration_ms=(pl.col("duration_ms") * factor).round(3)).drop("_begun", "_factor")


def related(seeds: Iterable[int], *, windows: Iterable[int] = (28, 14), workflows: int = 20) -> pl.DataFrame:
    """How often days that resemble the day before make any of several workflows significant."""
    rows = []
    for window in windows:
        for alike in (0.2, 0.4):
            found = [_any_significant(seed, window=window, alike=alike, workflows=workflows) for seed in seeds]
            rows.append(
                {
                    "what": "related days",
                    "design": f"{window} + {window} days, {workflows} workflows",
                    "figure": f"autocorrelation {alike}",
                    "n": sum(found),
                    "of": len(found),
                }
            )
    return pl.DataFrame(rows, schema=COUNTED)


def _any_significant(seed: int, *, window: int, alike: float, workflows: int) -> bool:
    tables = [
        _related_days(np.random.default_rng([seed, round(10 * alike), workflow]), window=window, alike=alike)
        for workflow in range(workflows)
    ]
    q_values = false_discovery_control([_p_value(days, workflows=workflows) for days in tables])
    # never less than the p-value of a workflow that is asked for alone
    return any(_p_value(tables[place], workflows=1) <= ALLOWED for place in np.flatnonzero(q_values <= ALLOWED))


def _p_value(days: pl.DataFrame, *, workflows: int) -> float:
    p_value = p_value_of_days(days, later_first=False, seed=0, workflows=workflows)
    return 1.0 if p_value is None else p_value


def _related_days(rng: np.random.Generator, *, window: int, alike: float) -> pl.DataFrame:
    """Days of 40 runs each, whose means differ by 8 %."""
    levels = wandering(rng, 2 * window, alike=alike)
    first = END - timedelta(days=2 * window)
    return pl.DataFrame(
        {
            "side": [0] * window + [1] * window,
            "day": [first + timedelta(days=day) for day in range(2 * window)],
            "runs": RUNS_PER_DAY,
            "duration_us": (1e6 * RUNS_PER_DAY * (1 + DAY_SD * levels)).astype(np.int64),
        }
    )
