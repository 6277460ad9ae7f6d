"""Logs that nobody here made: what an import counts equals what a few lines of Polars count in the file itself."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from rpa_lab import TimeSeriesStore
from rpa_lab.integrations.event_log import EventLog
from rpa_lab.integrations.importing import Imported, import_files

# events, cases, activities; the columns of case, activity, start (or completion), completion; None: no gaps
LOGS = {
    "event_logs/PurchasingExample.csv.gz": (9119, 608, ("case_id",), "activity", "start_time", "end_time"),
    "event_logs/LoanApp_simplified.csv.gz": (
        *(3620, 500, ("case:concept:name",)),
        *("concept:name", "start_timestamp", "time:timestamp"),
    ),
    "event_logs/Simple_log_with_batching.csv": (
        *(3994, 1000, ("case:concept:name",)),
        *("concept:name", "start_timestamp", "time:timestamp"),
    ),
    "event_logs/interval_event_log.csv": (
        *(8109, 1266, ("case:concept:name",)),
        *("concept:name", "start_timestamp", "time:timestamp"),
    ),
    "event_logs/receipt.csv": (
        *(8577, 1434, ("case:concept:name",)),
        *("concept:name", "time:timestamp", "time:timestamp"),
    ),
    "ci_steps/github_actions_steps.csv": (960, 64, ("run_id", "job_name"), "step_name", "started", "ended"),
}


def imported(file: Path, root: Path) -> tuple[Imported, TimeSeriesStore]:
    store = TimeSeriesStore(root)
    return import_files(EventLog(), [file], store, tz="Europe/Amsterdam"), store


def utc(column: str) -> pl.Expr:
    """The times of a log in UTC; those that name no offset are Amsterdam's."""
    text = pl.col(column)
    offset = text.str.contains(r"(Z|[+-]\d\d:\d\d)$")
    local = text.str.replace(r"(Z|[+-]\d\d:\d\d)$", "").str.replace("T", " ").str.to_datetime(time_unit="us")
    shift = text.str.extract(r"([+-]\d\d):\d\d$").cast(pl.Int64).fill_null(0)
    aware = (local - pl.duration(hours=shift)).dt.replace_time_zone("UTC")
    return (
        pl.when(offset)
        .then(aware)
        .otherwise(local.dt.replace_time_zone("Europe/Amsterdam").dt.convert_time_zone("UTC"))
    )


@pytest.mark.parametrize("name", LOGS)
def test_a_log_of_others_gives_the_figures_of_its_raw_file(shared_data: Path, root: Path, name: str) -> None:
    events, cases, case, activity, start, end = LOGS[name]
    raw = pl.read_csv(shared_data / name, infer_schema=False).with_columns(_start=utc(start), _end=utc(end))
    by_case = raw.group_by(case).agg(ms=(pl.col("_end").max() - pl.col("_start").min()).dt.total_microseconds() / 1000)

    done, store = imported(shared_data / name, root)

    assert (done.steps, done.executions) == (events, cases) == (raw.height, by_case.height)
    assert (done.left_out, done.corrected) == ({}, 0)
    runs, steps = store.read("executions"), store.read("steps")
    assert steps["node_id"].n_unique() == raw[activity].n_unique()
    assert runs["duration_ms"].mean() == pytest.approx(by_case["ms"].mean(), rel=1e-12)
    assert steps["completed_at"].sort().equals(raw["_end"].sort())
    assert steps.group_by("execution_id").len()["len"].sort().equals(raw.group_by(case).len()["len"].sort())
    assert set(runs["business_key"]) == {":".join(row) for row in raw.select(case).rows()}


def test_the_same_log_as_csv_and_as_xes_gives_equal_frames(shared_data: Path, tmp_path: Path) -> None:
    frames = []
    for kind in ("csv", "xes"):
        done, store = imported(shared_data / f"event_logs/interval_event_log.{kind}", tmp_path / kind)
        assert (done.executions, done.steps) == (1266, 8109)
        frames.append((store.read("executions"), store.read("steps")))
    assert_frame_equal(frames[0][0], frames[1][0])
    assert_frame_equal(frames[0][1], frames[1][1])


def test_the_textbook_log_is_read_with_its_gaps(shared_data: Path, root: Path) -> None:
    done, store = imported(shared_data / "event_logs/running-example.xes", root)
    assert (done.executions, done.steps) == (6, 42)
    assert any("completion times only" in text for text in done.warnings)
    steps = store.read("steps").filter(execution_id="running-example:3")
    assert steps["duration_ms"][:3].to_list() == [None, 34 * 60_000.0, 88 * 60_000.0]  # 14:32, 15:06, 16:34


def test_what_was_left_waiting_equals_enabled_to_start(shared_data: Path, root: Path) -> None:
    name = "event_logs/Simple_log_with_batching.csv"
    raw = pl.read_csv(shared_data / name, infer_schema=False)
    waited = raw.select((utc("start_timestamp") - utc("time:enabled")).dt.total_microseconds() / 1000).to_series()
    _, store = imported(shared_data / name, root)
    runs = store.read("executions")
    said = runs["end_context"].str.json_decode(pl.Struct({"waiting_ms": pl.Float64}))
    assert said.struct.field("waiting_ms").sum() == pytest.approx(waited.sum(), rel=1e-12)
    assert runs["queued_at"].min() == raw.select(utc("time:enabled").min()).item()
    assert (runs["queued_at"] <= runs["started_at"]).all()


def test_github_actions_conclusions_are_our_statuses(shared_data: Path, root: Path) -> None:
    done, store = imported(shared_data / "ci_steps/github_actions_steps.csv", root)
    assert done.steps_by_status == {"completed": 560, "skipped": 400}
    assert done.executions_by_status == {"completed": 64}
    first = store.read("executions").row(0, named=True)
    assert first["workflow_id"] == "github_actions_steps"
    assert first["steps_total"] == 15
    assert first["context"] == '{"status": "completed"}'


def test_a_logs_own_columns_are_in_the_contexts(shared_data: Path, root: Path) -> None:
    raw = pl.read_csv(shared_data / "event_logs/receipt.csv", infer_schema=False)
    _, store = imported(shared_data / "event_logs/receipt.csv", root)
    runs = store.read("executions").select(
        case="business_key",
        channel=pl.col("context").str.json_path_match("$.channel"),
        enddate=pl.col("context").str.json_path_match("$.enddate"),
        instances=pl.col("end_context")
        .str.json_path_match("$.steps['concept:instance']")
        .str.json_decode(pl.List(pl.String)),
    )
    of_case = raw.group_by(pl.col("case:concept:name").alias("case")).agg(
        pl.col("case:channel").first().alias("channel"),
        pl.col("case:enddate").first().alias("enddate"),
        pl.col("concept:instance").sort_by(utc("time:timestamp")).alias("instances"),
    )
    both = runs.join(of_case, on="case", how="full", suffix="_raw", validate="1:1")
    assert both.height == 1434
    for name in ("channel", "enddate"):
        assert both[name].equals(both[f"{name}_raw"], null_equal=True)
    several = both.filter(pl.col("instances").is_not_null())
    assert several.height == both.filter(pl.col("instances_raw").list.len() > 0).height
    assert several["instances"].equals(several["instances_raw"])
