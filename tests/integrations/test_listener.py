"""What the listener records live is what the importer reads afterwards from the same run's output.xml."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings

from rpa_lab.integrations.importing import import_files
from rpa_lab.integrations.robotframework import RobotFramework
from rpa_lab.storage.store import TimeSeriesStore
from tests.integrations.live import (
    ENVIRONMENT,
    FIXTURES,
    LISTENER,
    ROBOT,
    TZ,
    contents,
    expect_the_same,
    robot,
    rows,
    write,
)
from tests.strategies import robot_suites

TIDY = ["Tidy Up > Log"]
PACK = ["Pack > Log", "Pack > Should Not Be Equal", "Pack > Log"]
# Read off structures.robot by hand: the steps of some of its tests, in order.
TRUTH = {
    "Loops": [*PACK, "Log", "Evaluate", "Evaluate", *TIDY],
    "Try And Group": ["Fail", "Log", "Log", "No Operation", *TIDY],
    "Fails Early": ["Log", *PACK, *TIDY],
    "Setup Fails": ["Fail", *TIDY],
    "Teardown Fails": ["Log", "Run Keywords > Log", "Run Keywords > Fail"],
    "Skipped By Tag": [],
    "Skipped Inside": ["Log", "Skip", *TIDY],
    "Embedded": [
        'Ship "two parcels" to Oslo \\> Bergen > Log',
        "Given nothing is there > No Operation",
        *TIDY,
    ],
    "Flattened": ["Flat", "Log", *TIDY],
    "Empty Keywords": ["Run Keyword And Ignore Error > Nothing", *TIDY],
    "Return At Top": TIDY,
}


@pytest.fixture(scope="module")
def structures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("structures")
    done = robot(folder, FIXTURES / "structures.robot", said=":robot_id=r7")
    assert "rpa_lab" not in done.stderr
    assert "[ ERROR ]" not in done.stderr
    return folder


def test_the_sample_gives_the_same_rows_live_as_imported_afterwards(invoices: Path) -> None:
    done, executions, _ = expect_the_same(invoices / "live", invoices / "output.xml")
    assert done.executions_by_status == {"completed": 6, "failed": 1, "cancelled": 1}
    assert {json.loads(context)["rpa"] for context in executions["context"]} == {True}


def test_what_was_listened_to_and_imported_counts_once(invoices: Path) -> None:
    before = contents(invoices / "live")
    done = import_files(RobotFramework(), [invoices / "output.xml"], TimeSeriesStore(invoices / "live"), tz=TZ)
    assert done.already_there == done.executions == 8
    assert contents(invoices / "live") == before


def test_all_that_a_test_may_hold_is_the_same_live_as_imported(structures: Path) -> None:
    _, executions, steps = expect_the_same(structures / "live", structures / "output.xml")
    got = {
        workflow.partition(".")[2]: steps.filter(execution_id=identity)["node_id"].to_list()
        for identity, workflow in executions.select("execution_id", "workflow_id").iter_rows()
    }
    assert {name: got[name] for name in TRUTH} == TRUTH
    changed = executions.row(by_predicate=pl.col("workflow_id") == "Structures.Changes Itself", named=True)
    assert json.loads(changed["end_context"]) == {
        "tags": ["new", "nightly", "zeta", "Ünïcode tag"],
        "documentation": "After.",
        "message": "all well",
    }
    assert executions.filter(workflow_id="Structures.Twice").height == 2


def test_who_ran_it_is_what_the_settings_say(structures: Path) -> None:
    assert TimeSeriesStore(structures / "live").read("executions")["robot_id"].unique().to_list() == ["r7"]


def test_suite_teardowns_that_fail_correct_what_was_recorded_of_their_tests(tmp_path: Path) -> None:
    robot(tmp_path, FIXTURES / "closing")
    done, executions, _ = expect_the_same(tmp_path / "live", tmp_path / "output.xml")
    assert done.executions_by_status == {"failed": 4, "cancelled": 4}
    good = executions.row(by_predicate=pl.col("workflow_id") == "A.Good", named=True)
    assert good["error_message"] == (
        "Parent suite teardown failed:\nthe inner one fails\n\nAlso parent suite teardown failed:\nthe outer one\nfails"
    )
    assert (good["steps_total"], good["steps_completed"]) == (1, 1)


def test_full_names_are_the_importers(tmp_path: Path) -> None:
    write(tmp_path / "tests" / "orders", {"ship.robot": "*** Test Cases ***\nGo\n    Log    1\n"})
    robot(tmp_path, str(tmp_path / "tests"), said=":full_names=yes:workflow_version=1.4")
    executions = TimeSeriesStore(tmp_path / "live").read("executions")
    assert executions.select("workflow_id", "workflow_version").row(0) == ("Tests.Orders.Ship.Go", "1.4")
    imported = TimeSeriesStore(tmp_path / "imported")
    import_files(RobotFramework(full_names=True), [tmp_path / "output.xml"], imported, tz=TZ)
    assert rows(tmp_path / "imported", "steps").equals(rows(tmp_path / "live", "steps"))


FOREIGN = """
from robot.libraries.BuiltIn import BuiltIn

class Foreign:
    def start_test(self, data, result):
        BuiltIn().run_keyword("Log", "before all others")

    def end_keyword(self, data, result):
        if result.args and result.args[0] == "tolerated":
            result.status = "PASS"

    def end_test(self, data, result):
        BuiltIn().run_keyword("Log", "after all others")
        result.tags.add("seen")
        if result.name == "Good":
            result.status, result.message = "FAIL", "the listener says so"
