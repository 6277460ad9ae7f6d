"""What the commands that ask a store print, for people and as JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rpa_lab import ExecutionMetrics, Lab, StepMetrics, TimeSeriesStore
from rpa_lab.cli import app
from rpa_lab.errors import InputError, UnknownNameError

CLI = CliRunner()
AT = datetime(2026, 11, 3, 9, tzinfo=UTC)


@pytest.fixture
def recorded(root: Path) -> Path:
    """Six runs of invoices (2, 4, 6, 8, 10 s completed, 3 s failed), one step each; one of payroll."""
    store = TimeSeriesStore(root)
    for n, (seconds, status) in enumerate(
        [(2, "completed"), (4, "completed"), (6, "completed"), (8, "completed"), (10, "completed"), (3, "failed")]
    ):
        store.write_metrics(_run(f"e{n}", "invoices", AT + timedelta(hours=n), seconds, status))
    store.write_metrics(_run("p0", "payroll", AT, 1, "completed"))
    return root


def _run(name: str, workflow: str, at: datetime, seconds: int, status: str) -> list[Any]:
    ms, until = 1000.0 * seconds, at + timedelta(seconds=seconds)
    message = "TimeoutError: no answer after 30 s" if status == "failed" else None
    run = ExecutionMetrics(name, workflow, at, until, ms, status, 1, 1, 0, message, robot_id=f"robot-{seconds % 2}")
    return [run, StepMetrics(None, name, workflow, "submit", "click", "#go", at, until, ms / 2, status, step_index=0)]


def _said(*arguments: object) -> str:
    done = CLI.invoke(app, list(map(str, arguments)), env={"COLUMNS": "140"})
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


def _json(*arguments: object) -> Any:
    return json.loads(_said(*arguments, "--json"))


@pytest.mark.parametrize("command", ["stats", "failures", "kpis", "query"])
def test_every_command_explains_itself_with_an_example(command: str) -> None:
    assert f"rpa-lab {command}" in _said(command, "--help").partition("Examples")[2]


def test_stats_of_one_workflow_are_those_of_lab(recorded: Path) -> None:
    told = _json("stats", "invoices", "-p", "2026-11", "-s", recorded)
    stats = Lab(recorded).performance("invoices", "2026-11")

    assert told == stats.to_dict()
    assert (told["execution_count"], told["median_duration_ms"]) == (6, 5000.0)
    shown = _said("stats", "invoices", "-p", "2026-11", "-s", recorded)
    assert "median" in shown
    assert "5 s" in shown
    assert "these runs only" in shown
    assert "submit" in shown
    of_completed = _json("stats", "invoices", "--status", "completed", "-p", "2026-11", "-s", recorded)
    assert (of_completed["execution_count"], of_completed["median_duration_ms"]) == (5, 6000.0)


def test_stats_side_by_side(recorded: Path) -> None:
    told = _json("stats", "-p", "2026-11", "-s", recorded)
    assert [(row["workflow_id"], row["n"], row["p50_ms"]) for row in told["table"]] == [
        ("invoices", 6, 5000.0),
        ("payroll", 1, 1000.0),
    ]
    robots = _json("stats", "invoices", "--by", "robot", "-p", "2026-11", "-s", recorded)
    assert {row["robot_id"]: row["n"] for row in robots["table"]} == {"robot-0": 5, "robot-1": 1}
    assert "payroll" in _said("stats", "-p", "2026-11", "-s", recorded)


def test_failures_by_category_step_and_words(recorded: Path) -> None:
    told = _json("failures", "-p", "2026-11", "-s", recorded)

    assert (told["failed"], told["ended"]) == (1, 7)
    assert [(row["category"], row["failures"]) for row in told["categories"]] == [("timeout", 1)]
    assert [row["node_id"] for row in told["nodes"]] == ["submit"]
    assert [row["example"] for row in told["messages"]] == ["TimeoutError: no answer after 30 s"]
    shown = _said("failures", "invoices", "-p", "2026-11", "-s", recorded)
    assert "1 of 6 runs failed" in shown
    assert "no answer after <n> s" in shown
    assert "0 of 1 runs failed" in _said("failures", "payroll", "-p", "2026-11", "-s", recorded)


def test_kpis_say_what_is_known_and_which_setting_is_missing(recorded: Path) -> None:
    told = _json("kpis", "invoices", "-p", "2026-11", "-s", recorded, "--as-of", "2026-12-01")
    figures = {row["name"]: row for row in told["figures"]}
    assert figures["success_rate"]["value"] == pytest.approx(100 * 5 / 6)

    shown = _said("kpis", "invoices", "-p", "2026-11", "-s", recorded, "--as-of", "2026-12-01")
    assert "83 %" in shown
    assert "cost.manual_minutes" in shown
    (recorded / "rpa_lab.toml").write_text('[[sla]]\nname = "quick"\nworkflow = "invoices"\nduration = "5s"\n')
    assert "quick" in _said("kpis", "-p", "2026-11", "-s", recorded, "--as-of", "2026-12-01")


def test_query_answers_as_lab_does(recorded: Path) -> None:
    told = _json(
        *("query", "-t", "steps", "-m", "count", "-m", "p95", "-b", "workflow_id", "-w", "status=completed"),
        *("-w", "duration_ms>=1000", "--order", "-count", "-p", "2026-11", "-s", recorded),
    )
    asked = Lab(recorded).query(
        "steps",
        "2026-11",
        metrics=["count", "p95"],
        group_by="workflow_id",
        filters={"status": "completed", "duration_ms": {"ge": 1000}},
        order="-count",
    )
    assert told == asked.to_dict()
    assert [(row["workflow_id"], row["count"]) for row in told["table"]] == [("invoices", 5)]
    rows = _json("query", "-w", "error_message~answer", "-c", "execution_id", "-p", "2026-11", "-s", recorded)
    assert rows["table"] == [{"execution_id": "e5"}]
    assert "e5" in _said("query", "-w", "status=failed", "-c", "execution_id", "-p", "2026-11", "-s", recorded)


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("duration_ms>6000", {"e3", "e4"}),
        ("duration_ms<=2000", {"e0", "p0"}),
        ("workflow_id!=invoices", {"p0"}),
        ("execution_id^p", {"p0"}),
        ("error_message!=null", {"e5"}),
        ("started_at>=2026-11-03T14:00Z", {"e5"}),
        (" robot_id = robot-1 ", {"e5", "p0"}),
    ],
)
def test_conditions_are_typed_by_their_column(recorded: Path, condition: str, found: set[str]) -> None:
    told = _json("query", "-w", condition, "-c", "execution_id", "-p", "2026-11", "-s", recorded)

    assert {row["execution_id"] for row in told["table"]} == found


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        (["query", "-w", "status"], InputError, "expected a condition such as 'status=failed'"),
        (["query", "-w", "duration_ms>5", "-w", "duration_ms>6"], InputError, "twice"),
        (["query", "-w", "duration>5"], UnknownNameError, "did you mean 'duration_ms'"),
        (
            ["query", "-w", "duration_ms>five"],
            InputError,
            "--where 'duration_ms>five': executions.duration_ms is held against 'five', expected a finite number",
        ),
        (["query", "-w", "status>3"], InputError, "--where 'status>3': status is a status, expected one of =  !="),
        (["query", "-w", "duration_ms~5"], InputError, "expected one of =  !=  <  <=  >  >="),
        (["query", "-w", "status=faild"], UnknownNameError, "did you mean 'failed'"),
        (["query", "-t", "stepz"], UnknownNameError, "did you mean 'steps'"),
        (["stats", "nobody"], UnknownNameError, "the store has no workflow 'nobody'"),
        (["stats", "--by", "colour"], UnknownNameError, "can't be broken down by 'colour'"),
        (["failures", "nobody"], UnknownNameError, "the store has no workflow 'nobody'"),
        (["kpis", "nobody"], UnknownNameError, "the store has no workflow 'nobody'"),
    ],
)
def test_what_cant_be_asked_is_one_sentence(
    recorded: Path, arguments: list[str], kind: type[Exception], words: str
) -> None:
    done = CLI.invoke(app, [*arguments, "-p", "2026-11", "-s", str(recorded)])

    assert isinstance(done.exception, kind)
    assert words in str(done.exception)
    assert "{" not in str(done.exception)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["stats"], "No runs that ended in"),
        (["stats", "payroll"], "No runs of payroll in"),
        (["stats", "payroll", "--by", "step"], "No steps that ended of payroll in"),
        (["failures"], "No runs in"),
        (["failures", "payroll"], "No runs of payroll in"),
        (["kpis"], "No runs in"),
        (["query"], "No executions in"),
        (["query", "-m", "count"], "No executions in"),
        (["query", "-t", "steps", "-w", "status=failed"], "No steps that meet the conditions in"),
    ],
)
def test_where_nothing_ran_the_newest_run_is_told(recorded: Path, arguments: list[str], words: str) -> None:
    said = _said(*arguments, "-p", "2026-10", "-s", recorded)

    newest = "09:00" if "payroll" in arguments else "14:00"
    assert said.startswith(words)
    assert f"the newest run started 2026-11-03 {newest} UTC (see --period and --as-of latest)" in said
    assert said.count("\n") == 1


def test_figures_with_an_interval_show_it_and_what_it_speaks_of(recorded: Path) -> None:
    said = _said("kpis", "invoices", "-p", "2026-11", "-s", recorded, "--as-of", "2026-12-01")
    (line,) = (line for line in said.splitlines() if line.strip().startswith("Completed  "))
    assert "83 %" in line
    assert "44 % to 97.0 %" in line
    assert "these runs only" in line


def test_a_query_speaks_of_percent_durations_and_weekdays(recorded: Path) -> None:
    asked = ["query", "-m", "success_rate", "-m", "avg", "-b", "weekday", "-p", "2026-11", "-s", recorded]
    assert [row["weekday"] for row in _json(*asked)["table"]] == [2]
    said = _said(*asked)
    assert "Tue" in said
    assert "86 %" in said
    assert "4.86 s" in said


def test_an_empty_store_is_no_error(root: Path) -> None:
    for command in ("stats", "failures", "kpis", "query", "workflows"):
        assert _said(command, "-s", root).endswith(f"{root} holds none at all.\n")
    assert _json("query", "-m", "count", "-s", root)["table"][0]["count"] == 0
