from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from robot.api import ExecutionResult, ResultVisitor

from rpa_lab.integrations.importing import import_files
from rpa_lab.integrations.robot_model import execution_id
from rpa_lab.integrations.robotframework import RobotFramework
from rpa_lab.integrations.source import Source
from rpa_lab.storage.store import TimeSeriesStore
from tests.integrations.outputs import FIXTURES, OUTPUTS, STATUS, columns, parsed

# Read off the three suites by hand: workflow -> status and, in order, the steps that ran.
PACK = ("Pack > Log", "Pack > Sleep", "Pack > Log")
TIDY_UP = ("Tidy Up > Log", "Tidy Up > Log")
BASIC = {
    "Basic.Ship Parcels": (
        "completed",
        ["Log", *PACK, "No Operation", *PACK, "Log", *TIDY_UP],
    ),
    "Basic.Refuse Late Order": (
        "failed",
        ["Log", "Check Deadline > Should Be Equal", *TIDY_UP],
    ),
    "Basic.Skip Holiday": ("cancelled", ["Log", "Skip", *TIDY_UP]),
    "Basic.Survive Error": (
        "completed",
        ["Log", "Run Keyword And Ignore Error > Check Deadline > Should Be Equal", "Log Many", *TIDY_UP],
    ),
}
STRUCTURES = {
    "Structures.Try Again": ("completed", ["Fail", "Log", "Log"]),
    "Structures.Count Down": (
        "completed",
        ["Set Variable", "Next > Evaluate", "Next > Evaluate", "Log", "Next > Evaluate"],
    ),
}
NEWEST = {
    "Newest.Group Steps": ("completed", ["Log", "With Setup > Log", "With Setup > Log", "With Setup > Log"]),
    "Newest.Only Control": ("completed", []),
}
TRUTH = {"4.1": BASIC, "6.1": BASIC | STRUCTURES, "7.5": BASIC | STRUCTURES | NEWEST}


def robots_own(path: Path) -> dict[str, tuple[str, float, list[tuple[str, str, float]]]]:
    """By long name: status, milliseconds, and the keywords without inner ones that ran, by Robot's own visitor."""
    found: dict[str, tuple[str, float, list[tuple[str, str, float]]]] = {}

    class Visitor(ResultVisitor):  # type: ignore[misc]
        def __init__(self) -> None:
            self.parents: list[Any] = []
            self.inner: Counter[int] = Counter()
            self.done: list[tuple[str, str, float]] = []

        def start_test(self, test: Any) -> None:
            self.done = []

        def end_test(self, test: Any) -> None:
            found[test.full_name] = (test.status, test.elapsed_time.total_seconds() * 1000, list(self.done))

        def start_body_item(self, item: Any) -> None:
            if self.parents:
                self.inner[id(self.parents[-1])] += 1
            self.parents.append(item)

        def end_body_item(self, item: Any) -> None:
            self.parents.pop()

        def end_keyword(self, item: Any) -> None:
            self.end_body_item(item)
            if not self.inner[id(item)] and item.status != "NOT RUN":
                self.done.append((item.name, item.status, item.elapsed_time.total_seconds() * 1000))

        def visit_message(self, message: Any) -> None:
            pass

    ExecutionResult(path).suite.visit(Visitor())
    return found


def matches_robots_own(path: Path) -> tuple[Counter[str], Counter[str]]:
    executions, steps, _ = parsed(path, full_names=True)
    words = {"PASS": "completed", "FAIL": "failed", "SKIP": "cancelled"}
    by_execution: dict[str, list[tuple[str, str, float]]] = defaultdict(list)
    said_of_steps = steps.select("execution_id", "action_type", "status", "duration_ms")
    for identity, name, status, duration_ms in said_of_steps.iter_rows():
        by_execution[identity].append((name, status, duration_ms))
    own = robots_own(path)
    said = executions.select("execution_id", "workflow_id", "status", "duration_ms", "steps_total", "steps_failed")
    assert executions.height == len(own)
    for identity, workflow, status, duration_ms, total, failed in said.iter_rows():
        own_status, own_ms, own_steps = own[workflow]
        assert (status, duration_ms) == (words[own_status], pytest.approx(own_ms, abs=1e-6))
        got = by_execution[identity]
        assert [(name, said_so) for name, said_so, _ in got] == [
            (name, (words | {"SKIP": "skipped"})[said_so]) for name, said_so, _ in own_steps
        ]
        assert [ms for *_, ms in got] == pytest.approx([ms for *_, ms in own_steps], abs=1e-6)
        assert (total, failed) == (len(own_steps), sum(said_so == "FAIL" for _, said_so, _ in own_steps))
    return Counter(executions["status"]), Counter(steps["status"])


