from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from rpa_lab import TimeSeriesStore
from rpa_lab.integrations.event_log import EventLog
from rpa_lab.integrations.importing import import_files
from tests.integrations.logs import at, parsed, rows


def test_a_case_is_an_execution_and_an_activity_a_step() -> None:
    found = parsed(
        "case_id,activity,resource,start_time,end_time\n"
        "7,pay,Ann,2026-11-03T09:00Z,2026-11-03T09:30Z\n"
        "8,pay,Ann,2026-11-03T08:00Z,2026-11-03T08:10Z\n"
        '7,ship > post,Bob,"2026-11-03T10:00Z",2026-11-03T10:15Z\n'
    )
    assert rows(found, "executions", "execution_id", "workflow_id", "business_key", "robot_id", "started_at") == [
        ("orders:8", "orders", "8", "Ann", at(8)),
        ("orders:7", "orders", "7", None, at(9)),
    ]
    assert rows(found, "executions", "completed_at", "duration_ms", "status", "steps_total", "steps_completed") == [
        (at(8, 10), 600_000.0, "completed", 1, 1),
        (at(10, 15), 75 * 60_000.0, "completed", 2, 2),
    ]
    assert [json.loads(text) if text else None for text in rows(found, "executions", "context")] == [
        None,
        {"resources": ["Ann", "Bob"]},
    ]
    assert rows(found, "steps", "execution_id", "step_index", "node_id", "action_type", "duration_ms") == [
        ("orders:8", 0, "pay", "pay", 600_000.0),
        ("orders:7", 0, "pay", "pay", 1_800_000.0),
        ("orders:7", 1, "ship \\> post", "ship > post", 900_000.0),
    ]
    assert found.read_as == {
        "workflow": "orders",
        "case": "case_id",
        "activity": "activity",
        "start": "start_time",
        "end": "end_time",
        "resource": "resource",
    }


def test_repeated_events_are_dropped_or_kept_where_that_is_said() -> None:
    twice = ["7,a,2026-11-03T09:00Z,ok\n"] * 2 + ["7,b,2026-11-03T09:00Z,skipped\n"] * 2
    text = "case,activity,end,conclusion\n" + "".join(twice)
    dropped = parsed(text, repeated="drop")
    assert rows(dropped, "steps", "node_id") == ["a", "b", "b"]
    assert dropped.left_out == {"events that stand there twice": 1}
    assert rows(parsed(text, repeated="keep"), "steps", "node_id") == ["a", "a", "b", "b"]


def test_the_same_file_again_changes_nothing_and_another_name_is_another_workflow(tmp_path: Path, root: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("case,activity,end\n7,a,2026-11-03T09:00\n")
    store = TimeSeriesStore(root)
    import_files(EventLog(), [file], store)
    before = store.fingerprint("all")
    again = import_files(EventLog(), [file], store)
    assert again.already_there == 1
    assert store.fingerprint("all") == before
    renamed = file.rename(tmp_path / "returns.csv")
    assert import_files(EventLog(), [renamed], store).already_there == 0
    assert set(store.read("executions")["execution_id"]) == {"orders:7", "returns:7"}
    assert import_files(EventLog(workflow="orders"), [renamed], store, tz="Asia/Tokyo").already_there == 1
    assert store.read("executions").height == store.read("steps").height == 2


def test_a_dry_run_reads_everything_and_writes_nothing(tmp_path: Path, root: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("case,activity,end\n7,a,2026-11-03T09:00\n")
    done = import_files(EventLog(), [file], TimeSeriesStore(root), dry_run=True)
    assert str(done) == "1 execution (1 completed) and 1 step from 1 file; nothing was written"
    assert not root.exists()


def test_secrets_in_a_log_are_taken_out_before_anything_is_written(tmp_path: Path, root: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(
        "case,activity,end,password,pin,url\n"
        "7,a,2026-11-03T09:00Z,hunter2,hunter3,https://bot:hunter5@erp.example/x\n"
        "7,open?token=hunter6,2026-11-03T09:01Z,hunter2,hunter4,\n"
    )
    store = TimeSeriesStore(root)
    import_files(EventLog(), [file], store)
    written = json.dumps(
        [store.read("executions").drop(pl.selectors.datetime()).to_dicts(), store.read("steps")["node_id"].to_list()]
    )
    assert "hunter" not in written
    assert written.count("[redacted]") >= 4


@pytest.mark.parametrize(
    ("name", "workflow"),
    [("a.csv", "a"), ("a.b.xes.gz", "a.b"), (".csv", ".csv"), ("Log.CSV", "Log"), ("x", "x")],
)
def test_a_workflow_is_named_after_its_file(name: str, workflow: str) -> None:
    found = parsed(
        "<log><trace><string key='concept:name' value='7'/><event><string key='concept:name' value='a'/>"
        "<date key='time:timestamp' value='2026-11-03T09:00Z'/></event></trace></log>",
        name=name,
    )
    assert rows(found, "executions", "workflow_id") == [workflow]
