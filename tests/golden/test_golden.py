"""Stores that earlier versions wrote are read for ever, and a version that knows more or less loses nothing."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from rpa_lab import TimeSeriesStore, schema
from rpa_lab.journal.layout import published_folder
from rpa_lab.schema import SCHEMA_VERSION, TABLES, Column
from rpa_lab.storage.compaction import compact, compact_day
from rpa_lab.storage.doctor import doctor
from rpa_lab.storage.snapshot import look
from rpa_lab.storage.verify import verify

STORES = sorted(Path(__file__).parent.glob("v*/"))
ARCHIVED, PUBLISHED, LIVE = date(2026, 8, 3), date(2026, 11, 2), date(2026, 11, 3)
NEW = date(2026, 11, 20)


@pytest.fixture(params=STORES, ids=[place.name for place in STORES])
def golden(request: pytest.FixtureRequest, root: Path) -> Path:
    """A store as that schema version wrote it, to be changed at will."""
    shutil.copytree(request.param, root)
    return root


@contextmanager
def a_version_later() -> Iterator[None]:
    """The package as it will be when steps have one more column."""
    with pytest.MonkeyPatch.context() as patch:
        steps = TABLES["steps"]
        more = Column("screen", "name", "The screen that the step was on.")
        patch.setitem(TABLES, "steps", replace(steps, columns=(*steps.columns, more)))
        for name, module in list(sys.modules.items()):
            if name.startswith("rpa_lab.") and hasattr(module, "SCHEMA_VERSION"):
                patch.setattr(module, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
        schema._arrow_schema.cache_clear()
        yield
    schema._arrow_schema.cache_clear()


def _record(root: Path, day: date, **more: str) -> None:
    at = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
    step = {"step_id": f"new-{day}", "execution_id": "later", "workflow_id": "invoices", "node_id": "open"}
    told = step | {"action_type": "click", "status": "completed", **more}
    times = {"started_at": [at], "completed_at": [at], "duration_ms": [1.0]}
    TimeSeriesStore(root, compact=False).write_frame("steps", pl.DataFrame(times | {k: [v] for k, v in told.items()}))


def _glob(root: Path) -> pl.DataFrame:
    """What a batch script reads, of Polars' and DuckDB's making."""
    pattern = f"{root}/steps/**/*.parquet"
    rows = pl.read_parquet(pattern, hive_partitioning=False).sort("step_id", "started_at", nulls_last=True)
    counted = duckdb.connect().execute("select count(*) from read_parquet(?)", [pattern]).fetchall()
    assert counted == [(rows.height,)]
    return rows


def test_every_row_of_a_golden_store_reads_as_it_was_written(golden: Path) -> None:
    store = TimeSeriesStore(golden, compact=False)
    executions = store.read("executions")
    days = [ARCHIVED, PUBLISHED, LIVE]

    assert executions["started_at"].to_list() == [datetime(d.year, d.month, d.day, 9, 30, tzinfo=UTC) for d in days]
    assert executions["execution_id"].to_list() == ["run-0803", "run-1102", "run-1103"]
    told = executions.select("workflow_id", "status", "duration_ms", "error_message", "context").unique()
    assert told.rows() == [("invoices", "failed", 5000.0, "Überfällig", '{"queue": "a"}')]

    steps = store.read("steps").select(
        "step_id", "execution_id", "node_id", "status", "duration_ms", "confidence_score"
    )
    for run in ("run-0803", "run-1102", "run-1103"):
        assert sorted(steps.filter(execution_id=run).rows()) == [
            ("one", run, "open", "completed", 1000.0, 0.5),
            (f"{run}:1", run, "read", "failed", 4000.0, None),
        ]
    assert store.read("recoveries")["strategy"].to_list() == ["wait_and_retry"] * 3
    assert store.read("resources").select("cpu_percent", "memory_mb", "shared_by").rows() == [(12.5, 256.0, 1)] * 3
    assert store.read("changes").select("kind", "version").rows() == [("release", "2.1")] * 3
    assert store.read("collector_health").select("writer", "recorded").rows() == [("0123456789ab", 7)] * 3


def test_every_seal_of_a_golden_store_is_right(golden: Path) -> None:
    found = verify(golden)
    assert found.ok
    assert found.left_over.is_empty()
    assert found.repeated_steps.rows() == [("one", 3)]
    assert found.orphans.is_empty()


def test_a_golden_store_is_compacted_and_read_by_plain_globs(golden: Path) -> None:
    compact(golden, grace_s=0)
    assert sorted(_glob(golden)["execution_id"]) == ["run-1102", "run-1102", "run-1103", "run-1103"]
    assert TimeSeriesStore(golden).read("executions").height == 3


def test_a_newer_version_republishes_older_days_before_its_own(golden: Path) -> None:
    with a_version_later():
        _record(golden, NEW, screen="main")
        assert "screen" not in _glob(golden).columns
        compact_day(golden, "steps", NEW, grace_s=0)  # nobody asked for the older days

        rows = _glob(golden)
        assert sorted(rows.select("execution_id", "screen").rows()) == [
            ("later", "main"),
            ("run-1102", None),
            ("run-1102", None),
        ]
        steps = TimeSeriesStore(golden).read("steps")
        assert steps.height == 7
        assert steps["screen"].to_list() == [None] * 6 + ["main"]
        assert verify(golden).ok


def test_a_whole_store_is_brought_to_the_newer_schema_once(golden: Path) -> None:
    with a_version_later():
        compact(golden, grace_s=0)
        assert look(golden, "steps", PUBLISHED).head == 2
        assert {day.generation for day in compact(golden, grace_s=0)} == {None}
        assert _glob(golden)["screen"].to_list() == [None] * 4
        assert TimeSeriesStore(golden).read("executions").height == 3


def test_an_older_version_reads_the_columns_it_knows_and_says_so(golden: Path) -> None:
    with a_version_later():
        _record(golden, NEW, screen="main")
    store = TimeSeriesStore(golden)
    steps = store.read("steps", "2026-11-20")

    assert steps["step_id"].to_list() == ["new-2026-11-20"]
    assert "screen" not in steps.columns
    said = f"files are of schema version {SCHEMA_VERSION + 1}, read for the columns of version {SCHEMA_VERSION}"
    assert store.warnings() == (f"steps 2026-11-20: 1 {said}; upgrade rpa-lab to see the others",)
    assert not doctor(golden).ok
    assert len(verify(golden).warnings) == 1


def test_an_older_version_never_rewrites_what_a_newer_one_wrote(golden: Path) -> None:
    with a_version_later():
        _record(golden, NEW, screen="main")
        _record(golden, LIVE, screen="other")
    done = compact(golden, tables=["steps"], grace_s=0)

    assert {day.day: (day.generation, day.published) for day in done if day.day in (NEW, LIVE)} == {
        NEW: (None, False),
        LIVE: (None, False),
    }
    with a_version_later():
        compact(golden, grace_s=0)
        assert sorted(_glob(golden)["screen"].drop_nulls()) == ["main", "other"]


def test_an_older_version_never_publishes_beside_a_newer_one(golden: Path) -> None:
    with a_version_later():
        compact(golden, grace_s=0)
    _record(golden, NEW)  # by a bot that was not upgraded
    done = compact_day(golden, "steps", NEW, grace_s=0)

    assert (done.generation, done.published) == (1, False)
    assert not list(published_folder(golden, "steps", NEW).glob("*.parquet"))
    assert {file.footer.version for file in look(golden, "steps", NEW).files} == {SCHEMA_VERSION}
    with a_version_later():
        compact(golden, grace_s=0)
        assert _glob(golden)["screen"].to_list() == [None] * 5


def test_there_is_a_golden_store_of_every_version() -> None:
    assert [place.name for place in STORES] == [f"v{version}" for version in range(1, SCHEMA_VERSION + 1)]