def test_the_shared_outputs_give_robots_own_counts_and_elapsed_times(shared_data: Path, root: Path) -> None:
    files = sorted((shared_data / "robotframework").glob("*.xml"))
    statuses: Counter[str] = Counter()
    steps: Counter[str] = Counter()
    for file in files:
        of_executions, of_steps = matches_robots_own(file)
        statuses += of_executions
        steps += of_steps
    assert statuses == {"completed": 1552, "failed": 148, "cancelled": 11}
    assert steps.total() == 8637
    store = TimeSeriesStore(root)
    done = import_files(RobotFramework(), files, store)
    assert (done.executions, done.executions_by_status, done.steps) == (1711, statuses, 8637)
    assert done.steps_by_status == steps
    assert (store.read("executions").height, store.read("steps").height) == (1711, 8637)
    assert done.corrected == 0


@pytest.mark.parametrize("version", TRUTH)
def test_each_supported_version_gives_the_steps_that_a_reader_of_the_suite_expects(version: str) -> None:
    executions, steps, left_out = parsed(FIXTURES / f"robot-{version}.xml")
    got = {
        workflow: (status, steps.filter(execution_id=identity)["node_id"].to_list())
        for identity, workflow, status in executions.select("execution_id", "workflow_id", "status").iter_rows()
    }
    assert got == TRUTH[version]
    assert left_out["steps of suite setups and teardowns"] == 3
    assert left_out["steps not run"] == (3 if version == "4.1" else 6)


@pytest.mark.parametrize("path", OUTPUTS, ids=lambda path: path.stem)
def test_elapsed_times_are_robots_own_whatever_the_version(path: Path) -> None:
    matches_robots_own(path)


@pytest.mark.parametrize("path", OUTPUTS, ids=lambda path: path.stem)
def test_a_row_says_all_that_the_output_says(path: Path) -> None:
    executions, steps, _ = parsed(path)
    failed = executions.row(by_predicate=pl.col("workflow_id") == "Basic.Refuse Late Order", named=True)
    assert failed["error_message"] == "the order is late"
    shipped = executions.row(by_predicate=pl.col("workflow_id") == "Basic.Ship Parcels", named=True)
    context = json.loads(shipped["context"])
    end_context = json.loads(shipped["end_context"])
    assert (context["suite"], context["long_name"].rpartition(".")[2]) == ("Basic", "Ship Parcels")
    assert sorted(end_context["tags"]) == ["nightly", "shipping"]
    assert end_context["documentation"] == "A loop over user keywords, with a branch that runs and one that does not."
    assert context["generator"].startswith(f"Robot {path.stem.removeprefix('robot-')}")
    assert shipped["completed_at"] - shipped["started_at"] == timedelta(milliseconds=shipped["duration_ms"])
    skipped = executions.row(by_predicate=pl.col("workflow_id") == "Basic.Skip Holiday", named=True)
    assert skipped["error_message"] is None
    assert json.loads(skipped["end_context"])["message"] == "the shop is closed"
    late = steps.filter(execution_id=failed["execution_id"], status="failed").row(0, named=True)
    assert (late["action_type"], late["application"], late["target_element"]) == (
        "Should Be Equal",
        "BuiltIn",
        "${order}",
    )
    assert late["error_details"] == "the order is late"
    assert steps.filter(node_id="Log Many")["target_element"].item() == "a > b"
    assert not [text for text in steps.drop_nulls("error_details")["status"] if text != "failed"]
    for identity in executions["execution_id"]:
        of_execution = steps.filter(execution_id=identity)
        assert of_execution["step_index"].to_list() == list(range(of_execution.height))


def test_no_machine_path_is_in_any_row() -> None:
    for path in OUTPUTS:
        executions, steps, _ = parsed(path)
        for frame in (executions, steps):
            for name in (name for name, kind in frame.schema.items() if kind == pl.String):
                assert not frame[name].drop_nulls().str.contains("fixtures/").any()


