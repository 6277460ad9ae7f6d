"""Samples by group and day, for statistics to compare."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
from hypothesis import strategies as st

from tests.strategies.frames import frame
from tests.strategies.times import durations_ms
from tests.strategies.values import rarely

__all__ = ["compared_rows", "days_of_groups", "slowed_workflows"]


@st.composite
def days_of_groups(draw: st.DrawFn) -> pl.DataFrame:
    """Counts by group and day, some of nothing, some told in two rows: group, day (once not known), good, n."""
    rows: list[tuple[str | None, date | None, int, int]] = []
    for group in ("a", "b", None):
        for number in range(draw(st.sampled_from([0, 1, 5, 9, 10, 20]))):
            n = draw(st.integers(0, 6))
            day = None if number == 3 else date(2026, 11, 1) + timedelta(days=number - number % 7 // 6)
            rows.append((group, day, draw(st.integers(0, n)), n))
    schema = {"group": pl.String, "day": pl.Date, "good": pl.Int64, "n": pl.Int64}
    return pl.DataFrame(draw(st.permutations(rows)) if rows else [], schema=schema, orient="row")


@st.composite
def compared_rows(draw: st.DrawFn, *, groups: int = 3) -> pl.DataFrame:
    """Executions of a few groups over up to two weeks: groups without any, single days, equal values, nulls, no ends.

    `_group` (its number), `_day`, status, duration_ms; in any order.
    """
    rows: list[tuple[int, date, str, float | None]] = []
    for group in range(groups):
        days = draw(st.sampled_from([0, 1, 4, 10, 14]))
        equal = draw(st.booleans())
        for day in range(days):
            for _ in range(draw(st.integers(0, 3))):
                took = 7.0 if equal else draw(durations_ms(most=1000))
                status = draw(st.sampled_from(["completed", "completed", "completed", "failed", "running"]))
                known = status != "running" and not draw(rarely())
                rows.append((group, date(2026, 11, 2) + timedelta(days=day), status, took if known else None))
    schema = {"_group": pl.Int64, "_day": pl.Date, "status": pl.String, "duration_ms": pl.Float64}
    return pl.DataFrame(draw(st.permutations(rows)) if rows else [], schema=schema, orient="row")


@st.composite
def slowed_workflows(draw: st.DrawFn) -> tuple[pl.DataFrame, date]:
    """Completed runs of 30 to 60 days that take half, twice or three times as long from a day on, and that day."""
    days = draw(st.integers(30, 60))
    onset = draw(st.integers(10, days - 10))
    factor = draw(st.sampled_from([0.5, 2.0, 3.0]))
    per_day = draw(st.integers(3, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    day = np.repeat(np.arange(days), per_day)
    took = (
        10_000 * np.exp(rng.normal(0, 0.1, days)[day] + rng.normal(0, 0.1, len(day))) * np.where(day < onset, 1, factor)
    )
    first = datetime(2026, 9, 1, 6, tzinfo=UTC)
    rows = [
        {
            "execution_id": f"e{number}",
            "workflow_id": "w",
            "status": "completed",
            "started_at": first + timedelta(days=int(at), minutes=number % per_day),
            "completed_at": first + timedelta(days=int(at), minutes=number % per_day, milliseconds=float(ms)),
            "duration_ms": round(float(ms), 3),
        }
        for number, (at, ms) in enumerate(zip(day, took, strict=True))
    ]
    return frame("executions", rows), date(2026, 9, 1) + timedelta(days=onset)
