from __future__ import annotations

import csv
import gzip
import io
import json
import tracemalloc
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from rpa_lab import TimeSeriesStore
from rpa_lab.integrations.event_columns import Columns
from rpa_lab.integrations.event_log import EventLog
from rpa_lab.integrations.event_table import read_csv
from rpa_lab.integrations.event_times import read_times
from rpa_lab.integrations.importing import import_files
from rpa_lab.integrations.lifecycle import join
from rpa_lab.integrations.source import Parsed, Source
from rpa_lab.integrations.xes import read_xes
from tests import oracles, strategies


def parsed(text: str | bytes, *, name: str = "orders.csv", tz: str = "UTC", **how: Any) -> Parsed:
    content = text if isinstance(text, bytes) else text.encode()
    return EventLog(**how).parse(Source(path=Path(name), content=content, tz=tz))


def rows(found: Parsed, table: str, *names: str) -> list[Any]:
    frame = found.tables[table]
    assert isinstance(frame, pl.DataFrame)
    picked = frame.select(names).rows()
    return [row[0] for row in picked] if len(names) == 1 else picked


def at(hour: int, minute: int = 0, *, day: int = 3) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


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


@given(strategies.lifecycle_events())
def test_starts_and_completions_are_joined_as_a_queue_does(events: pl.DataFrame) -> None:
    pairs, unmatched = oracles.joined_lifecycle(events.to_dicts())
    steps, left_out = join(events)
    got = {row["row"]: row["start"] for row in steps.to_dicts()}
    assert got == {ended["row"]: begun["end"] if begun else None for begun, ended in pairs}
    assert left_out == {"starts that nothing completes": unmatched}


def test_transitions_say_how_a_step_ended() -> None:
    found = parsed(
        "case,activity,lifecycle:transition,time:timestamp\n"
        "7,a,START,2026-11-03T09:00Z\n7,a,complete,2026-11-03T09:30Z\n7,b,schedule,2026-11-03T09:30Z\n"
        "7,b,start,2026-11-03T09:40Z\n7,b,ate_abort,2026-11-03T09:50Z\n7,c,manualskip,2026-11-03T09:55Z\n"
        "7,d,start,2026-11-03T09:56Z\n"
    )
    assert rows(found, "steps", "node_id", "started_at", "status") == [
        ("a", at(9), "completed"),
        ("b", at(9, 40), "failed"),
        ("c", at(9, 50), "skipped"),
    ]
    assert found.left_out == {"events of the transition 'schedule'": 1, "starts that nothing completes": 1}
    assert rows(found, "executions", "status", "error_message", "steps_failed") == [("failed", "b failed", 1)]


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


def test_a_column_that_only_looks_like_a_status_goes_into_the_context() -> None:
    found = parsed("case,activity,end,state\n7,a,2026-11-03T09:00Z,Bavaria\n")
    assert rows(found, "executions", "status", "context") == [("completed", '{"state": "Bavaria"}')]
    assert found.warnings[0] == "column 'state' says 'Bavaria', which is no status: it went into the context"
    assert "status" not in found.read_as


def test_a_column_of_transitions_that_names_none_goes_into_the_context() -> None:
    found = parsed("case,activity,end,event_type\n7,a,2026-11-03T09:00Z,mail\n")
    assert rows(found, "executions", "context") == ['{"event_type": "mail"}']
    assert "lifecycle" not in found.read_as


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


def test_jobs_of_github_actions_are_told_by_run_and_job() -> None:
    found = parsed(
        "run_id,run_attempt,job_id,job_name,step_name,started_at,completed_at\n1,2,9,build,test,2026-11-03T09:00Z,2026-11-03T09:01Z"
    )
    assert rows(found, "executions", "execution_id", "context") == [("orders:1:2:build", '{"job_id": "9"}')]


def test_naive_times_are_read_in_the_zone_also_where_its_clock_changes() -> None:
    text = "case,activity,start,end\n7,a,2026-03-29T01:30,2026-03-29T03:30\n8,a,2026-10-25T02:50,2026-10-25T02:10\n"
    found = parsed(text, tz="Europe/Paris")
    assert rows(found, "steps", "duration_ms") == [3_600_000.0, 1_200_000.0]  # an hour that isn't; one that is twice
    assert (found.naive, found.unclear) == (4, 1)
    assert rows(parsed(text.replace("02:50", "01:50"), tz="UTC+02:00"), "steps", "started_at")[0] == datetime(
        2026, 3, 28, 23, 30, tzinfo=UTC
    )


