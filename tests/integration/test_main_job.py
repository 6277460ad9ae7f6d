"""Record, compact, analyse, report; and what a batch script finds on the way."""

from __future__ import annotations

import json
import time
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from rpa_lab import Lab, MetricsCollector, ReportGenerator, TimeSeriesStore
from rpa_lab.schema import TABLES
from rpa_lab.simulate import fleet
from rpa_lab.storage.compaction import compact


def test_record_compact_analyse_report(root: Path, tmp_path: Path) -> None:
    with MetricsCollector(root, robot_id="robot-1") as collector:
        for number in range(30):
            try:
                with collector.execution("orders", context={"order": number}) as run:
                    with run.step("open", action_type="open_browser"):
                        time.sleep(0.001)
                    with run.step("submit", action_type="click", target_element="#submit"):
                        time.sleep(0.002)
                        if number % 10 == 9:
                            raise TimeoutError(f"element #submit not found in order {number}")
            except TimeoutError:
                pass
            if number % 7 == 0:
                assert collector.flush()
    before = Lab(root).performance("orders", "24h")
    compact(root, grace_s=0)
    lab = Lab(root)
    after = lab.performance("orders", "24h")

    assert (after.execution_count, after.completed, after.failed) == (30, 27, 3)
    assert after.success_rate == pytest.approx(90.0)
    durations = lab.executions("24h")["duration_ms"].to_numpy()
    assert after.p95_duration_ms == pytest.approx(np.percentile(durations, 95), rel=1e-9)
    assert before.p95_duration_ms == pytest.approx(after.p95_duration_ms)
    assert before.avg_duration_ms == pytest.approx(after.avg_duration_ms)
    assert after.slowest_steps["node_id"].to_list() == ["submit", "open"]
    assert lab.bottlenecks("orders", "24h")["node_id"].to_list() == ["submit"]

    done = ReportGenerator(root, out=tmp_path / "reports").run(
        "performance", workflow_id="orders", period="24h", formats=("html", "json")
    )
    assert done.html is not None
    assert done.json is not None
    assert "orders" in done.html.read_text(encoding="utf-8")
    assert json.loads(done.json.read_text(encoding="utf-8"))["title"].endswith("orders")


def test_a_batch_script_reads_what_the_lab_reads(root: Path) -> None:
    """Plain Polars and DuckDB over the published files, in the public columns, apart from what is derived when read."""
    simulated = fleet(days=4, workflows=3, seed=5, runs_per_day=20)
    store = TimeSeriesStore(root)
    simulated.write(store)
    with MetricsCollector(root) as collector, collector.execution("live"):
        pass
    compact(root, grace_s=0)

    for table in ("executions", "steps", "recoveries"):
        names = list(TABLES[table].names)
        derived = (
            {"step_id": pl.coalesce("step_id", pl.format("{}:{}", "execution_id", "step_index"))}
            if table == "steps"
            else {}
        )
        ours = store.read(table).select(names)
        plain = pl.scan_parquet(f"{root}/{table}/**/*.parquet").select(names).with_columns(**derived).collect()
        relation = duckdb.sql(f"select * from read_parquet('{root}/{table}/**/*.parquet')")
        assert relation is not None
        duck = relation.pl().select(names).with_columns(**derived)
        key = [TABLES[table].key or "execution_id"]
        assert ours.height > 10
        assert_frame_equal(plain.sort(key), ours.sort(key))
        times = [name for name in names if ours.schema[name] == pl.Datetime("us", "UTC")]
        duck = duck.with_columns(pl.col(times).dt.convert_time_zone("UTC"))
        assert_frame_equal(duck.sort(key), ours.sort(key))
