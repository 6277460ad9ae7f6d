"""Property 7: for any workflow whose execution time increases above the threshold, an alert is generated.

Whatever the number of runs, one a side too, and however unsure it is; and none where it does not.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rpa_lab import PerformanceAnalyzer, TimeSeriesStore
from rpa_lab.storage.compaction import compact
from tests import strategies

NOW = datetime(2026, 10, 28, tzinfo=UTC)
BASELINE, CURRENT = timedelta(days=3), timedelta(days=2)


@given(
    st.lists(strategies.durations_ms(most=1e5), min_size=1, max_size=20),
    st.lists(strategies.durations_ms(most=1e5), min_size=1, max_size=20),
    st.none() | st.floats(1.0, 3.0),
    st.sampled_from([0.0, 5.0, 20.0, 100.0]),
    st.randoms(use_true_random=False),
)
def test_every_increase_above_the_threshold_is_told_and_no_other(
    tmp_path_factory: Any,
    before: list[float],
    now: list[float],
    slower: float | None,
    threshold: float,
    chance: Any,
) -> None:
    if slower is not None:  # near the threshold, where the two sides hardly differ otherwise
        now = [round(ms * slower, 3) for ms in before]
    increase = float(np.mean(now) - np.mean(before))
    allowed = float(np.mean(before)) * threshold / 100
    assume(abs(increase - allowed) > 1e-6)
    sides = [(NOW - CURRENT - BASELINE, BASELINE, before), (NOW - CURRENT, CURRENT, now)]
    rows = [
        {
            "workflow_id": "w",
            "started_at": start + timedelta(seconds=chance.randrange(int(length.total_seconds()))),
            "status": "completed",
            "duration_ms": ms,
        }
        for start, length, durations in sides
        for ms in durations
    ]
    # what failed, or lies outside, or belongs to others, has no say
    rows += [rows[0] | {"status": "failed", "duration_ms": 1e9}, rows[-1] | {"workflow_id": "v", "duration_ms": 1e9}]
    rows += [rows[0] | {"started_at": NOW, "duration_ms": 1e9}]
    root = tmp_path_factory.mktemp("store")
    store = TimeSeriesStore(root, as_of=NOW)
    store.write_frame("executions", pl.DataFrame([row | {"execution_id": f"e{n}"} for n, row in enumerate(rows)]))

    for compacted in (False, True):
        if compacted:
            compact(root, grace_s=0)
        analyzer = PerformanceAnalyzer(store)
        found = analyzer.detect_performance_degradation("w", BASELINE, CURRENT, threshold)
        compared = analyzer.compare_periods("w", BASELINE, CURRENT, threshold)
        assert (found is not None) == (increase > allowed) == compared.exceeds_threshold
        assert (compared.baseline_mean_ms, compared.current_mean_ms) == pytest.approx((np.mean(before), np.mean(now)))
        assert (compared.baseline_runs, compared.current_runs) == (len(before), len(now))
        assert compared.significant is None  # of five days nobody can tell
        assert found in (None, compared)
