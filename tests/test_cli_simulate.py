"""`rpa-lab simulate` as its users run it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from rpa_lab import TimeSeriesStore
from rpa_lab.cli import app
from rpa_lab.errors import RpaLabError

_SMALL = ["--days", "4", "--workflows", "3", "--executions-per-day", "120", "--end", "2026-11-02", "--seed", "7"]


def _run(*words: str) -> Result:
    return CliRunner().invoke(app, ["simulate", *words])


def _unframed(done: Result) -> str:
    """What stands in the frame around an error, on one line."""
    return " ".join(done.output.replace("│", " ").split())


def test_a_fleet_is_in_the_store_and_the_truth_is_said(tmp_path: Path) -> None:
    store = tmp_path / "fleet"
    done = _run(
        *_SMALL, "--store", str(store), "--fault", "drift,workflow_id=order_entry,per_day=0.1", "--fault", "outage"
    )
    assert done.exit_code == 0, done.output
    read = TimeSeriesStore(store)
    assert f"{read.read('executions').height:,} executions, {read.read('steps').height:,} steps" in done.stdout
    assert "drift: 10 % of its time more a day; from 31 Oct 00:00 on; all runs\n      order_entry, " in done.stdout
    assert "outage: 100 % of the runs that reach the application; from " in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 130


def test_json_has_the_whole_truth(tmp_path: Path) -> None:
    done = _run(
        *_SMALL,
        "--store",
        str(tmp_path / "fleet"),
        "--faults",
        "all",
        "--workflows",
        "6",
        "--messy",
        "--resources",
        "--json",
    )
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    store = TimeSeriesStore(said["store"])
    assert said["rows"] == {table: store.read(table).height for table in said["rows"]}
    assert said["rows"]["resources"] > said["rows"]["steps"]
    assert len({row["fault"] for row in said["truth"]}) == 14
    assert {"onset", "size", "unit", "true_shift_ms"} <= set(said["truth"][0])
    assert (said["start"], said["end"]) == ("2026-10-29T00:00:00+00:00", "2026-11-02T00:00:00+00:00")


def test_the_same_again_changes_nothing_and_says_so(tmp_path: Path) -> None:
    store = tmp_path / "fleet"
    _run(*_SMALL, "--store", str(store), "--faults", "none")
    executions = TimeSeriesStore(store).read("executions")
    again = _run(*_SMALL, "--store", str(store), "--faults", "none")
    assert "Nothing new" in again.stdout
    assert "rows were in the store already" in again.stdout
    assert "No fault was planted." in again.stdout
    assert TimeSeriesStore(store).read("executions").equals(executions)


def test_another_fleet_in_the_same_store_is_said(tmp_path: Path) -> None:
    store = str(tmp_path / "fleet")
    first, again = (_run(*_SMALL, "--store", store) for _ in range(2))
    other = _run(*_SMALL, "--store", store, "--seed", "8")
    assert (first.stderr.strip(), again.stderr.strip()) == ("", "")
    assert "holds other simulated fleets too" in other.stderr


def test_executions_a_day_are_those_of_all_workflows(tmp_path: Path) -> None:
    done = _run(
        "--days", "14", "--workflows", "5", "-n", "300", "--end", "2026-10-19", "--store", str(tmp_path / "f"), "--json"
    )
    assert json.loads(done.stdout)["rows"]["executions"] / 14 == pytest.approx(300, rel=0.1)


def test_a_store_of_real_robots_is_left_alone(tmp_path: Path) -> None:
    root = tmp_path / "store"
    note = pl.DataFrame({"change_id": ["c"], "kind": ["note"], "at": [datetime(2026, 11, 2, tzinfo=UTC)]})
    TimeSeriesStore(root).write_frame("changes", note)
    done = _run(*_SMALL, "--store", str(root))
    assert done.exit_code == 2
    assert "holds something that was not simulated; name another folder" in _unframed(done)
    assert TimeSeriesStore(root).read("executions").height == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--faults", "some"], "expected none, demo, all, or a TOML"),
        (["--faults", "demo", "--fault", "drift"], "exclude each other"),
        (["--end", "tomorrow"], "expected a day such as 2026-11-02"),
    ],
)
def test_words_that_make_no_sense_are_refused(tmp_path: Path, words: list[str], said: str) -> None:
    done = _run(*_SMALL, "--store", str(tmp_path / "fleet"), *words)
    assert done.exit_code == 2
    assert said in _unframed(done)
    assert not (tmp_path / "fleet").exists()


@pytest.mark.parametrize(
    "words", [["--fault", "slow"], ["--days", "0"], ["--workflows", "0"], ["-n", "0"], ["--tz", "Mars"]]
)
def test_a_mistake_of_the_user_leaves_no_store_behind(tmp_path: Path, words: list[str]) -> None:
    done = _run(*_SMALL, "--store", str(tmp_path / "fleet"), *words)
    assert isinstance(done.exception, RpaLabError)
    assert not (tmp_path / "fleet").exists()
