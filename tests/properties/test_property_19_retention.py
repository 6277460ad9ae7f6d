"""Property 19: any data older than its retention period is archived or deleted according to policy.

Days go whole. So with a period of n days, whatever is n + 1 days old or older has gone, and nothing younger than n.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rpa_lab import ArchiveStorage, TimeSeriesStore
from rpa_lab.journal.layout import JOURNAL, archive_folder
from rpa_lab.storage.compaction import compact
from tests import strategies

_FAR = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


@given(
    st.lists(strategies.moments(), max_size=12),
    st.lists(strategies.moments(), max_size=6),
    strategies.moments().map(lambda at: at + timedelta(days=3)),
    st.integers(1, 6),
    st.sampled_from(["archive", "delete"]),
    st.sampled_from([None, "tiered", "full"]),
)
def test_old_rows_go_as_the_policy_says_and_young_ones_stay(
    tmp_path_factory: Any,
    started: list[datetime],
    sampled: list[datetime],
    now: datetime,
    days: int,
    then: Any,
    compacted: str | None,
) -> None:
    root = tmp_path_factory.mktemp("store")
    store, archive = TimeSeriesStore(root), ArchiveStorage(root, grace_s=0)
    runs = [
        {"execution_id": f"e{n}", "workflow_id": "w", "started_at": at, "completed_at": at, "status": "completed"}
        for n, at in enumerate(started)
    ]
    samples = [{"timestamp": at, "cpu_percent": float(n), "memory_mb": 1.0} for n, at in enumerate(sampled)]
    for rows, table in ((runs[::2], "executions"), (runs[1::2], "executions"), (samples, "resources")):
        if rows:
            store.write_frame(table, strategies.frame(table, rows))
    if compacted:
        compact(root, full=compacted == "full", grace_s=0)
    counted = archive.apply_retention_policy({"executions": days}, then=then, dry_run=True, as_of=now)
    gone = archive.apply_retention_policy({"executions": days}, then=then, as_of=now)

    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    old = {f"e{n}" for n, at in enumerate(started) if at < midnight - timedelta(days=days)}
    for n, at in enumerate(started):
        assert (f"e{n}" in old) or now - at < timedelta(days=days + 1)  # none older than a period and a day stays
        assert f"e{n}" not in old or now - at > timedelta(days=days)  # none younger than a period goes
    everything = {f"e{n}" for n in range(len(started))}
    archived = set(archive.query_archive(*_FAR)["execution_id"])
    assert counted == gone == len(old)
    assert archived == (old if then == "archive" else set())
    assert set(store.read("executions")["execution_id"]) == (everything if then == "archive" else everything - old)
    assert store.read("resources")["cpu_percent"].sort().to_list() == [float(n) for n in range(len(sampled))]
    for at in started:  # what is gone is gone from the live files, the published ones and (deleted) the archive's
        if at < midnight - timedelta(days=days):
            name = f"day={at.date()}"
            assert [path.name[:2] for path in (root / JOURNAL / "executions" / name).iterdir()] == ["c-"]
            assert not list(root.glob(f"executions/{name}/*.parquet"))
            kept = archive_folder(root, "executions", at.date())
            assert len(list(kept.iterdir()) if kept.exists() else []) == (1 if then == "archive" else 0)
