"""The listener in real processes: killed, stopped, run in parallel or twice, ill configured, on a broken disk."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from robot.errors import DataError

from rpa_lab.errors import InputError, SourceError
from rpa_lab.integrations.importing import import_files
from rpa_lab.integrations.robot_settings import listener_settings
from rpa_lab.integrations.robotframework import Listener, RobotFramework
from rpa_lab.storage.store import TimeSeriesStore
from tests.integrations.live import ENVIRONMENT, INVOICES, LISTENER, TZ, command, expect_the_same, robot, rows, write


def test_nothing_that_analysts_need_is_loaded_into_the_robot(tmp_path: Path) -> None:
    suite = "*** Test Cases ***\nOne\n    Log    1\n"
    write(tmp_path, {"one.robot": suite})
    code = f"""
import sys, robot
robot.run({str(tmp_path / "one.robot")!r}, listener="{LISTENER}:{tmp_path / "live"}", outputdir={str(tmp_path)!r})
print(sorted({{"polars", "scipy", "altair", "pyarrow"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "['pyarrow']"  # by which it was written
    assert rows(tmp_path / "live", "executions").height == 1


KILLS_ITSELF = """
import os, signal, time
from pathlib import Path
from pyarrow.parquet import read_metadata

def die_once_written(store, steps):
    until = time.monotonic() + 30
    while time.monotonic() < until:
        fragments = Path(store).glob("_journal/steps/*/f-*.parquet")
        if sum(read_metadata(fragment).num_rows for fragment in fragments) >= int(steps):
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.02)
"""


def test_a_killed_robot_leaves_the_steps_before_and_an_execution_that_runs(tmp_path: Path) -> None:
    suite = """
*** Settings ***
Library    Dies.py
*** Test Cases ***
Before
    Log    1
Dies
    Log    1
    Outer
*** Keywords ***
Outer
    Log    2
    Die Once Written    %s    3
"""
    write(tmp_path, {"dies.robot": suite % (tmp_path / "live"), "Dies.py": KILLS_ITSELF})
    done = robot(tmp_path, tmp_path / "dies.robot", said=":flush_interval_sec=0.05")
    assert done.returncode == -signal.SIGKILL
    executions, steps = rows(tmp_path / "live", "executions"), rows(tmp_path / "live", "steps")
    assert dict(executions.select("workflow_id", "status").iter_rows()) == {
        "Dies.Before": "completed",
        "Dies.Dies": "running",
    }
    assert steps.filter(workflow_id="Dies.Dies")["node_id"].to_list() == ["Log", "Outer > Log"]
    assert steps.filter(workflow_id="Dies.Before").height == 1
    with pytest.raises(SourceError, match=r"is empty|is no complete XML"):  # this run is known from the listener only
        import_files(RobotFramework(), [tmp_path / "output.xml"], TimeSeriesStore(tmp_path / "other"), tz=TZ)


def test_a_robot_stopped_by_hand_is_recorded_to_its_end(tmp_path: Path) -> None:
    suite = """
*** Test Cases ***
Interrupted
    Log    1
    Evaluate    pathlib.Path(r"%s").touch()
    Sleep    20s
    [Teardown]    Log    closed
Never Run
    Log    never
"""
    ready = tmp_path / "ready"
    write(tmp_path, {"stop.robot": suite % ready})
    process = subprocess.Popen(
        command(tmp_path, tmp_path / "stop.robot"), env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    until = time.monotonic() + 30
    while not ready.exists() and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    done, _, steps = expect_the_same(tmp_path / "live", tmp_path / "output.xml")
    assert done.executions_by_status == {"failed": 2}
    stopped = [("Log", "completed"), ("Evaluate", "completed"), ("Sleep", "failed"), ("Log", "completed")]
    assert steps.select("node_id", "status").rows() == stopped


def test_a_dry_run_records_nothing(tmp_path: Path) -> None:
    done = robot(tmp_path, "--dryrun", INVOICES)
    assert done.returncode == 0
    assert "8 tasks, 8 passed" in done.stdout
    assert not (tmp_path / "live").exists()


@pytest.mark.parametrize("said", [":robot_id=r7:colour=red", ":colour=red"])
def test_a_wrong_setting_is_one_clear_error_and_the_robot_runs(said: str, tmp_path: Path) -> None:
    write(tmp_path, {"one.robot": "*** Test Cases ***\nOne\n    Log    1\n"})
    done = robot(tmp_path, tmp_path / "one.robot", said=said)
    assert done.returncode == 0
    assert "1 test, 1 passed" in done.stdout
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("[ ERROR ] Taking listener")
    assert "'colour=red' is no setting of the listener, expected full_names=yes" in line
    assert not (tmp_path / "live").exists()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (["robot_id="], "robot_id is empty, expected a text"),
        (["resources=perhaps"], "resources is 'perhaps', expected yes or no"),
        (["flush_interval_sec=-1"], "flush_interval_sec is '-1', expected a positive number of seconds"),
        (["flush_interval_sec=soon"], "flush_interval_sec is 'soon', expected a positive number of seconds"),
        (["full_names=yes", "full_names=no"], "full_names is given twice, expected it once"),
        (["robot_id"], "'robot_id' is no setting of the listener"),
        (["store=x"], "'store=x' is no setting of the listener"),
    ],
)
def test_a_setting_says_what_was_expected_of_it(said: list[str], expected: str, root: Path) -> None:
    with pytest.raises(InputError, match=re.escape(expected)):
        listener_settings(root, said)


def test_settings_are_read_whatever_robot_splits_them_at(tmp_path: Path) -> None:
    named = listener_settings("C", ["\\robots\\store", "robot_id=r7", "full_names=ON", "resources=0"])
    assert str(named.store).endswith("C:\\robots\\store")
    assert (named.robot_id, named.full_names, named.resources, named.flush_interval_sec) == ("r7", True, False, 5.0)
    equals = tmp_path / "a=b"
    assert listener_settings(str(equals)).store == equals
    for store in ("", " ", None):
        with pytest.raises(InputError, match="expected the folder of the store"):
            listener_settings(store)


def test_an_older_robot_framework_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    monkeypatch.setattr("robot.version.VERSION", "6.1.1")  # what that version would say of itself
    with pytest.raises(DataError) as caught:
        Listener(root)
    assert str(caught.value) == (
        "Robot Framework 6.1.1 is installed, but only from 7 on it tells listeners of the keywords that they run; "
        "import its output.xml afterwards instead: rpa-lab import robotframework output.xml"
    )


def test_a_store_that_can_t_be_written_is_said_and_the_robot_runs(tmp_path: Path) -> None:
    (tmp_path / "live").write_text("a file where the store should be", encoding="utf-8")
    suite = "*** Test Cases ***\n" + "".join(f"Test {n}\n    Sleep    0.1s\n" for n in range(5))
    write(tmp_path, {"one.robot": suite})
    done = robot(tmp_path, tmp_path / "one.robot", said=":flush_interval_sec=0.05")
    assert done.returncode == 0
    assert "5 tests, 5 passed" in done.stdout
    first, last = done.stderr.splitlines()
    assert first.startswith(f"rpa_lab: can't write to {tmp_path / 'live'}: ")  # said by another thread than robot's own
    assert last == f"rpa_lab: 15 of 15 records are not in {tmp_path / 'live'}"


def test_resources_are_sampled_where_asked_for(tmp_path: Path) -> None:
    write(tmp_path, {"one.robot": "*** Test Cases ***\nOne\n    Sleep    0.3s\nTwo\n    Log    2\n"})
    robot(tmp_path, tmp_path / "one.robot", said=":resources=yes:host=vm-7")
    store = TimeSeriesStore(tmp_path / "live")
    sampled = store.read("resources").group_by("execution_id").len()
    assert set(sampled["execution_id"]) == set(store.read("executions")["execution_id"])
    assert (sampled["len"] >= 2).all()  # at the start and at the end
    assert store.read("resources")["host"].unique().to_list() == ["vm-7"]
    expect_the_same(tmp_path / "live", tmp_path / "output.xml")


def test_trouble_inside_the_listener_is_said_once_and_never_raised(
    root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    listener = Listener(root)
    for _ in range(3):
        listener.start_test(None, object())
        listener.start_keyword(None, object())
        listener.end_keyword(None, object())
        listener.start_body_item(None, object())
        listener.end_body_item(None, object())
        listener.end_test(None, object())
        listener.end_suite(None, object())
    listener.close()
    said = capfd.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("rpa_lab: AttributeError: ")


def test_two_runs_in_one_process_are_two_runs_with_a_listener_each_or_the_same(tmp_path: Path) -> None:
    write(tmp_path, {"one.robot": "*** Test Cases ***\nOne\n    Log    1\n"})
    code = f"""
import robot
from rpa_lab.integrations.robotframework import Listener
listener = Listener({str(tmp_path / "live")!r})
for name in ("a", "b"):
    robot.run({str(tmp_path / "one.robot")!r}, listener=listener, outputdir={str(tmp_path)!r}, output=name)
for name in ("c", "d"):
    robot.run({str(tmp_path / "one.robot")!r}, listener="{LISTENER}:{tmp_path / "live"}", outputdir={str(tmp_path)!r},
              output=name)
"""
    subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    store = TimeSeriesStore(tmp_path / "live")
    assert store.read("executions")["status"].to_list() == ["completed"] * 4
    assert store.read("resources").is_empty()  # nobody asked for them
    outputs = [tmp_path / f"{name}.xml" for name in "abcd"]
    assert import_files(RobotFramework(), outputs, store, tz=TZ).already_there == 4


def test_parallel_robots_whose_outputs_are_merged_count_once(tmp_path: Path) -> None:
    suites = {
        f"{name}.robot": f"*** Test Cases ***\nGo\n    Log    {name}\nCome\n    Log    {name}\n" for name in "xyz"
    }
    write(tmp_path / "work", suites)
    running = [
        subprocess.Popen(
            command(tmp_path, "--suite", f"Work.{name}", "--output", f"{name}.xml", tmp_path / "work"),
            env=ENVIRONMENT,
            stdout=subprocess.DEVNULL,
        )
        for name in "xyz"
    ]
    assert [process.wait(timeout=60) for process in running] == [0, 0, 0]
    merged = tmp_path / "merged.xml"
    rebot = [
        sys.executable,
        "-m",
        "robot.rebot",
        "--merge",
        "--output",
        str(merged),
        "--log",
        "NONE",
        "--report",
        "NONE",
    ]
    subprocess.run([*rebot, *(str(tmp_path / f"{name}.xml") for name in "xyz")], capture_output=True, check=True)
    assert [merged.read_bytes().count(b'<suite id="s1-s%d"' % n) for n in (1, 2, 3)] == [1, 1, 1]
    store = TimeSeriesStore(tmp_path / "live")
    assert import_files(RobotFramework(), [merged], store, tz=TZ).already_there == 6
    assert store.read("executions").height == 6
