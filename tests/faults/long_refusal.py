"""A disk that refuses for ten minutes while a bot records: ``python -m tests.faults.long_refusal ROOT PER_SECOND``.

The ten minutes are simulated: so many records each second, and a flush whenever the collector's own thread would try.
What a record brings is new memory each time, as a bot's own texts are. Prints the books and the memory, as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import psutil

from rpa_lab.collection.collector import MetricsCollector

_SECONDS = 600
_BOUND = 64 * 2**20


def refuse(root: Path, per_second: int) -> dict[str, Any]:
    """Record while no file gets its name, then let the disk work again."""
    collector = MetricsCollector(root, buffer_size=10**9, flush_interval_sec=3600, max_bytes=_BOUND)
    collector.record_execution_start("e", "w")
    assert collector.flush()  # what is imported is imported
    real, refusals, n = os.replace, 0, 0

    def refused(source: Any, target: Any) -> None:
        raise OSError(28, "No space left on device")

    os.replace = refused  # type: ignore[assignment]
    process = psutil.Process()
    before = most = process.memory_info().rss
    due, wait = 0.0, 1.0
    for second in range(_SECONDS):
        for _ in range(per_second):
            collector.record_step(
                execution_id=f"execution {n}",
                workflow_id="w",
                node_id=f"node {n % 50} of the workflow",
                action_type="click",
                target_element=f"//div[@id='row-{n}']/button[contains(., 'Save')]",
                duration_ms=n / 7,
                error_details=f"Timeout after {n} ms " + "x" * 150 if n % 10 == 0 else None,
                step_id=f"s{n}",
            )
            n += 1
        if second >= due:
            assert not collector.flush()
            refusals += 1
            due, wait = second + wait, min(wait * 2, 60.0)
        most = max(most, process.memory_info().rss)
    during = dict(collector.stats())
    os.replace = real
    flushed = collector.flush()
    collector.record_execution_complete("e", "completed")
    closed = collector.close()
    return {
        "bound": _BOUND,
        "grew": most - before,
        "refusals": refusals,
        "during": during,
        "flushed": flushed,
        "closed": closed,
        "stats": dict(collector.stats()),
    }


if __name__ == "__main__":
    print(json.dumps(refuse(Path(sys.argv[1]), int(sys.argv[2]))))  # noqa: T201 - the answer to the test that started it
