"""A disk that refuses for ten minutes: memory stays within its bound, and the books are exact."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from rpa_lab import MetricsCollector, TimeSeriesStore


def test_ten_minutes_of_refusal_at_a_thousand_records_a_second(
    root: Path, checkout: Path, tell: Callable[[str], None]
) -> None:
    command = [sys.executable, "-m", "tests.faults.long_refusal", str(root), "1000"]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)

    during, stats = answer["during"], answer["stats"]
    assert during["recorded"] == 600_001 == during["written"] + during["waiting"] + during["dropped"]
    assert answer["grew"] <= answer["bound"]
    assert answer["refusals"] >= 10
    assert answer["flushed"]
    assert answer["closed"]
    assert stats["recorded"] == 600_002 == stats["written"] + stats["dropped"]
    assert stats["dropped"] == stats["dropped_queue_full"] == during["dropped"]
    assert done.stderr.count("can't write to") == 1
    # once; again only after a flush without drops, as when the collector's own thread and the bot flush in a row
    assert 1 <= done.stderr.count("being dropped") <= answer["refusals"] // 3

    store = TimeSeriesStore(root)
    steps = store.read("steps", "all", columns=["step_id"])["step_id"]
    assert steps.n_unique() == steps.len() == stats["written"] - 2
    assert store.read("executions")["status"].to_list() == ["completed"]
    health = store.read("collector_health").sort("recorded").row(-1, named=True)
    assert (health["recorded"], health["dropped_queue_full"]) == (stats["recorded"], stats["dropped"])
    tell(f"memory grew by {answer['grew'] / 2**20:.0f} of 64 MiB; {during['waiting']:,} of 600,001 records waited")


def test_eight_threads_that_record_a_million_steps_lose_none(root: Path) -> None:
    collector = MetricsCollector(root, max_bytes=2**30)
    collector.record_execution_start("e", "w")

    def bot(number: int) -> None:
        for n in range(125_000):
            collector.record_step(
                execution_id="e", node_id="n", action_type="click", target_element="#go", duration_ms=1.0, retry_count=n
            )

    threads = [threading.Thread(target=bot, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert collector.close(timeout=60.0)

    stats = collector.stats()
    assert (stats["recorded"], stats["written"], stats["dropped"]) == (1_000_001, 1_000_001, 0)
    steps = TimeSeriesStore(root).read("steps", "all", columns=["step_index", "retry_count"])
    assert steps["step_index"].n_unique() == steps.height == 1_000_000
    assert steps["retry_count"].value_counts()["count"].unique().to_list() == [8]
