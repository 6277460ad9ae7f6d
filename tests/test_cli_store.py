from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from rpa_lab import ExecutionMetrics, StepMetrics, TimeSeriesStore
from rpa_lab.cli import app

CLI = CliRunner()
TODAY = datetime.now(UTC).date()
COMMANDS = ("compact", "archive", "retain", "verify", "doctor", "days", "files", "push")


def _run(*arguments: object, code: int = 0) -> str:
    done = CLI.invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == code, (done.output, done.exception)
    return done.stdout


def _json(*arguments: object, code: int = 0) -> Any:
    return json.loads(_run(*arguments, "--json", code=code))


@pytest.fixture
def store(root: Path) -> Path:
    """One execution and one step a day: 200, 100 and 3 days ago."""
    store = TimeSeriesStore(root)
    for ago in (200, 100, 3):
        at = datetime.combine(TODAY - timedelta(days=ago), datetime.min.time(), UTC) + timedelta(hours=9)
        run = ExecutionMetrics(f"e{ago}", "invoices", at, at, 1000.0, "completed", 1, 1, 0)
        step = StepMetrics(None, f"e{ago}", "invoices", "a", "click", None, at, at, 5.0, "completed")
        store.write_metrics([run, step])
    for path in root.glob("_journal/*/*/f-*"):
        os.utime(path, (0, 0))
    return root


def _day(ago: int) -> str:
    return str(TODAY - timedelta(days=ago))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(command: str) -> None:
    assert f"rpa-lab {command}" in _run(command, "--help").partition("Example")[2]


def test_the_days_are_a_batch_jobs_watermark(store: Path) -> None:
    first = {"table": "executions", "day": _day(200), "closed": True, "rows": 1, "generation": 0, "fragments": 1}
    assert _json("days", "--store", store)[0] == first | {"published": False, "archived": False}
    _run("compact", "--store", store)
    listed = _json("days", "--store", store, "--table", "steps")
    assert [(row["day"], row["published"], row["generation"]) for row in listed] == [
        (_day(ago), True, 1) for ago in (200, 100, 3)
    ]
    shown = _run("days", "-s", store)
    assert "steps" in shown
    assert _day(3) in shown


def test_the_files_of_a_period_are_those_that_hold_its_rows(store: Path) -> None:
    listed = _run("files", "-s", store, "-p", "7d", "-t", "steps").split()
    assert listed == _json("files", "-s", store, "-p", "7d", "-t", "steps")
    assert pl.read_parquet(listed, glob=False)["execution_id"].to_list() == ["e3"]
    assert len(_json("files", "-s", store)) == 6


def test_verify_says_what_is_damaged_and_fails(store: Path) -> None:
    sound = _json("verify", "-s", store)
    assert (sound["ok"], sound["files"], sound["rows"], sound["damaged"]) == (True, 6, 6, [])
    assert "6 files, 6 live rows: every seal and count is right" in _run("verify", "-s", store)

    path = next(store.glob(f"_journal/steps/day={_day(100)}/f-*"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 16
    path.write_bytes(data)
    found = _json("verify", "-s", store, code=1)
    assert [entry["file"] for entry in found["damaged"]] == [str(path.relative_to(store))]
    assert "6 files, 5 live rows: 1 damaged" in _run("verify", "-s", store, code=1)


def test_the_doctor_looks_at_the_machine(store: Path) -> None:
    done = CLI.invoke(app, ["doctor", "-s", str(store), "--json"])
    said = json.loads(done.stdout)
    states = {entry["check"]: entry["state"] for entry in said["findings"]}
    assert done.exit_code == (1 if "bad" in states.values() else 0)
    assert said["ok"] == (done.exit_code == 0)
    assert states["hard links"] == states["clock"] == states["locks"] == "ok"
    assert "hard links" in CLI.invoke(app, ["doctor", "-s", str(store)]).stdout


def test_push_copies_what_is_published(store: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    first = _json("push", copy, "-s", store)
    assert first["copied"] == 0
    assert len(first["warnings"]) == 6  # nothing was published yet
    _run("compact", "-s", store)
    assert "6 files sent to" in _run("push", copy, "-s", store)
    assert _json("push", copy, "-s", store)["already_there"] == 6
    assert len(_json("days", "-s", copy)) == 6
    assert TimeSeriesStore(copy).read("steps").equals(TimeSeriesStore(store).read("steps"))
    assert [row["executions"] for row in _json("workflows", "-s", copy, "-p", "all")] == [3]


def test_archived_days_leave_the_published_tables_and_stay_in_every_answer(store: Path) -> None:
    _run("compact", "-s", store, "--grace", 0)
    before = _json("workflows", "-s", store, "-p", "all")
    assert _json("archive", "-s", store, "--older-than", "150d", "--dry-run")["rows"] == 2
    assert _run("archive", "-s", store, "--older-than", "150d", "--grace", 0) == "2 rows of 2 days archived\n"
    assert _run("archive", "-s", store, "--before", _day(50), "-t", "steps") == "1 rows of 1 days archived\n"

    assert _json("workflows", "-s", store, "-p", "all") == before
    assert pl.read_parquet(store / "steps/**/*.parquet")["execution_id"].to_list() == ["e3"]
    assert sorted(pl.read_parquet(store / "executions/**/*.parquet")["execution_id"]) == ["e100", "e3"]


def test_a_batch_script_never_sees_a_deleted_row_after_retain(store: Path) -> None:
    _run("compact", "-s", store)
    policy = ("retain", "-s", store, "--table", "steps=90", "--table", "executions=150", "--then", "delete")
    assert _run(*policy, "--dry-run") == "3 rows of 3 days would be deleted\n"
    assert pl.read_parquet(store / "steps/**/*.parquet").height == 3
    assert _json(*policy)["rows"] == 3

    assert pl.read_parquet(store / "steps/**/*.parquet")["execution_id"].to_list() == ["e3"]
    assert sorted(pl.read_parquet(store / "executions/**/*.parquet")["execution_id"]) == ["e100", "e3"]
    _run("compact", "-s", store, "--grace", 0)
    assert pl.read_parquet(store / "steps/**/*.parquet")["execution_id"].to_list() == ["e3"]
    assert TimeSeriesStore(store).read("steps")["execution_id"].to_list() == ["e3"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["compact"], "holds no store"),
        (["verify"], "holds no store"),
        (["days"], "holds no store"),
        (["push", "elsewhere"], "holds no store"),
        (["archive"], "say one of --before 2026-08 and --older-than 90d"),
        (["archive", "--older-than", "soon"], "'soon' is no number of days"),
        (["archive", "--before", "all"], "expected a month or day such as 2026-08"),
        (["archive", "--older-than", "0"], "--older-than is '0', expected what began or passed"),
        (["retain", "-t", "steps=9", "-t", "steps=4", "--then", "delete"], "'steps' is named twice"),
        (["archive", "--before", "2199-01"], "expected what began or passed before today"),
        (["retain"], "say which tables"),
        (["retain", "--table", "steps"], "is no number of days"),
        (["retain", "--table", "steps=9", "--then", "burn"], "expected archive or delete"),
    ],
)
def test_mistakes_are_one_sentence_and_touch_nothing(arguments: list[str], sentence: str, root: Path) -> None:
    done = CLI.invoke(app, [*arguments, "--store", str(root)])
    assert done.exit_code == 2
    assert sentence in " ".join(done.output.replace("│", " ").split())
    assert not root.exists()
