"""Property 5: for any durations, average, median, p95 and p99 match the standard definitions.

Before and after compaction.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab import PerformanceAnalyzer, TimeSeriesStore
from rpa_lab.storage.compaction import compact
from tests import strategies

START = datetime(2026, 10, 23, tzinfo=UTC)
END = START + timedelta(days=6)


@given(st.lists(strategies.durations_ms(), min_size=1, max_size=60), st.randoms(use_true_random=False))
def test_statistics_are_the_standard_ones(tmp_path_factory: Any, durations: list[float], chance: Any) -> None:
    root = tmp_path_factory.mktemp("store")
    store = TimeSeriesStore(root)
    rows = [
        {
            "execution_id": f"e{number}",
            "workflow_id": "w",
            "started_at": START + timedelta(hours=chance.randrange(120)),
            "status": chance.choice(["completed", "failed", "cancelled"]),
            "duration_ms": duration,
        }
        for number, duration in enumerate(durations)
    ]
    cut = chance.randrange(len(rows) + 1)
    for part in (rows[:cut], rows[cut:]):
        if part:
            store.write_frame("executions", pl.DataFrame(part))
    values = np.array(durations)

    for compacted in (False, True):
        if compacted:
            compact(root, grace_s=0)
        stats = PerformanceAnalyzer(store).analyze_workflow("w", START, END)
        assert stats.execution_count == len(values)
        assert stats.avg_duration_ms == pytest.approx(values.mean(), rel=1e-9, abs=1e-9)
        assert stats.median_duration_ms == pytest.approx(np.median(values), rel=1e-9, abs=1e-9)
        assert stats.p95_duration_ms == pytest.approx(np.percentile(values, 95), rel=1e-9, abs=1e-9)
        assert stats.p99_duration_ms == pytest.approx(
            scipy.stats.mstats.mquantiles(values, [0.99], 1, 1)[0], rel=1e-9, abs=1e-9
        )
        assert stats.min_duration_ms == values.min()
        assert stats.max_duration_ms == values.max()
        expected_sd = float(values.std(ddof=1)) if len(values) > 1 else None
        assert stats.std_dev_ms == (None if expected_sd is None else pytest.approx(expected_sd, rel=1e-9, abs=1e-6))
