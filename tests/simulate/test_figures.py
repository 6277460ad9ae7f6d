"""Figures of logs by hand, and the simulator's within the range of those that others' logs have."""

from __future__ import annotations

import runpy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from rpa_lab.simulate import fleet
from rpa_lab.simulate.figures import Figures, figures_of
from tests.simulate.faults.fleets import END

_MONDAY = datetime(2026, 11, 2, tzinfo=UTC)


def _log(*rows: tuple[str, str, float, float]) -> pl.DataFrame:
    """A log from case, activity, and start and end in minutes since that Monday."""
    return pl.DataFrame(
        [
            (case, activity, _MONDAY + timedelta(minutes=a), _MONDAY + timedelta(minutes=b))
            for case, activity, a, b in rows
        ],
        schema=["case", "activity", "start", "end"],
        orient="row",
    )


def test_shares_are_counted_as_one_does_by_hand() -> None:
    saturday = 5 * 24 * 60
    found = figures_of(
        _log(
            ("a", "x", 540, 541), ("a", "y", 542, 546), ("a", "y", 544, 550),
            ("b", "x", 600, 601), ("b", "x", 601, 602), ("b", "x", 604, 605),
            ("c", "x", saturday, saturday + 1), ("d", "x", 1440, 1441),
        )
    )  # fmt: skip
    assert (found.cases, found.visits) == (4, 8)
    assert found.optional == 0.5  # y, of x and y
    assert (found.repeated, found.turns) == (0.5, 2.5)
    assert found.waiting == pytest.approx(1 - (1 + 8 + 3 + 1 + 1) / (10 + 5 + 1 + 1))
    assert found.weekend == 0.25
    assert found.eight_hours == 0.5  # two begin at nine and ten, two at midnight


def test_spread_and_day_effect_are_what_was_drawn() -> None:
    rng = np.random.default_rng(3)
    days, cases = 60, 40
    effect = rng.normal(0, 0.1, days)
    log_ms = 8 + np.repeat(effect, cases) + rng.normal(0, 0.5, days * cases)
    start = [_MONDAY + timedelta(days=day, minutes=10 * case) for day in range(days) for case in range(cases)]
    end = [at + timedelta(milliseconds=float(np.exp(one))) for at, one in zip(start, log_ms, strict=True)]
    log = pl.DataFrame(
        {"case": [str(i) for i in range(len(start))], "activity": ["x"] * len(start), "start": start, "end": end}
    )
    found = figures_of(log)
    assert found.spread == pytest.approx(np.hypot(0.5, 0.1), rel=0.05)
    assert found.day_sd == pytest.approx(float(effect.std(ddof=1)), abs=0.015)
    assert found.day_sd is not None
    assert found.day_sd_most is not None
    assert found.day_sd < found.day_sd_most < 0.16


def test_the_figures_of_a_fleet_lie_within_the_range_of_logs_that_others_made(shared_data: Path) -> None:
    script: dict[str, Any] = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "calibrate_simulation.py"))
    logs: dict[str, Figures] = dict(script["logs_of"](shared_data))
    assert len(logs) == 6
    simulated: Figures = script["figures_of_fleet"](fleet(28, 10, 1, end=END, faults=()))
    for name in ("spread", "optional", "repeated", "turns", "waiting", "weekend", "eight_hours", "volume_sd"):
        known = [value for found in logs.values() if (value := getattr(found, name)) is not None]
        assert len(known) >= 3, name
        assert min(known) <= getattr(simulated, name) <= max(known), name
    most = max(found.day_sd_most for found in logs.values() if found.day_sd_most is not None)
    assert simulated.day_sd is not None
    assert 0.05 < simulated.day_sd < most


def test_real_work_follows_the_clock_on_the_wall_as_simulated_work_does(shared_data: Path) -> None:
    """The permit log's cases begin an hour and a half earlier in summer by UTC, and half an hour by the clock."""
    script: dict[str, Any] = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "calibrate_simulation.py"))
    rows = script["_read"](shared_data / "event_logs" / "receipt.csv")
    at = rows.select(case="case:concept:name", start="time:timestamp", end="time:timestamp", activity="concept:name")
    log = script["_log"](at, {name: name for name in ("case", "activity", "start", "end")})
    starts = log.group_by("case").agg(pl.col("start").min())["start"]
    local = starts.dt.convert_time_zone("Europe/Amsterdam")
    summer = local.dt.dst_offset() > timedelta(0)

    def difference(times: pl.Series) -> float:
        hours = times.dt.hour() + times.dt.minute() / 60
        return float(hours.filter(~summer).mean()) - float(hours.filter(summer).mean())  # type: ignore[arg-type]

    assert difference(starts) == pytest.approx(1.5, abs=0.1)
    assert difference(local) == pytest.approx(0.5, abs=0.1)
