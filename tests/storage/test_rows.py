from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from rpa_lab import Period, TimeSeriesStore
from rpa_lab.errors import InputError, UnknownNameError
from rpa_lab.storage.compaction import compact
from tests import strategies
from tests.storage.runs import AT, HOUR, execution, step


def test_periods_are_half_open(root: Path) -> None:
    store = TimeSeriesStore(root)
    store.write_metrics([execution("in", AT), execution("out", AT + HOUR), step("in", AT), step("out", AT + HOUR)])
    period = Period(AT, AT + HOUR)

    assert store.read("executions", period)["execution_id"].to_list() == ["in"]
    assert store.read("steps", period)["execution_id"].to_list() == ["in"]


def test_a_frame_of_several_tables_says_which_row_is_which(root: Path) -> None:
    store = TimeSeriesStore(root, tz="Europe/Paris")
    store.write_metrics([execution("a"), step("a"), execution("late", AT + HOUR)])
    naive = datetime(2026, 11, 3, 11)  # noqa: DTZ001 - in Paris, 10:00 UTC
    found = store.query_range(naive, naive + HOUR)

    assert found.columns[0] == "metric_type"
    assert found.select("metric_type", "execution_id").rows() == [("executions", "a"), ("steps", "a")]
    assert store.query_range(naive, naive + HOUR, "nobody").height == 0
    assert store.query_range(naive, naive + HOUR, metric_types=["steps"])["metric_type"].to_list() == ["steps"]
    with pytest.raises(UnknownNameError, match="there is no table 'metrics'"):
        store.query_range(naive, naive + HOUR, metric_types=["metrics"])
    with pytest.raises(InputError, match="not after its start"):
        store.query_range(naive, naive)


def test_an_unknown_column_is_said_when_the_scan_is_made(root: Path) -> None:
    store = TimeSeriesStore(root)

    with pytest.raises(UnknownNameError, match=r"steps has no column 'duration'; did you mean 'duration_ms'"):
        store.scan("steps", columns=["duration"])
    with pytest.raises(UnknownNameError, match="executions has no column '_writer'"):
        store.read("executions", columns=["_writer"])
    assert store.read("executions", columns=["status"]).columns == ["status"]


@given(strategies.steps(), st.booleans())
def test_steps_come_back_as_they_were_written(tmp_path_factory: Any, steps: pl.DataFrame, compacted: bool) -> None:
    root = tmp_path_factory.mktemp("store")
    store = TimeSeriesStore(root)
    store.write_frame("steps", steps)
    if compacted:
        compact(root, grace_s=0)

    key = ["step_id"]
    assert_frame_equal(store.read("steps").sort(key), steps.sort(key), check_column_order=False)
