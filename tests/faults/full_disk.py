"""A collector on a disk that is full for a while: ``python -m tests.faults.full_disk ROOT tmpfs|limit``.

``tmpfs``: ROOT lies on a small file system, filled by a ballast that is then taken away. ``limit``: no file may be
larger than some bytes, until the limit is lifted. Prints what was counted and what was stored, as JSON.
"""

from __future__ import annotations

import json
import os
import random
import resource
import sys
from contextlib import suppress
from pathlib import Path

from rpa_lab.collection.collector import MetricsCollector
from rpa_lab.storage.compaction import compact_day
from tests.faults.rows import AT, DAY, TABLE, read_ids

_BALLAST = 700_000
_BATCH = 40


def fill(root: Path, way: str) -> dict[str, object]:
    """Record until the disk is full and beyond the buffer's bound, make room, flush, compact."""
    ballast = root.parent / "ballast"
    if way == "tmpfs":
        ballast.write_bytes(os.urandom(_BALLAST))
    chance, recorded, refusals, kept = random.Random(7), 0, 0, 0
    collector = MetricsCollector(root, flush_interval_sec=3600, max_rows=200)
    while refusals < 10:
        if way == "limit" and recorded == 4 * _BATCH:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        for _ in range(_BATCH):
            collector.record_step(
                execution_id="e",
                workflow_id="w",
                node_id="n",
                action_type="click",
                step_id=f"s{recorded}",
                duration_ms=1.0,
                started_at=AT,
                error_details=chance.randbytes(200).hex(),
            )
            recorded += 1
        if collector.flush():
            kept = recorded
        else:
            refusals += 1
    full = read_ids(root)
    refused_compaction = True
    with suppress(OSError):
        compact_day(root, TABLE, DAY, grace_s=0)
        refused_compaction = False
    after = read_ids(root)
    ballast.unlink(missing_ok=True)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    flushed = collector.flush()
    stats = dict(collector.stats())
    stored = read_ids(root)
    compact_day(root, TABLE, DAY, grace_s=0)
    return {
        "kept": kept,
        "full": len(full),
        "compaction refused": refused_compaction,
        "unchanged by it": after == full,
        "flushed": flushed,
        "closed": collector.close(),
        "stats": stats,
        "stored": stored,
        "compacted": read_ids(root) == stored,
    }


if __name__ == "__main__":
    print(json.dumps(fill(Path(sys.argv[1]), sys.argv[2])))  # noqa: T201 - the answer to the test that started it
