from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given

from rpa_lab.analysis.waiting import WAITING, waiting_by_execution, waiting_row, waiting_summary
from tests import oracles, strategies

AT = datetime(2026, 11, 3, 9, tzinfo=UTC)


def _steps(*spans: tuple[float, float], status: str = "completed") -> pl.DataFrame:
    """Steps of a run from and to so many seconds after its start."""
    return pl.DataFrame(
        {
            "execution_id": ["e"] * len(spans),
            "status": [status] * len(spans),
            "started_at": [AT + timedelta(seconds=start) for start, _ in spans],
            "completed_at": [AT + timedelta(seconds=end) for _, end in spans],
            "duration_ms": [(end - start) * 1000.0 for start, end in spans],
        },
        schema={
            "execution_id": pl.String,
            "status": pl.String,
            "started_at": pl.Datetime("us", "UTC"),
            "completed_at": pl.Datetime("us", "UTC"),
            "duration_ms": pl.Float64,
        },
    )


def _run(**said: Any) -> pl.DataFrame:
    run = {"execution_id": "e", "status": "completed", "started_at": AT, "duration_ms": 10_000.0} | said
    return pl.DataFrame([run], schema_overrides={"started_at": pl.Datetime("us", "UTC"), "duration_ms": pl.Float64})


@pytest.mark.parametrize(
    ("spans", "seconds"),
    [
        ([(0, 10)], 0),
        ([(1, 4), (3, 6)], 5),  # side by side
        ([(2, 8), (3, 4), (5, 6)], 4),  # nested
        ([(1, 2), (1, 2)], 9),
        ([(-5, 2), (9, 30)], 7),  # beyond both ends
        ([(-5, -1), (11, 12)], 10),  # wholly outside
        ([(4, 4)], 10),
    ],
)
def test_waiting_by_hand(spans: list[tuple[float, float]], seconds: float) -> None:
    row = waiting_by_execution(_run().lazy(), _steps(*spans).lazy()).collect().row(0, named=True)

    assert (row["steps"], row["waiting_ms"]) == (len(spans), seconds * 1000)
    assert row["busy_ms"] == 10_000 - seconds * 1000


def test_a_step_whose_end_nobody_knows_hides_none_of_those_around_it() -> None:
    steps = _steps((0, 8), (1, 2), (2, 4), (9, 10))
    unknown = pl.Series([False, True, False, False])
    steps = steps.with_columns(
        pl.when(~unknown).then("completed_at").alias("completed_at"),
        pl.when(~unknown).then("duration_ms").alias("duration_ms"),
    )
    row = waiting_by_execution(_run().lazy(), steps.lazy()).collect().row(0, named=True)

    assert (row["steps"], row["busy_ms"], row["waiting_ms"]) == (4, 9_000.0, 1_000.0)


@pytest.mark.parametrize(
    ("run", "steps"),
    [
        ({}, _steps()),
        ({}, _steps((1, 2), status="skipped")),
        ({"started_at": None}, _steps((1, 2))),
        ({"duration_ms": None}, _steps((1, 2))),
    ],
)
def test_a_run_that_cant_tell_is_counted_apart(run: dict[str, Any], steps: pl.DataFrame) -> None:
    waiting = waiting_by_execution(_run(**run).lazy(), steps.lazy())
    row = waiting_summary(waiting).collect().row(0, named=True)

    assert waiting.collect()["waiting_ms"].to_list() == [None]
    assert (row["n"], row["mean_ms"], row["total_ms"], row["share"]) == (0, None, 0.0, None)
    assert (row["without_steps"], row["unknown"]) == ((0, 1) if run else (1, 0))
    assert waiting_row(waiting).collect().is_empty()


def test_running_ones_are_left_out() -> None:
    assert waiting_by_execution(_run(status="running").lazy(), _steps((1, 2)).lazy()).collect().is_empty()


@given(strategies.runs_with_steps())
def test_waiting_is_what_no_step_of_the_run_covers(frames: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    runs, steps = frames
    waiting = waiting_by_execution(runs.lazy(), steps.sample(fraction=1.0, shuffle=True, seed=1).lazy())
    ended = [run for run in runs.to_dicts() if run["status"] != "running"]
    expected = {run["execution_id"]: oracles.waiting_ms(run, steps.to_dicts()) for run in ended}
    got = dict(waiting.select("execution_id", "waiting_ms").collect().iter_rows())

    assert got.keys() == expected.keys()
    assert all(got[name] == pytest.approx(ms, abs=1e-9) for name, ms in expected.items())

    row, known = (
        waiting_summary(waiting).collect().row(0, named=True),
        [ms for ms in expected.values() if ms is not None],
    )
    assert (row["n"], row["n"] + row["without_steps"] + row["unknown"]) == (len(known), len(ended))
    assert row["total_ms"] == pytest.approx(sum(known))
    if known:
        took = sum(run["duration_ms"] for run in ended if expected[run["execution_id"]] is not None)
        assert row["p95_ms"] == pytest.approx(np.percentile(known, 95))
        assert row["share"] == (pytest.approx(sum(known) / took) if took else None)
        of_steps = waiting_row(waiting).collect().row(0, named=True)
        assert (of_steps["node_id"], of_steps["waiting"], of_steps["n"]) == (WAITING, True, len(known))
