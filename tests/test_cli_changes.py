"""What the commands print that say what differs and what changed, for people and as JSON."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rpa_lab import Lab, TimeSeriesStore
from rpa_lab.cli import app
from rpa_lab.errors import InputError, UnknownNameError
from rpa_lab.simulate import NewStep, SlowStep, fleet

CLI = CliRunner()
SLOW = SlowStep(workflow_id="order_entry", node_id="fetch order", onset_day=28, factor=3)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight weeks of two workflows to 1 November; from 5 October on a step of one takes three times as long."""
    root = tmp_path_factory.mktemp("changes") / "store"
    fleet(56, 2, 7, end=date(2026, 11, 2), runs_per_day=20, faults=[SLOW], releases_per_month=4).write(
        TimeSeriesStore(root)
    )
    return root


def _said(*arguments: object) -> str:
    done = CLI.invoke(app, list(map(str, arguments)), env={"COLUMNS": "160"})
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


def _asked(kept: Path, *arguments: object) -> str:
    return _said(*arguments, "-s", kept, "--as-of", "latest")


@pytest.mark.parametrize("command", ["compare", "attribution", "history", "note"])
def test_every_command_explains_itself_with_an_example(command: str) -> None:
    assert f"rpa-lab {command}" in _said(command, "--help").partition("Examples")[2]


def test_an_attribution_is_that_of_lab_sentence_first(kept: Path) -> None:
    shown = _asked(kept, "attribution", "order_entry")
    found = Lab(kept, as_of="latest").attribution("order_entry")

    assert shown.startswith(found.sentence.split(" because")[0])
    assert "“fetch order” takes" in shown
    assert "5 October to 1 November 2026 against 7 September to 4 October 2026 (UTC): parts of the change" in shown
    told = json.loads(_asked(kept, "attribution", "order_entry", "--json"))
    assert told == found.to_dict()
    assert sum(part["change_ms"] for part in told["parts"]) == pytest.approx(told["change_ms"], abs=1e-6)


def test_runs_are_told_apart_on_request(kept: Path) -> None:
    told = json.loads(_asked(kept, "attribution", "order_entry", "--by", "host", "--json"))

    assert sum(row["mix_ms"] + row["inner_ms"] for row in told["strata"]) == pytest.approx(told["change_ms"], abs=1e-6)
    assert "By host" in _asked(kept, "attribution", "order_entry", "--by", "host")


def test_versions_are_split_as_periods_are(kept: Path) -> None:
    lab = Lab(kept, as_of="latest")
    first, second = lab.executions("all", workflow_id="order_entry")["workflow_version"].unique().sort()[:2]
    arguments = ("attribution", "order_entry", "--versions", first, second, "--period", "56d")
    shown, told = _asked(kept, *arguments), json.loads(_asked(kept, *arguments, "--json"))

    assert shown.startswith(f"Runs of order_entry with version {second} take ")
    assert f"version {second} against {first}, " in shown
    assert "to 1 November 2026 (UTC): parts of the change" in shown
    assert told["compared_versions"] == [first, second]
    assert told == lab.attribution("order_entry", versions=(first, second), period="56d").to_dict()
    for refused, said in (
        (("--versions", first, second), "without a workflow"),
        (("--period", "7d"), "without versions"),
        (("order_entry", "--versions", first, second, "--baseline", "7d"), "baseline is '7d' beside versions"),
    ):
        done = CLI.invoke(app, ["attribution", *refused, "-s", str(kept), "--as-of", "latest"])
        assert said in str(done.exception)


def test_a_step_that_is_gone_is_told(tmp_path: Path) -> None:
    new = NewStep(workflow_id="order_entry", node_id="ask again", after="fetch order", median_ms=900, onset_day=14)
    fleet(28, 1, 7, end=date(2026, 11, 2), runs_per_day=20, faults=[new]).write(tmp_path)
    without, with_it = "2026-10-05/2026-10-19", "2026-10-19/2026-11-02"
    shown = _asked(tmp_path, "attribution", "order_entry", "--baseline", with_it, "--current", without)

    assert "“ask again” is gone" in shown