"""


@pytest.mark.parametrize("first", [True, False])
def test_what_other_listeners_run_and_change_is_recorded_as_it_is_written(first: bool, tmp_path: Path) -> None:
    suite = "*** Test Cases ***\nGood\n    Log    1\nTolerant\n    Fail    tolerated\n    Log    2\n"
    write(tmp_path, {"one.robot": suite, "Foreign.py": FOREIGN})
    foreign, ours = str(tmp_path / "Foreign.py"), f"{LISTENER}:{tmp_path / 'live'}"
    listeners = ["--listener", foreign, "--listener", ours] if first else ["--listener", ours, "--listener", foreign]
    command = [sys.executable, "-B", "-m", "robot", "--outputdir", str(tmp_path), "--log", "NONE", "--report", "NONE"]
    subprocess.run(
        [*command, *listeners, str(tmp_path / "one.robot")], env=ENVIRONMENT, capture_output=True, check=False
    )
    done, executions, steps = expect_the_same(tmp_path / "live", tmp_path / "output.xml")
    assert done.executions_by_status == {"failed": 1, "completed": 1}
    assert executions.filter(workflow_id="One.Good")["error_message"].to_list() == ["the listener says so"]
    assert steps.filter(workflow_id="One.Good")["target_element"].to_list() == [
        "before all others",
        "1",
        "after all others",
    ]


def test_a_library_may_bring_the_listener(tmp_path: Path) -> None:
    library = f"""
from rpa_lab.integrations.robotframework import Listener

class Recorded:
    ROBOT_LIBRARY_SCOPE = "GLOBAL"
    ROBOT_LIBRARY_LISTENER = Listener({str(tmp_path / "live")!r})

    def do_it(self):
        pass
"""
    suite = "*** Settings ***\nLibrary    ../Recorded.py\n*** Test Cases ***\nOne\n    Do It\n    Log    1\n"
    write(tmp_path, {"Recorded.py": library, "work/a.robot": suite, "work/b.robot": suite})
    subprocess.run([*ROBOT, str(tmp_path), str(tmp_path / "work")], env=ENVIRONMENT, capture_output=True, check=True)
    done, _, _ = expect_the_same(tmp_path / "live", tmp_path / "output.xml")
    assert (done.executions, done.steps) == (2, 4)


def test_the_two_hours_when_the_clock_goes_back_are_told_apart() -> None:
    code = """
from datetime import datetime
from robot.result import Keyword, TestCase
from rpa_lab.integrations.robot_model import end_of, start_of, step_row
for fold in (0, 1):
    start = datetime(2026, 10, 25, 2, 59, 59, fold=fold)
    keyword = Keyword("Log", status="PASS", start_time=start, elapsed_time=2)
    row = step_row(keyword, "Log", execution={"execution_id": "e", "workflow_id": "w"}, index=0, local=True)
    test = TestCase("Go", status="PASS", start_time=start, elapsed_time=2)
    begun = start_of(test, ("S",), identity="e", local=True)
    end = end_of(test, started_at=begun["started_at"])
    times = row["started_at"], row["completed_at"], begun["started_at"], end["completed_at"]
    print(*(at.timestamp() for at in times))
"""
    env = ENVIRONMENT | {"TZ": "Europe/Berlin"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    first = datetime(2026, 10, 25, 0, 59, 59, tzinfo=UTC)
    for line, start in zip(done.stdout.splitlines(), (first, first + timedelta(hours=1)), strict=True):
        said = [datetime.fromtimestamp(float(word), UTC) for word in line.split()]
        assert said == [start, start + timedelta(seconds=2)] * 2


class Robots:
    """A process that runs suites one after the other: starting one for each would take most of the time."""

    CODE = """
import sys, robot
for line in sys.stdin:
    suite, store, output = line.rstrip("\\n").split("\\t")
    with open(output + ".said", "w", encoding="utf-8") as said:
        robot.run(suite, listener=f"LISTENER:{store}", output=output, log=None, report=None, stdout=said, stderr=said)
    print("done", flush=True)
"""

    def __init__(self, folder: Path) -> None:
        self.folder = write(folder, {"Relay.py": (FIXTURES / "Relay.py").read_text(encoding="utf-8")})
        self.count = 0
        code = self.CODE.replace("LISTENER", LISTENER)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen([sys.executable, "-c", code], env=ENVIRONMENT, text=True, **pipes)  # type: ignore[call-overload]

    def run(self, suite: str) -> tuple[Path, Path, str]:
        """Runs a suite; where its store and output are, and what robot said."""
        self.count += 1
        name = f"s{self.count}"
        write(self.folder, {f"{name}.robot": suite})
        store, output = self.folder / name, self.folder / f"{name}.xml"
        to: IO[str] = self.process.stdin
        to.write(f"{self.folder / name}.robot\t{store}\t{output}\n")
        to.flush()
        assert self.process.stdout.readline() == "done\n"
        return store, output, Path(f"{output}.said").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def robots(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Robots]:
    robots = Robots(tmp_path_factory.mktemp("robots"))
    yield robots
    robots.process.stdin.close()
    assert robots.process.wait(timeout=30) == 0
    robots.process.stdout.close()


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(suite=robot_suites())
def test_any_suite_gives_the_same_rows_live_as_imported(robots: Robots, suite: str) -> None:
    store, output, said = robots.run(suite)
    assert "rpa_lab" not in said
    expect_the_same(store, output)
