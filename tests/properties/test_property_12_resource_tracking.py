"""Property 12: for any workflow execution, CPU, memory, and GPU metrics are tracked.

Sessions of one to six executions that nest, overlap, repeat an id, last no time at all, or are still open at the end.
How many rows there are in between depends on the machine's pace; that each execution has the two of its start and end,
what these say of sharing, and that nothing else is sampled doesn't.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from rpa_lab import MetricsCollector, TimeSeriesStore
from rpa_lab.collection.gpu import Gpu
from rpa_lab.collection.resources import ResourceCollector
from tests import strategies

_IDS = ("e0", "e1", "e2", "e3", "e4", "e5")
_PAUSES_S = (0.0, 0.0, 0.0, 0.001, 0.02, 0.12)
SESSIONS = st.lists(st.tuples(st.sampled_from(_IDS), st.sampled_from(_PAUSES_S)), min_size=1, max_size=14)
"""Whose turn it is (it starts, or ends if it is open), and for how long nothing happens then."""


@settings(max_examples=15)
@given(SESSIONS, st.sampled_from(strategies.WORKFLOWS), st.booleans())
def test_every_execution_has_cpu_memory_and_gpu_from_its_start_to_its_end(
    tmp_path_factory: Any, session: list[tuple[str, float]], workflow: str, stopped_first: bool
) -> None:
    root = tmp_path_factory.mktemp("store")
    collector = MetricsCollector(root, flush_interval_sec=3600)
    resources = ResourceCollector(0.05, collector)
    resources.start()
    open_ids: list[str] = []
    shares: dict[str, list[int]] = {}  # at each start and end, in order
    most = 0
    for execution_id, pause in session:
        if execution_id in open_ids:
            shares[execution_id].append(len(open_ids))
            open_ids.remove(execution_id)
            collector.record_execution_complete(execution_id, "completed")
        else:
            open_ids.append(execution_id)
            most = max(most, len(open_ids))
            shares.setdefault(execution_id, []).append(len(open_ids))
            collector.record_execution_start(execution_id, workflow)
        time.sleep(pause)
    if stopped_first:
        resources.stop()
    for execution_id in open_ids:
        shares[execution_id].append(len(open_ids))
    assert collector.close()

    assert resources.errors == 0
    rows = TimeSeriesStore(root).read("resources").sort("timestamp")
    assert set(rows["execution_id"]) == set(shares)
    assert set(rows["workflow_id"]) == {workflow}
    assert rows["cpu_percent"].null_count() == rows["memory_mb"].null_count() == 0
    assert rows.select((pl.col("cpu_percent") >= 0).all(), (pl.col("memory_mb") > 1).all()).row(0) == (True, True)
    gpu = Gpu().read()
    for name, value in (("gpu_utilization", gpu.utilization), ("gpu_memory_mb", gpu.memory_bytes)):
        assert rows[name].null_count() == (rows.height if value is None else 0)
    assert rows["shared_by"].is_between(1, most).all()
    for execution_id, expected in shares.items():
        own = rows.filter(execution_id=execution_id)
        assert own["timestamp"].n_unique() >= 2
        assert Counter(expected) <= Counter(own["shared_by"])
        if len(expected) == 2:  # an id that is used again at once has its rows at the same times as before
            assert (own["shared_by"][0], own["shared_by"][-1]) == (expected[0], expected[1])