def test_a_run_has_one_identity_whatever_wrote_its_output_down(tmp_path: Path) -> None:
    legacy = tmp_path / "legacy.xml"
    call = [sys.executable, "-m", "robot.rebot", "--legacyoutput", "--output", str(legacy), "--log", "NONE"]
    subprocess.run([*call, "--report", "NONE", str(FIXTURES / "robot-7.5.xml")], capture_output=True, check=False)
    assert b"starttime=" in legacy.read_bytes()
    before, _, _ = parsed(FIXTURES / "robot-7.5.xml")
    after, _, _ = parsed(legacy)
    assert before["execution_id"].to_list() == after["execution_id"].to_list()
    assert before["execution_id"].n_unique() == before.height


def test_identity_depends_on_names_and_start_and_not_on_the_place_among_the_tests(tmp_path: Path) -> None:
    at = datetime(2026, 11, 3, 8, tzinfo=UTC)
    first = execution_id(("A",), "b", start=at)
    others = [
        execution_id(("A",), "c", start=at),
        execution_id(("B",), "b", start=at),
        execution_id(("A",), "b", start=at + timedelta(milliseconds=1)),
        execution_id(("A",), "b", start=at, nth=1),
    ]
    assert len({first, *others}) == 5
    part = tmp_path / "part.xml"
    call = [sys.executable, "-m", "robot.rebot", "--test", "Survive Error", "--output", str(part), "--log", "NONE"]
    subprocess.run([*call, "--report", "NONE", str(OUTPUTS[2])], check=False)
    whole, _, _ = parsed(OUTPUTS[2])
    alone, _, _ = parsed(part)
    assert json.loads(alone["context"].item())["test_id"] == "s1-s1-t1"
    assert json.loads(whole.filter(workflow_id="Basic.Survive Error")["context"].item())["test_id"] != "s1-s1-t1"
    assert alone["execution_id"].item() == whole.filter(workflow_id="Basic.Survive Error")["execution_id"].item()


def test_two_runs_of_one_name_in_one_millisecond_are_two_executions() -> None:
    run = '<test name="Go"><status status="SKIP" start="2026-11-03T08:00:00.{}" elapsed="0"/></test>'
    runs = "".join(run.format(micros) for micros in ("000100", "000400", "002000"))
    text = f'<robot schemaversion="5"><suite name="S">{runs}</suite></robot>'
    rows = columns(RobotFramework().parse(Source(path=Path("o.xml"), content=text.encode())), "executions")
    assert rows["workflow_id"] == ["S.Go"] * 3
    assert len(set(rows["execution_id"])) == 3


@pytest.mark.parametrize(
    ("suites", "full_names", "expected"),
    [
        (("Tests", "Orders"), False, "Orders.Ship"),
        (("Orders",), False, "Orders.Ship"),
        (("Tests", "Orders"), True, "Tests.Orders.Ship"),
        (("/home/me/robots/orders.robot",), False, "orders.Ship"),
        (("C:\\robots\\orders",), True, "orders.Ship"),
        (("Input/Output",), False, "Input/Output.Ship"),
    ],
)
def test_workflows_are_named_by_suite_and_test_and_never_by_a_path(
    suites: tuple[str, ...], full_names: bool, expected: str
) -> None:
    text = '<test name="Ship"><status status="PASS" start="2026-11-03T08:00:00" elapsed="1"/></test>'
    for suite in reversed(suites):
        text = f'<suite name="{suite}" source="/home/me/secret.robot">{text}</suite>'
    source = Source(path=Path("output.xml"), content=f'<robot schemaversion="5">{text}</robot>'.encode())
    rows = columns(RobotFramework(full_names=full_names).parse(source), "executions")
    assert rows["workflow_id"] == [expected]
    assert not any("/home" in str(value) or "C:" in str(value) for values in rows.values() for value in values)


def test_two_suites_of_one_name_are_one_workflow_and_the_result_says_so() -> None:
    run = '<test name="Go"><status status="PASS" start="2026-11-03T08:00:00" elapsed="1"/></test>'
    inner = f'<suite name="Login">{run}</suite>'
    text = f'<robot><suite name="R"><suite name="A">{inner}</suite><suite name="B">{inner}</suite></suite></robot>'
    source = Source(path=Path("output.xml"), content=text.encode())
    assert RobotFramework().parse(source).warnings == (
        "the runs of R.A.Login and R.B.Login are counted as one workflow, Login.Go; full_names keeps them apart",
    )
    assert RobotFramework(full_names=True).parse(source).warnings == ()