@given(
    strategies.moments(),
    st.integers(-14 * 4, 14 * 4),
    st.sampled_from("T "),
    st.sampled_from(["-", "/"]),
    st.booleans(),
)
def test_a_time_is_read_as_pythons_own_parser_reads_it(
    moment: datetime, quarters: int, between: str, dash: str, colon: bool
) -> None:
    offset = timedelta(minutes=15 * quarters)
    local = (moment + offset).replace(tzinfo=None)
    sign = "-" if quarters < 0 else "+"
    zone = f"{sign}{abs(offset) // timedelta(hours=1):02}{':' if colon else ''}{abs(quarters) % 4 * 15:02}"
    text = f"{local:%Y{dash}%m{dash}%d{between}%H:%M:%S.%f}{zone}"
    source = Source(path=Path("log.csv"), content=f"end,n\n{text},1".encode())
    got = read_times(source, read_csv(source), "end").at.item()
    assert got == datetime.fromisoformat(text.replace("/", "-")) == moment


def test_other_ways_to_write_a_time() -> None:
    text = "case;activity;end\n7;a;1793696400\n7;b;1793696400123\n7;c;1793696400123456\n7;d;2026-11-03\n"
    with pytest.raises(
        ValueError, match=r"line 5, column 'end': '2026-11-03' names no zone, '1793696400' of line 2 does"
    ):
        parsed(text)
    found = parsed(text.replace("7;d;2026-11-03\n", ""))
    assert rows(found, "steps", "completed_at") == [
        at(9),
        at(9) + timedelta(milliseconds=123),
        at(9) + timedelta(microseconds=123456),
    ]
    own = parsed("case;activity;end\n7;a;3.11.2026 10:00\n", time_format="%d.%m.%Y %H:%M", tz="Europe/Paris")
    assert rows(own, "steps", "completed_at") == [at(9)]


def test_repeated_events_are_dropped_or_kept_where_that_is_said() -> None:
    twice = ["7,a,2026-11-03T09:00Z,ok\n"] * 2 + ["7,b,2026-11-03T09:00Z,skipped\n"] * 2
    text = "case,activity,end,conclusion\n" + "".join(twice)
    dropped = parsed(text, repeated="drop")
    assert rows(dropped, "steps", "node_id") == ["a", "b", "b"]
    assert dropped.left_out == {"events that stand there twice": 1}
    assert rows(parsed(text, repeated="keep"), "steps", "node_id") == ["a", "a", "b", "b"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("pack", [False, True])
def test_encodings_separators_and_gzip(encoding: str, separator: str, pack: bool) -> None:
    lines = ["case,activity,end,note", '7,prüfen,2026-11-03T09:00Z,"two\nlines"', "", '7,"a ""b""",2026-11-03T09:01Z,x']
    content = "\r\n".join(lines).replace(",", separator).encode(encoding)
    how = {"encoding": encoding} if encoding == "cp1252" else {}
    found = parsed(gzip.compress(content) if pack else content, name="orders.csv.gz", **how)
    assert rows(found, "steps", "node_id") == ["prüfen", 'a "b"']
    assert json.loads(rows(found, "executions", "end_context")[0]) == {"steps": {"note": ["two\nlines", "x"]}}


def test_a_parquet_file_gives_what_its_csv_gives(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "case": [7, 7, 8],
            "activity": ["a", "b", "a"],
            "end": [at(9), at(9, 30), at(10)],
            "cost": [1.5, None, 2.0],
            "late": [True, False, True],
        }
    )
    frame.write_parquet(tmp_path / "x.parquet")
    as_text = frame.with_columns(pl.col("end").dt.strftime("%FT%TZ"), pl.col("late").cast(pl.String))
    as_text.write_csv(tmp_path / "x.csv")
    both = [parsed((tmp_path / name).read_bytes(), name=name) for name in ("x.parquet", "x.csv")]
    for table in ("executions", "steps"):
        frames = [pl.DataFrame(found.tables[table]) for found in both]
        assert_frame_equal(frames[0], frames[1])
    assert rows(both[0], "executions", "execution_id") == ["x:7", "x:8"]


