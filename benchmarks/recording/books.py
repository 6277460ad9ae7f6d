"""What the bots of these benchmarks record, and the books that have to balance once it is written.

Nothing here loads pyarrow before it is needed: some parts measure what its import costs.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rpa_lab.collection.collector import MetricsCollector

__all__ = ["EXECUTION", "WORKFLOW", "expect", "realistic_steps", "recorder", "settle", "stored", "usual_environment"]

EXECUTION = "6f0c2a5be1d94b27a3d85c1f7e904b12"
WORKFLOW = "invoices.post"
NEVER_S = 3600.0

_TRACE = """Traceback (most recent call last):
  File "/opt/bots/invoices/steps/post.py", line 214, in post_invoice
    self.window.find(selector, timeout=self.timeout).click()
  File "/opt/bots/invoices/lib/window.py", line 96, in find
    raise ElementNotFound(f"{selector} did not show within {timeout} s")
lib.window.ElementNotFound: #invoice-%d > td.amount did not show within 20 s; the page shows 'Session expired'"""


@contextmanager
def recorder(folder: Path, *, steps: int, wake_at: int = 10**9) -> Iterator[MetricsCollector]:
    """A collector with room for so many steps. Its thread sleeps until `wake_at` records wait; what is left is written
    when the block ends, and then the store must hold just so many steps.
    """
    collector = MetricsCollector(folder, wake_at, NEVER_S, max_rows=2 * steps + 1000, max_bytes=(steps + 1000) * 4000)
    collector.record_execution_start(EXECUTION, WORKFLOW)
    yield collector
    settle(collector, folder, steps=steps)
    expect(collector.close(), "the collector can't be closed")


def settle(collector: MetricsCollector, folder: Path, *, steps: int) -> None:
    """Write all that waits and check the books: nothing dropped, nothing corrected, each step in the store."""
    expect(collector.flush() is True, "flush() is not True")
    stats = collector.stats()
    expect(stats["dropped"] == 0 and stats["corrected"] == 0, f"something was dropped or corrected: {stats}")
    expect(stats["written"] == stats["recorded"] and stats["waiting"] == 0, f"the books don't balance: {stats}")
    expect(stored(folder, "steps") == steps, f"the store holds {stored(folder, 'steps')} steps, expected {steps}")


def stored(folder: Path, table: str) -> int:
    """The rows of a table in the store, by the files' own metadata."""
    from pyarrow import parquet

    return sum(parquet.read_metadata(path).num_rows for path in folder.glob(f"_journal/{table}/day=*/f-*.parquet"))


def usual_environment(bytecode: Path) -> dict[str, str]:
    """For a process of its own: compiled modules are kept, there, even where this process may not keep them."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": str(bytecode)}


def realistic_steps(count: int, *, seed: int = 1) -> list[dict[str, Any]]:
    """Steps as `record_step` takes them: a fifth has targets of its own, 2 % failed and bring a traceback."""
    rng = random.Random(seed)
    names = ("open_order", "type_amount", "type_tax", "choose_account", "attach_scan", "post", "confirm", "read_number")
    steps: list[dict[str, Any]] = []
    for n in range(count):
        own, failed = rng.random() < 0.2, rng.random() < 0.02
        name = names[n % len(names)]
        steps.append(
            {
                "execution_id": EXECUTION,
                "node_id": f"post_invoice > {name}",
                "action_type": name,
                "target_element": f"#invoice-{n} > td.amount" if own else f"#main input[name={name}]",
                "duration_ms": rng.lognormvariate(4.5, 0.6),
                "status": "failed" if failed else "completed",
                "confidence_score": round(1 - abs(rng.gauss(0, 0.02)), 4),
                "error_details": _TRACE % n if failed else None,
            }
        )
    return steps


def expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)