def test_loops_of_robot_framework_3_are_looked_into() -> None:
    when = 'starttime="20200101 10:00:00.000" endtime="20200101 10:00:00.250"'
    turn = f'<kw name="${{x}} = 1" type="foritem"><kw name="Log" library="BuiltIn"><arguments><arg>1</arg></arguments>\
<status status="PASS" {when}/></kw><status status="PASS" {when}/></kw>'
    text = f'<robot generator="Robot 3.1.2"><suite name="S"><test name="T"><kw name="${{x}} IN [ 1 ]" type="for">{turn}\
{turn}<status status="PASS" {when}/></kw><status status="PASS" {when}/></test></suite></robot>'
    steps = columns(RobotFramework().parse(Source(path=Path("o.xml"), content=text.encode())), "steps")
    assert (steps["node_id"], steps["duration_ms"]) == (["Log", "Log"], [250.0, 250.0])


def test_tasks_and_steps_without_a_time_are_left_out_and_counted() -> None:
    untimed = '<kw name="Log"><status status="PASS" starttime="N/A" endtime="N/A"/></kw>'
    when = 'starttime="20200101 10:00:00.000" endtime="20200101 10:00:00.250"'
    text = f'<robot><suite name="S"><test name="T">{untimed}<status status="PASS" {when}/></test><test name="U">\
<status status="PASS" starttime="N/A" endtime="N/A"/></test></suite></robot>'
    rows = RobotFramework().parse(Source(path=Path("o.xml"), content=text.encode()))
    assert columns(rows, "executions")["workflow_id"] == ["S.T"]
    assert rows.left_out == {"tasks without a start time": 1, "steps without a start time": 1}


def test_tests_without_any_step_are_imported(tmp_path: Path, root: Path) -> None:
    path = tmp_path / "output.xml"
    path.write_text(f'<robot><suite name="S"><test name="T">{STATUS}</test></suite></robot>', encoding="utf-8")
    done = import_files(RobotFramework(), [path], TimeSeriesStore(root))
    assert (done.executions, done.steps, done.executions_by_status) == (1, 0, {"completed": 1})
    path.write_text('<robot><suite name="S"/></robot>', encoding="utf-8")
    empty = import_files(RobotFramework(), [path], TimeSeriesStore(root))
    assert (empty.executions, empty.warnings) == (0, ("holds no test or task that was run",))


def test_times_are_read_in_the_given_zone_and_twice_is_once(root: Path) -> None:
    store = TimeSeriesStore(root)
    utc = import_files(RobotFramework(), [OUTPUTS[0]], store, tz="UTC")
    again = import_files(RobotFramework(), OUTPUTS, store, tz="UTC")
    assert (utc.already_there, again.already_there) == (0, utc.executions)
    started = store.read("executions", workflow_id="Basic.Ship Parcels")["started_at"].min()
    shifted = TimeSeriesStore(root.parent / "paris")
    import_files(RobotFramework(), OUTPUTS, shifted, tz="Europe/Paris")
    assert isinstance(started, datetime)
    first = shifted.read("executions", workflow_id="Basic.Ship Parcels")["started_at"].min()
    assert first == started - timedelta(hours=1)
    assert started.astimezone(UTC).date() == datetime(2026, 11, 24, tzinfo=UTC).date()


def test_loading_the_importer_loads_no_polars() -> None:
    code = "import sys, rpa_lab.integrations.robotframework; print(sorted({'polars', 'robot'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_secret_that_a_limit_would_cut_in_two_is_out(tmp_path: Path) -> None:
    message = "x" * 3_980 + " https://bot:hunter2SECRET0hunter2SECRET0@erp.example/login failed " + "y" * 100
    (tmp_path / "output.xml").write_text(
        '<robot schemaversion="5"><suite name="S"><test name="T">'
        f'<status status="FAIL" start="2026-11-03T08:00:00" elapsed="1">{message}</status></test></suite></robot>'
    )
    store = TimeSeriesStore(tmp_path / "store")
    import_files(RobotFramework(), [tmp_path / "output.xml"], store)

    row = store.read("executions").row(0, named=True)
    assert "hunter2" not in str(row)
    assert "xxxx https://bot:" in row["end_context"]
