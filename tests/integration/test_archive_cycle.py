"""Record, archive, retain, query: a store's rows through their whole life."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from rpa_lab import ArchiveStorage, Lab, MetricsCollector, TimeSeriesStore
from rpa_lab.simulate import fleet
from rpa_lab.storage.compaction import compact


def test_record_archive_retain_query(root: Path) -> None:
    store, archive = TimeSeriesStore(root), ArchiveStorage(root, grace_s=0)
    fleet(days=8, workflows=2, seed=21, runs_per_day=12).write(store)
    with MetricsCollector(root, robot_id="robot-1") as collector:
        for _ in range(5):
            with collector.execution("live") as run, run.step("open", action_type="click"):
                pass
    compact(root, grace_s=0)
    before = {table: store.read(table) for table in ("executions", "steps")}
    rates = Lab(root).workflows("all")
    days = sorted(before["executions"].filter(pl.col("workflow_id") != "live")["started_at"].dt.date().unique())
    first, second = days[0], days[1]

    # one day by hand, the older half by policy
    path = archive.archive_data(before["steps"].filter(pl.col("started_at").dt.date() == first), first, table="steps")
    assert (
        pl.read_parquet(path, glob=False).height
        == before["steps"].filter(pl.col("started_at").dt.date() == first).height
    )
    as_of = datetime.combine(days[4], datetime.min.time(), UTC)
    moved = archive.apply_retention_policy({"executions": 1, "steps": 1}, as_of=as_of)
    cut = as_of - timedelta(days=1)
    old = {table: rows.filter(pl.col("started_at") < cut) for table, rows in before.items()}
    by_hand = before["steps"].filter(pl.col("started_at").dt.date() == first).height
    assert moved == old["executions"].height + old["steps"].height - by_hand

    # queries see no difference; plain scripts see what is live
    for table in ("executions", "steps"):
        assert_frame_equal(store.read(table), before[table])
        assert_frame_equal(archive.query_archive(days[0], datetime.now(UTC), table=table), old[table])
        glob = f"{root}/{table}/**/*.parquet"
        live = before[table].height - old[table].height
        assert pl.scan_parquet(glob).select(pl.len()).collect().item() == live
        counted = duckdb.connect().execute("select count(*) from read_parquet(?)", [glob]).fetchone()
        assert counted == (live,)
    assert_frame_equal(Lab(root).workflows("all"), rates)

    # a late row for an archived day; compaction carries the archive on
    late = before["executions"].row(0, named=True)["started_at"]
    store.write_frame(
        "executions",
        pl.DataFrame({"execution_id": ["late"], "workflow_id": ["w"], "started_at": [late], "status": ["failed"]}),
    )
    compact(root, grace_s=0)
    assert store.read("executions").height == before["executions"].height + 1
    assert archive.apply_retention_policy({"executions": 1}, as_of=as_of) == 1
    assert archive.query_archive(days[0], second).filter(pl.col("execution_id") == "late").height == 1

    # deleted for good: from queries, from the archive and from plain scripts
    gone = archive.apply_retention_policy({"executions": 1, "steps": 1}, then="delete", as_of=as_of)
    assert gone == old["executions"].height + 1 + old["steps"].height
    for table in ("executions", "steps"):
        assert_frame_equal(store.read(table), before[table].filter(pl.col("started_at") >= cut))
        assert archive.query_archive(days[0], datetime.now(UTC), table=table).is_empty()
    assert not list(root.glob("_archive/**/*.parquet"))
    assert Lab(root).performance("live", "24h").execution_count == 5
    with pytest.raises(LookupError, match="there is no table"):
        archive.apply_retention_policy({"executionz": 1})