@given(strategies.event_rows())
def test_one_log_gives_the_same_rows_as_csv_as_parquet_and_as_xes(events: list[dict[str, str | None]]) -> None:
    frame = pl.DataFrame(events, schema=dict.fromkeys(events[0], pl.String))
    as_csv, as_parquet = io.StringIO(newline=""), io.BytesIO()
    writer = csv.DictWriter(as_csv, fieldnames=list(events[0]))
    writer.writeheader()
    writer.writerows(events)
    frame.write_parquet(as_parquet)
    log = ET.Element("log")
    for case in dict.fromkeys(event["case:concept:name"] for event in events):
        trace = ET.SubElement(log, "trace")
        ET.SubElement(trace, "string", key="concept:name", value=case or "")
        for event in events:
            if event["case:concept:name"] == case:
                element = ET.SubElement(trace, "event")
                for key, value in event.items():
                    if value is not None and not key.startswith("case:"):
                        ET.SubElement(element, "string", key=key, value=value)
    contents = {"x.csv": as_csv.getvalue().encode(), "x.parquet": as_parquet.getvalue(), "x.xes": ET.tostring(log)}
    found = [parsed(content, name=name) for name, content in contents.items()]
    for table in ("executions", "steps"):
        first, *others = [pl.DataFrame(each.tables[table]) for each in found]
        assert first.height == (len(events) if table == "steps" else frame["case:concept:name"].n_unique())
        for other in others:
            assert_frame_equal(first, other)


def test_xes_attributes_keep_their_place_whatever_their_type() -> None:
    text = """<?xml version="1.0" encoding="UTF-8"?>
    <x:log xmlns:x="http://www.xes-standard.org/">
      <string key="concept:name" value="of the log"/>
      <x:trace><x:string key="concept:name" value="7"/><int key="weight" value="3"/>
        <list key="l"><string key="in" value="list"/></list>
        <event><string key="concept:name" value="a &lt;b&gt;"><string key="deep" value="x"/></string>
               <date key="time:timestamp" value="2026-11-03T09:00:00.000+00:00"/>
               <boolean key="late" value="true"/></event></x:trace>
      <trace><string key="concept:name" value="8"/></trace>
      <event><string key="concept:name" value="alone"/></event>
    </x:log>"""
    found = parsed(text, name="log.xes")
    assert rows(found, "executions", "execution_id", "context") == [("log:7", '{"late": "true", "weight": "3"}')]
    assert rows(found, "steps", "action_type") == ["a <b>"]
    assert found.left_out == {
        "lists of attributes": 1,
        "attributes of attributes": 1,
        "events outside of a case": 1,
        "cases without events": 1,
    }


def test_the_memory_of_xes_grows_with_what_it_says_and_not_with_its_elements() -> None:
    """300,000 elements that say nothing: as a tree they would be hundreds of megabytes."""
    filler = b"<string key='n' value='x'>" + b"<string key='m' value='y'/>" * 100 + b"</string>"
    head, tail = b"<log><trace><string key='concept:name' value='7'/><event>", b"</event></trace></log>"
    content = gzip.compress(head + b"<list key='l'>" + filler * 3000 + b"</list>" + tail)
    source = Source(path=Path("log.xes.gz"), content=content)
    with pytest.raises(ValueError, match="unpacks to more than"):
        read_xes(source, max_bytes=5_000_000)
    plain = Source(path=Path("log.xes"), content=gzip.decompress(content))
    tracemalloc.start()
    table = read_xes(plain)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert table.events.height == 1
    assert most < 3_000_000 < len(plain.content)


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


def test_what_the_user_says_goes_before_any_guess() -> None:
    text = "case_id,Case ID,activity,end,resource\n7,x,a,2026-11-03T09:00Z,Ann\n"
    found = parsed(text, columns=Columns(case=("Case ID",), resource="-"), workflow="loans")
    assert rows(found, "executions", "execution_id", "robot_id", "context") == [
        ("loans:x", None, '{"case_id": "7", "resource": "Ann"}')
    ]


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
