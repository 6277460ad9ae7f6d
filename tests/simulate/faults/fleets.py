"""The fleet that faults are planted in, and what the tests of all faults ask of it."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl
from polars.testing import assert_frame_equal

from rpa_lab.simulate import Fleet, fleet

if TYPE_CHECKING:
    from rpa_lab.simulate.faults.fault import Fault

END = date(2026, 11, 2)
DAYS = 21
TABLES = ("executions", "steps", "recoveries")


def made(*faults: Fault | str, resources: bool = False) -> Fleet:
    return fleet(DAYS, 6, 9, end=END, runs_per_day=80, releases_per_month=3, faults=faults, resources=resources)


@lru_cache(maxsize=2)
def calm_fleet(*, resources: bool = False) -> Fleet:
    return made(resources=resources)


def in_window(calm: Fleet, workflow_id: str, onset_day: float, until_day: float | None = None) -> pl.DataFrame:
    """The executions of the fleet without the fault that lie in its window, counted from its rows alone."""
    since = calm.start + timedelta(days=onset_day)
    until = calm.start + timedelta(days=until_day if until_day is not None else 10**4)
    return calm.executions.filter(
        pl.col("workflow_id") == workflow_id, pl.col("started_at") >= since, pl.col("started_at") < until
    )


def assert_equal_but_for(calm: Fleet, planted: Fleet, touched: pl.Series) -> None:
    """All rows of executions that a fault doesn't touch are the same with it."""
    others = ~pl.col("execution_id").is_in(touched.implode())
    for table in TABLES:
        assert_frame_equal(getattr(calm, table).filter(others), getattr(planted, table).filter(others))


def of(frame: pl.DataFrame, executions: pl.Series | pl.DataFrame) -> pl.DataFrame:
    ids = executions["execution_id"] if isinstance(executions, pl.DataFrame) else executions
    return frame.filter(pl.col("execution_id").is_in(ids.implode()))


def us(values: pl.DataFrame | pl.Series) -> npt.NDArray[np.int64]:
    """Durations in whole microseconds."""
    series = values["duration_ms"] if isinstance(values, pl.DataFrame) else values
    whole: npt.NDArray[np.int64] = np.rint(series.to_numpy() * 1000).astype(np.int64)
    return whole


def run_us(steps: pl.DataFrame, extra: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """What the steps add to each run, in the order of runs."""
    added = pl.DataFrame({"execution_id": steps["execution_id"], "us": extra})
    total: npt.NDArray[np.int64] = (
        added.group_by("execution_id", maintain_order=True).agg(pl.col("us").sum())["us"].to_numpy()
    )
    return total