def test_what_the_table_calls_sure_is_what_the_sentence_does(tmp_path: Path) -> None:
    """Of few days a part may differ in these runs, and none is sure."""
    fleet(8, 1, 7, end=date(2026, 11, 2), runs_per_day=40, faults=[]).write(tmp_path)
    found = Lab(tmp_path, as_of="latest").attribution("order_entry", "4d", "4d")
    shown = _asked(tmp_path, "attribution", "order_entry", "--baseline", "4d", "--current", "4d")

    assert found.sure_parts.is_empty()
    assert ("in these runs" in shown.partition("parts of the change")[2]) == bool(found.parts["notable"].any())
    assert " yes " not in shown


def test_all_workflows_have_a_line_each(kept: Path) -> None:
    shown = _asked(kept, "attribution", "--baseline", "28d", "--current", "28d")
    told = json.loads(_asked(kept, "attribution", "--json"))

    assert told["table"][0]["workflow_id"] == "order_entry"
    assert len(told["table"]) == 2
    assert "fetch order: time" in shown
    refused = CLI.invoke(app, ["attribution", "--by", "host", "-s", str(kept)])
    assert isinstance(refused.exception, InputError)


def test_versions_and_periods_are_compared(kept: Path) -> None:
    versions = json.loads(_asked(kept, "compare", "--by", "version", "-w", "order_entry", "-p", "56d", "--json"))
    assert len(versions["groups"]) > 1
    assert {row["metric"] for row in versions["table"]} == set(versions["metrics"])

    weeks = ["2026-09-07/2026-10-05", "2026-10-05/2026-11-02"]
    arguments = ("compare", *weeks, "--by", "period", "-w", "order_entry", "-m", "avg of completed")
    shown = _asked(kept, *arguments)
    [before, after] = json.loads(_asked(kept, *arguments, "--json"))["table"]
    assert after["difference"] == pytest.approx(after["value"] - before["value"])
    assert "avg of completed" in shown
    assert f"Against {weeks[0]}" in shown


def test_a_group_that_does_not_exist_is_named_with_what_there_is(kept: Path) -> None:
    refused = CLI.invoke(app, ["compare", "order_entri", "invoice_processing", "-s", str(kept), "--as-of", "latest"])

    assert isinstance(refused.exception, UnknownNameError)
    assert "order_entry" in str(refused.exception)


def test_what_is_written_down_stands_in_the_history(kept: Path) -> None:
    told = _said(
        "note", "the portal moved", "-w", "order_entry", "--at", "2026-10-05", "-s", kept, "--tz", "Europe/Paris"
    )
    said, _, change_id = told.strip().rpartition(": ")

    assert said == "noted for order_entry at 2026-10-05 00:00 (Europe/Paris)"

    kept_change = TimeSeriesStore(kept).read("changes").filter(change_id=change_id).row(0, named=True)
    assert (kept_change["text"], kept_change["kind"]) == ("the portal moved", "note")
    assert kept_change["at"] == datetime(2026, 10, 4, 22, tzinfo=UTC)
    shown = _asked(kept, "history", "order_entry", "--period", "56d")
    asked = json.loads(_asked(kept, "history", "order_entry", "--period", "56d", "--json"))
    assert shown.startswith("The level of order_entry as a whole didn't move. fetch order in order_entry takes ")
    assert "the portal moved" in shown
    events: list[dict[str, Any]] = asked["events"]
    assert ("fetch order", "change point") in [(event["node_id"], event["kind"]) for event in events]
    assert "the portal moved" in [event["text"] for event in events]


def test_a_note_on_a_workflow_that_never_ran_is_kept_and_said(kept: Path) -> None:
    done = CLI.invoke(app, ["note", "to come", "-w", "next_year", "-s", str(kept)])

    assert done.exit_code == 0
    assert "no run of next_year is recorded so far" in done.stderr
    assert TimeSeriesStore(kept).read("changes").filter(text="to come").height == 1


def test_a_note_is_kept_where_nothing_ran_yet_and_that_is_said(tmp_path: Path) -> None:
    done = CLI.invoke(app, ["note", "robots are installed", "-s", str(tmp_path / "new")])

    assert done.stdout.startswith("noted for all workflows at ")
    assert "holds no run of any workflow so far" in done.stderr


def test_too_few_days_are_told_as_such(kept: Path) -> None:
    shown = _asked(kept, "history", "order_entry", "--period", "7d")

    assert shown.startswith("Of order_entry too few days are known to tell whether a level moved.")


def test_an_empty_period_is_told_as_such(kept: Path) -> None:
    shown = _said("history", "order_entry", "-s", kept, "--as-of", "2020-01-01")

    assert "No runs of order_entry in" in shown
