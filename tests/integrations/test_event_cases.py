from __future__ import annotations

import json
from pathlib import Path

import pytest

from rpa_lab import TimeSeriesStore
from rpa_lab.integrations.event_log import EventLog
from rpa_lab.integrations.importing import import_files
from tests.integrations.logs import at, parsed, rows


def test_completions_alone_give_gaps_and_the_first_of_a_case_is_unknown() -> None:
    found = parsed(
        "case,activity,timestamp\n7,a,2026-11-03 09:00Z\n7,c,2026-11-03 09:45Z\n"
        "7,b,2026-11-03 09:30Z\n8,a,2026-11-03 09:40Z\n"
    )
    assert rows(found, "steps", "execution_id", "node_id", "started_at", "duration_ms") == [
        ("orders:7", "a", at(9), None),
        ("orders:7", "b", at(9), 1_800_000.0),
        ("orders:7", "c", at(9, 30), 900_000.0),
        ("orders:8", "a", at(9, 40), None),
    ]
    assert found.warnings[0].startswith("the log has completion times only: their durations are the gap since")


def test_a_step_without_a_start_among_others_begins_where_the_one_before_it_ended() -> None:
    found = parsed(
        "case,activity,start,end\n7,a,2026-11-03T09:00Z,2026-11-03T09:10Z\n"
        "7,b,,2026-11-03T09:30Z\n7,c,2026-11-03T10:00Z,\n7,d,,\n"
    )
    assert rows(found, "steps", "node_id", "started_at", "duration_ms") == [
        ("a", at(9), 600_000.0),
        ("b", at(9, 10), 1_200_000.0),
    ]
    assert found.left_out == {"events without an end": 1, "events without a time": 1}
    assert found.warnings[0].startswith("1 steps have no start time")


@pytest.mark.parametrize(
    ("words", "of_steps", "of_execution"),
    [
        (["success", "skipped"], ["completed", "skipped"], "completed"),
        (["failure", "success"], ["failed", "completed"], "failed"),
        (["success", "cancelled"], ["completed", "skipped"], "cancelled"),
        (["skipped", "skipped"], ["skipped", "skipped"], "cancelled"),
        (["Timed Out", ""], ["failed", "completed"], "failed"),
        (["aborted", "neutral"], ["failed", "completed"], "failed"),
    ],
)
def test_words_become_statuses(words: list[str], of_steps: list[str], of_execution: str) -> None:
    text = "".join(f"7,a{n},2026-11-03T09:0{n}Z,{word}\n" for n, word in enumerate(words))
    found = parsed("case,activity,end,conclusion\n" + text)
    assert rows(found, "steps", "status") == of_steps
    assert rows(found, "executions", "status") == [of_execution]


def test_what_never_changes_within_a_case_is_context_and_the_rest_is_listed_step_by_step() -> None:
    found = parsed(
        "case:concept:name,concept:name,time:timestamp,case:channel,channel,cost,customer\n"
        "7,a,2026-11-03T09:00Z,Mail,x,1,Ann\n7,b,2026-11-03T09:10Z,Mail,x,,Ann\n7,c,2026-11-03T09:20Z,Mail,x,3,\n"
        "8,a,2026-11-03T09:30Z,,x,2,Bob\n"
    )
    assert [json.loads(text) for text in rows(found, "executions", "context")] == [
        {"case:channel": "Mail", "channel": "x", "customer": "Ann"},
        {"channel": "x", "customer": "Bob"},
    ]
    assert [json.loads(text) for text in rows(found, "executions", "end_context")] == [
        {"steps": {"cost": ["1", None, "3"]}},
        {"steps": {"cost": ["2"]}},
    ]


def test_lists_that_are_too_long_for_a_context_are_left_out_and_counted(root: Path, tmp_path: Path) -> None:
    file = tmp_path / "long.csv"
    text = "".join(f"7,a,2026-11-03T09:00:{n % 60:02}.{n:06}Z,{'x' * 30}{n},{n}\n" for n in range(700))
    file.write_text("case,activity,end,note,number\n" + text)
    done = import_files(EventLog(), [file], TimeSeriesStore(root))
    assert done.left_out == {"values per step, of cases with too many to be kept,": 700}
    assert done.corrected == 0
    said = json.loads(TimeSeriesStore(root).read("executions")["end_context"].item())
    assert list(said["steps"]) == ["number"]
    assert sorted(map(int, said["steps"]["number"])) == list(range(700))


def test_waiting_is_from_enabled_to_start() -> None:
    found = parsed(
        "case,activity,time:enabled,start_timestamp,time:timestamp\n"
        "7,a,2026-11-03T08:50Z,2026-11-03T09:00Z,2026-11-03T09:10Z\n"
        "7,b,2026-11-03T09:10Z,2026-11-03T09:10:01Z,2026-11-03T09:20Z\n"
    )
    assert rows(found, "executions", "queued_at") == [at(8, 50)]
    said = json.loads(rows(found, "executions", "end_context")[0])
    assert said == {"waiting_ms": 601_000.0, "steps": {"waiting_ms": [600_000.0, 1000.0]}}
