"""Every Hypothesis strategy of the tests, and the named profiles.

Times lie around 25 October 2026, when clocks in Europe go back: five UTC days, with their midnights, the change of the
clock and their neighbours by one microsecond drawn often. Durations are milliseconds with three decimals, as stored.
A profile is chosen by the environment variable ``RPA_LAB_PROFILE``; `make test` takes ``ci``.
"""

from __future__ import annotations

import json
import os
import string
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from rpa_lab.journal.secret_names import secret_kind
from rpa_lab.records import (
    ExecutionMetrics,
    Metrics,
    RecoveryMetrics,
    ResourceMetrics,
    StepMetrics,
    node_path,
)
from rpa_lab.schema import TABLES
from rpa_lab.storage.settings_calendar import Calendar, Shift
from rpa_lab.storage.settings_targets import CompletedBy, Completes, SlaTarget, Within
from tests.sessions import Call, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "CLOCK_CHANGES",
    "ERRORS",
    "NODES",
    "PROFILES",
    "RESULTS",
    "WORKFLOWS",
    "ZONES",
    "attempts",
    "calendars",
    "clock_moments",
    "compared_rows",
    "days_of_groups",
    "durations_ms",
    "error_texts",
    "event_rows",
    "execution_metrics",
    "execution_rows",
    "executions",
    "filters",
    "frame",
    "hostile_metrics",
    "hostile_text",
    "hostile_values",
    "json_objects",
    "lifecycle_events",
    "load_profile",
    "moments",
    "recoveries",
    "recoveries_of_runs",
    "recovery_metrics",
    "resource_metrics",
    "resources",
    "robot_suites",
    "runs_of_two_periods",
    "runs_with_steps",
    "sessions",
    "sla_targets",
    "slowed_workflows",
    "step_metrics",
    "steps",
    "store_histories",
    "storings",
    "told_runs",
    "watched_runs",
    "words",
    "worked_runs",
]

PROFILES = {"dev": 25, "ci": 50, "campaign": 2_000}
"""Name of each profile and its number of examples per property; only ``ci`` draws the same ones every time."""

WORKFLOWS = ("invoices", "payroll", "Überweisungen")
NODES = (
    "open browser",
    node_path("submit form"),
    node_path("submit form", "type"),
    node_path("submit form", "type", "find"),
    node_path("submit form", "click"),
    node_path("a > b"),
    node_path("a > b", "c"),
    "close",
)
"""Nodes of a workflow: nested ones, and one whose name holds the separator."""
RESULTS = ("completed", "failed", "cancelled")
ZONES = ("UTC", "Europe/Paris", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Tokyo")
"""Zones with and without summer time; Lord Howe moves its clock by 30 minutes, Apia once left out a day."""

CLOCK_CHANGES = {
    "Europe/Paris": ("2026-03-29T01:00", "2026-10-25T01:00"),
    "America/New_York": ("2026-03-08T07:00", "2026-11-01T06:00"),
    "Australia/Lord_Howe": ("2026-04-04T15:00", "2026-10-03T15:30"),
    "Pacific/Apia": ("2011-12-30T10:00", "2011-09-24T14:00"),
    "America/Sao_Paulo": ("2018-11-04T03:00", "2018-02-18T02:00"),
    "America/St_Johns": ("2006-10-29T02:31", "2007-03-11T03:31"),
    "Asia/Kolkata": ("2026-10-25T01:00",),
    "UTC": ("2026-10-25T01:00",),
}
"""When clocks were changed, UTC: by an hour, half an hour, a day, at midnight; and two zones in which they weren't."""

_FIRST = datetime(2026, 10, 23, tzinfo=UTC)
_DAYS = 5
_EDGES = (*(_FIRST + timedelta(days=day) for day in range(_DAYS)), datetime(2026, 10, 25, 1, tzinfo=UTC))
_NEAR = (timedelta(0), timedelta(microseconds=1), -timedelta(microseconds=1), timedelta(hours=1), -timedelta(hours=1))
_LETTERS = string.ascii_letters + string.digits + " _-äß漢😀>\\"
_NASTY = (
    "\ud800",
    "a\udfffb",
    "\x00",
    "nul\x00inside",
    "",
    " ",
    "../../etc/passwd",
    "C:\\temp\\x",
    "=HYPERLINK(1)",
    "+1",
    "<script>alert(1)</script>",
    "{{ 7*7 }}",
    "#panic()",
    "line\nbreak\r\n",
    "\u202egnp.exe",
    "é" * 600,
    "x" * 30_000,
    "password=hunter2",
)


_RUN_TEXTS = (
    "workflow_id",
    "robot_id",
    "host",
    "business_key",
    "error_message",
    "error_details",
    "context",
    "rerun_of",
)
_STEP_TEXTS = ("step_id", "node_id", "action_type", "target_element", "error_details", "application")


def load_profile() -> str:
    """Register the profiles and load the one that ``RPA_LAB_PROFILE`` names (default ``dev``); returns its name."""
    for name, examples in PROFILES.items():
        settings.register_profile(
            name,
            max_examples=examples,
            deadline=None,
            derandomize=name == "ci",
            print_blob=True,
            suppress_health_check=[HealthCheck.too_slow],
        )
    chosen = os.environ.get("RPA_LAB_PROFILE", "dev")
    if chosen not in PROFILES:
        raise ValueError(f"RPA_LAB_PROFILE {chosen!r} is no profile; expected one of {', '.join(PROFILES)}")
    settings.load_profile(chosen)
    return chosen


def moments() -> st.SearchStrategy[datetime]:
    """Aware UTC times within five days, their edges drawn often."""
    near = st.builds(lambda edge, by: max(_FIRST, edge + by), st.sampled_from(_EDGES), st.sampled_from(_NEAR))
    within = st.integers(0, _DAYS * 86_400_000_000 - 1).map(lambda us: _FIRST + timedelta(microseconds=us))
    return near | within


def durations_ms(*, most: float = 1e7) -> st.SearchStrategy[float]:
    """Durations as stored: ms, rounded to a microsecond; a few values are drawn often, so that there are ties."""
    few = st.sampled_from([0.0, 0.001, 1.0, 12.5, 1000.0])
    return few.filter(lambda ms: ms <= most) | st.integers(0, int(most * 1000)).map(lambda us: us / 1000)


def words(*, min_size: int = 1, max_size: int = 12) -> st.SearchStrategy[str]:
    """Harmless text, some of it beyond ASCII."""
    return st.text(_LETTERS, min_size=min_size, max_size=max_size)


def json_objects() -> st.SearchStrategy[dict[str, Any]]:
    """Small objects that JSON can hold."""
    scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, width=32) | words()
    values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | _dicts(inner), max_leaves=6)
    return _dicts(values)


def hostile_text() -> st.SearchStrategy[str]:
    """Text that broke somebody's program: lone surrogates, NUL, very long, markup, formulas, paths."""
    return st.sampled_from(_NASTY) | st.text(st.characters(codec=None), max_size=40)


def hostile_values() -> st.SearchStrategy[object]:
    """Anything that a bot might hand over where something else was meant."""
    numbers = st.sampled_from(
        [float("nan"), float("inf"), float("-inf"), -1.0, -0.0, 1e308, 5e-324, 2**63, -(2**63) - 1, 2**70, 10**400]
    )
    times = st.sampled_from(
        [datetime.min, datetime.max.replace(tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC), datetime(2026, 10, 25, 2, 30)]  # noqa: DTZ001,DTZ901
    )
    others: st.SearchStrategy[object] = st.sampled_from(
        [None, True, b"bytes\xff", [], {}, ("a",), {1}, 1j, object, timedelta(days=1), "12.5"]
    )
    return numbers | times | others | hostile_text()


@st.composite
def execution_metrics(draw: st.DrawFn, *, execution_id: str | None = None) -> ExecutionMetrics:
    """A valid execution, running or ended."""
    started_at = draw(moments())
    running = draw(st.booleans())
    duration = draw(durations_ms())
    done, failed = draw(st.integers(0, 30)), draw(st.integers(0, 5))
    status = "running" if running else draw(st.sampled_from(RESULTS))
    return ExecutionMetrics(
        execution_id if execution_id is not None else draw(_ids("e")),
        draw(st.sampled_from(WORKFLOWS)),
        started_at,
        None if running else started_at + timedelta(milliseconds=duration),
        None if running else duration,
        status,
        None if running else done + failed,
        None if running else done,
        None if running else failed,
        draw(words()) if status == "failed" else None,
        draw(json_objects()),
        robot_id=draw(st.none() | st.sampled_from(["robot-1", "robot-2"])),
        host=draw(st.none() | st.sampled_from(["vm-1", "vm-2"])),
        workflow_version=draw(st.none() | st.sampled_from(["1.0", "1.1"])),
        business_key=draw(st.none() | words()),
        queued_at=draw(st.none() | st.just(started_at - timedelta(seconds=1))),
        exception_kind=draw(st.sampled_from(["application", "business"])) if status == "failed" else None,
        error_details=draw(words(max_size=200)) if status == "failed" else None,
        end_context={} if running else draw(json_objects()),
    )


@st.composite
def step_metrics(
    draw: st.DrawFn, *, execution_id: str | None = None, workflow_id: str | None = None, step_index: int | None = None
) -> StepMetrics:
    """A valid, finished step."""
    started_at, duration = draw(moments()), draw(durations_ms())
    status = draw(st.sampled_from(["completed", "failed", "skipped"]))
    return StepMetrics(
        draw(st.none() | _ids("s")),
        execution_id if execution_id is not None else draw(_ids("e")),
        workflow_id if workflow_id is not None else draw(st.sampled_from(WORKFLOWS)),
        draw(st.sampled_from(NODES)),
        draw(st.sampled_from(["click", "type", "http_get"])),
        draw(st.none() | st.sampled_from(["#go", "https://example.org/?q=1"])),
        started_at,
        started_at + timedelta(milliseconds=duration),
        duration,
        status,
        draw(st.none() | st.floats(0, 1)),
        draw(st.integers(0, 3)),
        draw(words()) if status == "failed" else None,
        step_index=step_index,
        application=draw(st.none() | st.sampled_from(["browser", "sap"])),
    )


@st.composite
def resource_metrics(draw: st.DrawFn) -> ResourceMetrics:
    """A valid sample of the machine, on half of the machines without a GPU."""
    amounts = st.floats(0, 1e5, allow_nan=False)
    gpu = draw(st.booleans())
    return ResourceMetrics(
        timestamp=draw(moments()),
        workflow_id=draw(st.none() | st.sampled_from(WORKFLOWS)),
        execution_id=draw(st.none() | _ids("e")),
        cpu_percent=draw(amounts),
        memory_mb=draw(amounts),
        gpu_utilization=draw(st.floats(0, 100)) if gpu else None,
        gpu_memory_mb=draw(amounts) if gpu else None,
        disk_io_mb=draw(st.none() | amounts),
    )


@st.composite
def recovery_metrics(draw: st.DrawFn) -> RecoveryMetrics:
    """A valid attempt to heal a step."""
    started_at, duration = draw(moments()), draw(durations_ms())
    return RecoveryMetrics(
        draw(st.none() | _ids("r")),
        draw(_ids("e")),
        draw(st.sampled_from(WORKFLOWS)),
        draw(st.none() | _ids("s")),
        draw(st.sampled_from(NODES)),
        draw(st.sampled_from(["alternative_selector", "wait_and_retry"])),
        started_at,
        started_at + timedelta(milliseconds=duration),
        duration,
        draw(st.sampled_from(["recovered", "failed"])),
        draw(st.none() | st.floats(0, 1)),
        draw(st.none() | words()),
    )


@st.composite
def hostile_metrics(draw: st.DrawFn) -> Metrics:
    """A record of any kind, one or more of whose fields hold something hostile."""
    record: Metrics = draw(execution_metrics() | step_metrics() | resource_metrics() | recovery_metrics())
    names = st.sampled_from(list(type(record).__dataclass_fields__))
    for name in draw(st.lists(names.filter(lambda name: name != "table"), min_size=1, max_size=4, unique=True)):
        setattr(record, name, draw(hostile_values()))
    return record


def frame(table: str, rows: Sequence[Mapping[str, Any]], *, hidden: bool = False) -> pl.DataFrame:
    """Rows as a frame with the table's columns and types; what a row doesn't have is null."""
    return pl.DataFrame(rows, schema=_schema(table, hidden=hidden))


@st.composite
def executions(draw: st.DrawFn, *, min_size: int = 0, max_size: int = 12) -> pl.DataFrame:
    """A folded frame of executions: one row each, running ones among them, a few without a duration."""
    records = draw(
        st.lists(execution_metrics(), min_size=min_size, max_size=max_size, unique_by=lambda run: run.execution_id)
    )
    rows = [_row(record) for record in records]
    for row in rows:
        row["duration_ms"] = None if draw(_rarely()) else row["duration_ms"]
    return frame("executions", rows)


@st.composite
def execution_rows(draw: st.DrawFn, *, min_size: int = 0, max_size: int = 16) -> pl.DataFrame:
    """Unfolded rows of few executions, in any order, with their hidden origins.

    Starts, ends, repeated ends, ends of processes that never saw the start, and rows that were folded before (whose two
    origins differ). A row's values tell it from every other, so that a fold which mixes two rows is found out.
    """
    rows = []
    for number in range(draw(st.integers(min_size, max_size))):
        row = _row(draw(execution_metrics(execution_id=draw(st.sampled_from(["e1", "e2", "e3"])))))
        origin = {"writer": draw(st.sampled_from(["aaaaaaaaaaaa", "bbbbbbbbbbbb"])), "seq": draw(st.integers(0, 2))}
        folded = draw(_rarely())
        row |= {
            "workflow_version": f"start {number}",
            "error_details": f"end {number}",
            "_start_writer": "cccccccccccc" if folded else origin["writer"],
            "_start_seq": 0 if folded else origin["seq"],
            "_start_row": number,
            "_writer": origin["writer"],
            "_seq": origin["seq"],
            "_row": number,
        }
        if row["status"] != "running" and draw(st.booleans()):
            row["started_at"] = None
        rows.append(row)
    return frame("executions", draw(st.permutations(rows)), hidden=True)


@st.composite
def steps(draw: st.DrawFn, *, min_size: int = 0, max_size: int = 20) -> pl.DataFrame:
    """A frame of steps of few executions and nodes, a few without a duration."""
    rows = []
    for index in range(draw(st.integers(min_size, max_size))):
        execution = draw(st.sampled_from(["e1", "e2", "e3"]))
        workflow = WORKFLOWS[0] if execution != "e3" else WORKFLOWS[1]
        row = _row(draw(step_metrics(execution_id=execution, workflow_id=workflow, step_index=index)))
        row["step_id"] = f"s{index}"
        row["duration_ms"] = None if draw(_rarely()) else row["duration_ms"]
        rows.append(row)
    return frame("steps", rows)


@st.composite
def runs_with_steps(draw: st.DrawFn) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A few runs and their steps: nested, side by side, beyond the run's ends; all times whole milliseconds."""
    runs, steps = [], []
    for number in range(draw(st.integers(1, 4))):
        started_at, took = _FIRST + timedelta(hours=number), draw(st.none() | st.integers(0, 60))
        run: dict[str, Any] = {"execution_id": f"e{number}", "workflow_id": WORKFLOWS[0], "duration_ms": took}
        run |= {"status": draw(st.sampled_from([*RESULTS, "running"])), "started_at": started_at}
        if draw(_rarely()):
            run |= {"started_at": None, "completed_at": started_at}
        runs.append(run)
        for index in range(draw(st.integers(0, 6))):
            since, length = draw(st.integers(-10, 70)), draw(st.integers(0, 30))
            begun = started_at + timedelta(milliseconds=since)
            step: dict[str, Any] = {"execution_id": f"e{number}", "workflow_id": WORKFLOWS[0]}
            step |= {"node_id": draw(st.sampled_from(NODES)), "step_id": f"e{number}:{index}", "step_index": index}
            step |= {"action_type": "click", "retry_count": 0}
            step |= {"started_at": begun, "completed_at": begun + timedelta(milliseconds=length)}
            step |= {"duration_ms": None if draw(_rarely()) else length}
            steps.append(step | {"status": draw(st.sampled_from(["completed", "completed", "failed", "skipped"]))})
    return frame("executions", runs), frame("steps", steps)


@st.composite
def resources(draw: st.DrawFn, *, min_size: int = 0, max_size: int = 12) -> pl.DataFrame:
    """A frame of samples of the machine."""
    records = draw(st.lists(resource_metrics(), min_size=min_size, max_size=max_size))
    return frame("resources", [_row(record) for record in records])


@st.composite
def told_runs(draw: st.DrawFn) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Executions, running ones among them, and their steps: any text that may be stored in any field of text."""
    records = draw(st.lists(execution_metrics(), max_size=6, unique_by=lambda run: run.execution_id))
    runs, steps = [], []
    for record in records:
        row = _row(record)
        row["execution_id"] += draw(st.just("") | hostile_text())  # what is cut at the end still differs
        for name in draw(st.lists(st.sampled_from(_RUN_TEXTS), max_size=3, unique=True)):
            row[name] = draw(hostile_text())
        runs.append(row)
        for index in range(draw(st.integers(0, 4))):
            step = _row(draw(step_metrics(execution_id=row["execution_id"], workflow_id=row["workflow_id"])))
            step["step_index"] = index
            for name in draw(st.lists(st.sampled_from(_STEP_TEXTS), max_size=3, unique=True)):
                step[name] = draw(hostile_text())
            steps.append(step)
    frames = frame("executions", _encodable(runs)), frame("steps", _encodable(steps))
    return frames[0].unique("execution_id", maintain_order=True), frames[1]


@st.composite
def event_rows(draw: st.DrawFn) -> list[dict[str, str | None]]:
    """Events as a log has them, all text: of few cases, in any order, with blanks and with text that needs quoting."""
    text = st.text(
        st.characters(exclude_categories=["Cs", "Cc", "Cn"], include_characters="\n\t"), min_size=1, max_size=8
    )
    rows: list[dict[str, str | None]] = []
    for number in range(draw(st.integers(1, 12))):
        end = draw(moments())
        begun = draw(st.booleans())
        rows.append(
            {
                "case:concept:name": draw(st.sampled_from(["7", "a:b", "=1+1"])),
                "concept:name": draw(text.filter(str.strip)),
                "start_timestamp": (end - timedelta(seconds=draw(st.integers(0, 99)))).isoformat() if begun else None,
                "time:timestamp": end.isoformat(),
                "org:resource": draw(st.none() | st.sampled_from(["Ann", "Bob"])),
                "note": draw(st.none() | text),
                "number": str(number),  # no two events are alike
            }
        )
    return rows


@st.composite
def lifecycle_events(draw: st.DrawFn) -> pl.DataFrame:
    """Starts and completions of few cases and activities, in any order, many at the same time."""
    count = draw(st.integers(1, 14))
    rows = [
        {
            "row": row,
            "case": draw(st.sampled_from("ab")),
            "activity": draw(st.sampled_from("xy")),
            "instance": draw(st.sampled_from([None, "1"])),
            "lifecycle": draw(st.sampled_from(["start", "complete"])),
            "end": _FIRST + timedelta(seconds=draw(st.integers(0, 6))),
        }
        for row in range(count)
    ]
    schema = {"row": pl.Int64, **dict.fromkeys(("case", "activity", "instance", "lifecycle"), pl.String)}
    events = pl.DataFrame(rows, schema={**schema, "end": pl.Datetime("us", "UTC")})
    return events.with_columns(start=pl.lit(None, pl.Datetime("us", "UTC")), status=pl.lit(None, pl.String))


@st.composite
def sessions(draw: st.DrawFn) -> list[Call]:
    """What a bot says: up to four executions whose calls come in any order that each of them allows, and flushes."""
    queues = [draw(_run_calls(run)) for run in range(draw(st.integers(1, 4)))]
    calls: list[Call] = []
    while any(queues):
        run = draw(st.sampled_from([number for number, queue in enumerate(queues) if queue]))
        calls.append(queues[run].pop(0))
        if draw(_rarely()):
            calls.append(Call("flush"))
    return calls


@st.composite
def _run_calls(draw: st.DrawFn, run: int) -> list[Call]:
    calls = [Call("start", run, {"workflow_id": draw(words()), "context": draw(_harmless())})]
    calls += [draw(_step_call(run)) for _ in range(draw(st.integers(0, 4)))]
    for _ in range(draw(st.sampled_from([1, 1, 1, 1, 0, 2]))):
        status = draw(st.sampled_from(RESULTS))
        failed = status == "failed"
        said: dict[str, Any] = {"status": status, "context": draw(_harmless())}
        for name in ("error_message", "error_details"):
            said[name] = draw(words()) if failed else None
        calls.append(Call("end", run, said))
    return calls


@st.composite
def _step_call(draw: st.DrawFn, run: int) -> Call:
    kind: Kind = draw(st.sampled_from(("step", "record", "block")))
    status = draw(st.sampled_from(["completed", "failed", "skipped"]))
    said: dict[str, Any] = {
        "node_id": draw(st.sampled_from(["open browser", "submit", "close", "Überweisung"])),
        "action_type": draw(st.sampled_from(["click", "type", "http_get"])),
        "target_element": draw(st.none() | st.sampled_from(["#go", "https://example.org/?q=1", "x" * 400])),
        "status": status,
        "error_details": draw(words()) if status == "failed" else None,
    }
    if kind == "record" or (kind == "step" and draw(st.booleans())):
        said["started_at"] = draw(moments())
    return Call(kind, run, said)


def _harmless() -> st.SearchStrategy[dict[str, Any]]:
    """Objects whose keys are no names of secrets."""
    return st.dictionaries(st.sampled_from(["batch", "customer", "größe"]), st.none() | st.integers(-9, 9) | words())


@st.composite
def robot_suites(draw: st.DrawFn) -> str:
    """The text of a suite for Robot Framework: keywords and control structures within each other, some of which fail.

    ``Relay`` is a keyword of a library that runs the keyword it is given with the very texts that it is given.
    """
    keywords = [draw(_robot_keyword(number)) for number in range(draw(st.integers(0, 3)))]
    count = len(keywords)
    fixtures = st.sampled_from(["Suite Setup", "Suite Teardown", "Test Setup", "Test Teardown"])
    settings = [f"{name}    {draw(_robot_call(count))}" for name in draw(st.lists(fixtures, unique=True))]
    tests = []
    for number in range(draw(st.integers(1, 4))):
        tests += [draw(st.sampled_from([f"Test {number}", "Twice"])), *draw(_robot_body(count))]
    of_keywords = [line for lines in keywords for line in lines]
    sections = ("Settings", ["Library    Relay.py", *settings]), ("Test Cases", tests), ("Keywords", of_keywords)
    return "\n".join(line for name, lines in sections for line in [f"*** {name} ***", *lines, ""])


@st.composite
def _robot_keyword(draw: st.DrawFn, number: int) -> list[str]:
    """The lines of the keyword of this number, which may call those before it."""
    names = st.lists(st.sampled_from(["Setup", "Teardown"]), unique=True)
    about = [f"    [{name}]    {draw(_robot_call(number))}" for name in draw(names)]
    if draw(_rarely()):
        about.append("    [Tags]    robot:flatten")
    return [f"Keyword > {number}", *about, *draw(_robot_body(number, returns=True))]


def _robot_call(keywords: int) -> st.SearchStrategy[str]:
    """A call of one of so many keywords, or of a keyword that everybody has."""
    texts = (hostile_text() | st.text(max_size=8)).map(_robot_cell)
    own = [st.sampled_from([f"Keyword > {number}" for number in range(keywords)])] if keywords else []
    simple = st.one_of(
        *own,
        st.sampled_from(["No Operation", "Missing Keyword", "Sleep"]),
        st.builds("{}    {}".format, st.sampled_from(["Log", "Log", "Log", "Fail", "Set Test Message"]), texts),
        st.builds("Relay    {}    {}    {}".format, st.sampled_from(["Log Many", "Fail", "Skip"]), texts, texts),
    )
    run = ["Run Keyword And Ignore Error", "Run Keyword And Continue On Failure", "Repeat Keyword    2x", "Run Keyword"]
    return st.one_of(
        simple,
        st.builds("{}    {}".format, st.sampled_from(run), simple),
        st.builds("Run Keywords    {}    AND    {}".format, simple, simple),
    )


@st.composite
def _robot_body(
    draw: st.DrawFn, keywords: int, *, depth: int = 1, loop: bool = False, returns: bool = False
) -> list[str]:
    """The lines of a body: calls, and structures that hold further bodies."""
    words = [*(["BREAK", "CONTINUE"] if loop else []), *(["RETURN"] if returns else []), "VAR    ${x}    1"]
    opening = [["FOR    ${each}    IN    a    b"], ["FOR    ${each}    IN    @{EMPTY}"], ["IF    True"]]
    opening += [["IF    False", "ELSE"], ["TRY", "EXCEPT", "FINALLY"], ["GROUP    a few"], ["IF    oops ("]]
    opening += [["WHILE    True    limit=2    on_limit=pass"]]
    lines: list[str] = []
    for kind in draw(st.lists(st.sampled_from(["call", "call", "word", "structure"]), max_size=3)):
        if kind == "structure" and depth < 4:
            parts = draw(st.sampled_from(opening))
            inside = loop or parts[0].startswith(("FOR", "WHILE"))
            for part in parts:
                within = _robot_body(keywords, depth=depth + 1, loop=inside, returns=returns)
                lines += ["    " * depth + part, *draw(within)]
            lines.append("    " * depth + "END")
        else:
            lines.append("    " * depth + draw(st.sampled_from(words) if kind == "word" else _robot_call(keywords)))
    return lines


def _robot_cell(text: str) -> str:
    """A text as one cell of a suite, which gives that very text; Robot Framework writes no surrogates."""
    said = text.encode("utf-8", "replace").decode()
    plain = string.ascii_letters + string.digits + "-_.,;:!?<>'\"/*ä漢😀"
    return "".join(each if each in plain else f"\\U{ord(each):08x}" for each in said) or "${EMPTY}"


def _dicts(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects whose keys name no secret: what stands under one that does is not kept."""
    return st.dictionaries(words(max_size=6).filter(lambda key: secret_kind(key) is None), values, max_size=3)


def _encodable(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows without lone surrogates, which no frame can hold."""
    return [
        {
            name: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
            for name, value in row.items()
        }
        for row in rows
    ]


def _ids(letter: str) -> st.SearchStrategy[str]:
    return st.integers(0, 10**6).map(lambda number: f"{letter}{number}")


def _rarely() -> st.SearchStrategy[bool]:
    return st.integers(0, 7).map(lambda drawn: drawn == 7)


def _row(record: Metrics) -> dict[str, Any]:
    known = {column.name: column for column in TABLES[record.table].columns}
    row = {name: getattr(record, name) for name in type(record).__dataclass_fields__ if name in known}
    return {
        name: json.dumps(value, ensure_ascii=False) if known[name].kind == "json" else value
        for name, value in row.items()
    }


@cache
def _schema(table: str, *, hidden: bool) -> pl.Schema:
    described = TABLES[table]
    names = [column.name for column in described.columns] if hidden else list(described.names)
    whole = pl.Schema(described.arrow)
    return pl.Schema({name: whole[name] for name in names})


ERRORS = (
    "ReadTimeout: no answer within 20 s",
    "NoSuchElementException: Unable to locate element: #go",
    "ConnectionError: connection reset by peer",
    "BusinessRuleException: Vendor is blocked",
    "Self-healing failed for 'submit'",
    "Something went wrong",
    "portal says no",
    "PORTAL SAYS NO, twice",
)
"""What failed runs say: words that rules know, and words that none does."""


def error_texts() -> st.SearchStrategy[str | None]:
    """What a run may say when it fails: known words, unknown ones, hostile ones, nothing."""
    return st.none() | st.sampled_from(ERRORS) | st.text(max_size=60) | hostile_text()


@st.composite
def attempts(draw: st.DrawFn, *, max_size: int = 14, workflows: int = 2) -> pl.DataFrame:
    """Executions as they are read, abandoned ones among them; some repeat others, themselves, or one that is not there.

    Chains branch, join and go in circles; a few runs end at the same moment, or have no start or no duration.
    """
    n = draw(st.integers(0, max_size))
    names = [f"e{number}" for number in range(n)]
    rows = []
    for name in names:
        started_at, duration = draw(moments()), draw(durations_ms(most=1e6))
        status = draw(st.sampled_from([*RESULTS, "completed", "running", "abandoned"]))
        ended = started_at + timedelta(milliseconds=duration)
        over = status in RESULTS
        rows.append(
            {
                "execution_id": name,
                "workflow_id": draw(st.sampled_from(WORKFLOWS[:workflows])),
                "started_at": None if over and draw(_rarely()) else started_at,
                "completed_at": ended if over else None,
                "duration_ms": duration if over and not draw(_rarely()) else None,
                "status": status,
                "rerun_of": draw(st.none() | st.sampled_from([*names, "gone"])),
                "robot_id": draw(st.sampled_from(["robot-1", "robot-2"])),
                "last_seen_at": None if over else ended,
            }
        )
    seen = pl.DataFrame(
        {"last_seen_at": [row.pop("last_seen_at") for row in rows]}, schema={"last_seen_at": pl.Datetime("us", "UTC")}
    )
    return frame("executions", rows).hstack(seen)


@st.composite
def recoveries_of_runs(draw: st.DrawFn, *, max_size: int = 12) -> pl.DataFrame:
    """Recoveries of the runs that `attempts` names, each at a time of its own, and of one that isn't there."""
    records = draw(st.lists(recovery_metrics(), max_size=max_size))
    rows = []
    for number, record in enumerate(records):
        row = _row(record)
        row["recovery_id"] = f"r{number}"
        row["execution_id"] = draw(st.sampled_from(["e0", "e1", "e2", "e3", "gone"]))
        row["started_at"] += timedelta(microseconds=number)
        rows.append(row)
    return frame("recoveries", rows)


def watched_runs(*, min_size: int = 0, max_size: int = 30) -> st.SearchStrategy[list[tuple[float, str]]]:
    """Times and how each run ended, or that it was censored; with ties."""
    times = st.integers(0, 12).map(float) | st.floats(0, 1e6, allow_nan=False)
    ends = st.sampled_from(["completed", "completed", "failed", "cancelled", "censored"])
    return st.lists(st.tuples(times, ends), min_size=min_size, max_size=max_size)


@st.composite
def clock_moments(draw: st.DrawFn, *, minutes: int = 3000) -> tuple[str, datetime, datetime, list[datetime]]:
    """A zone, a span of whole minutes about a change of its clock, and moments within it, many near the change."""
    zone = draw(st.sampled_from(sorted(CLOCK_CHANGES)))
    change = datetime.fromisoformat(draw(st.sampled_from(CLOCK_CHANGES[zone]))).replace(tzinfo=UTC)
    start = change - timedelta(minutes=draw(st.integers(0, minutes)))
    end = change + timedelta(minutes=draw(st.integers(1, minutes)))
    near = st.integers(-7_200_000_000, 7_200_000_000) | st.sampled_from([0, -1, 1, 1_800_000_000, 3_600_000_000])
    far = st.integers(0, (end - start) // timedelta(microseconds=1) - 1)
    times = st.lists(
        near.map(lambda us: change + timedelta(microseconds=us))
        | far.map(lambda us: start + timedelta(microseconds=us)),
        max_size=30,
    )
    return zone, start, end, [at for at in draw(times) if start <= at < end]


@st.composite
def recoveries(draw: st.DrawFn, *, min_size: int = 0, max_size: int = 12) -> pl.DataFrame:
    """A frame of attempts to heal steps."""
    records = draw(st.lists(recovery_metrics(), min_size=min_size, max_size=max_size))
    return frame("recoveries", [_row(record) | {"recovery_id": f"r{number}"} for number, record in enumerate(records)])


@st.composite
def storings(draw: st.DrawFn) -> list[tuple[int, str, int]]:
    """How rows come to lie in a store: so many are written, and then this is done with the n-th of five days."""
    done = st.sampled_from(["nothing", "tiered", "full", "archive"])
    return draw(st.lists(st.tuples(st.integers(1, 8), done, st.integers(0, _DAYS - 1)), min_size=1, max_size=8))


@st.composite
def filters(draw: st.DrawFn, table: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Conditions on a few columns, as a user says them; most of the values are found in the rows."""
    said: dict[str, Any] = {}
    for column in draw(st.lists(st.sampled_from(list(TABLES[table].readable.values())), max_size=3, unique=True)):
        seen = [row[column.name] for row in rows if row[column.name] is not None]
        values: st.SearchStrategy[Any] = st.sampled_from(seen) if seen else st.nothing()
        match column.kind:
            case "time":
                values |= moments()
                values |= moments().map(
                    lambda at: draw(st.sampled_from([at.replace(tzinfo=None), at.date(), at.isoformat()]))
                )
                operators = ["eq", "ne", "lt", "le", "gt", "ge", "in"]
            case "duration" | "number" | "count":
                values |= st.integers(0, 5)
                operators = ["eq", "ne", "lt", "le", "gt", "ge", "in"]
            case "status":
                values |= st.sampled_from(TABLES[table].statuses)
                operators = ["eq", "ne", "in"]
            case _:
                values |= words(min_size=0, max_size=2) | st.sampled_from(
                    ["e", ".", "%", "robot", ".*", "\\", "(", "vm-1"]
                )
                operators = ["eq", "ne", "in", "contains", "prefix"]
        if draw(st.booleans()):
            said[column.name] = draw(values | st.none() | st.lists(values | st.none(), max_size=4))
        else:
            chosen = draw(st.lists(st.sampled_from(operators), min_size=1, max_size=2, unique=True))
            said[column.name] = {op: draw(st.lists(values, max_size=4) if op == "in" else values) for op in chosen}
    return said


@st.composite
def calendars(draw: st.DrawFn, *, tz: str | None = None) -> Calendar:
    """Shifts by weekday, those over midnight and those that overlap among them; holidays around the clock's change."""
    minutes = st.integers(0, 24 * 60) | st.sampled_from([0, 60, 90, 120, 150, 180, 360, 480, 1080, 1320, 1440])

    def shift(begin: int, end: int) -> Shift:
        return Shift(begin=begin % 1440, end=end if end > begin % 1440 else end + 1440)

    shifts = st.builds(shift, minutes, minutes).filter(lambda one: one.end - one.begin < 1440 or one.begin == 0)
    of_days = st.lists(st.lists(shifts, max_size=3).map(tuple), min_size=7, max_size=7)
    days = st.integers(0, _DAYS).map(lambda day: (_FIRST + timedelta(days=day)).date())
    return Calendar(
        shifts=tuple(draw(of_days)),
        holidays=tuple(sorted(draw(st.sets(days, max_size=2)))),
        tz=tz or draw(st.sampled_from(ZONES)),
    )


@st.composite
def worked_runs(draw: st.DrawFn, *, max_size: int = 12, derived: bool = True) -> pl.DataFrame:
    """Folded executions of few robots that overlap, wait in queues and repeat each other, with all that may be missing.

    With `derived`, abandoned ones are among them, and `last_seen_at` says until when they lived.
    """
    count = draw(st.integers(0, max_size))
    rows = []
    for number in range(count):
        begun, took = draw(moments()), draw(durations_ms())
        status = draw(st.sampled_from([*RESULTS, "completed", "completed", "running", *(["abandoned"] * derived)]))
        ended = status in RESULTS
        known = draw(st.sampled_from(["all", "all", "all", "no duration", "no end", "no start"])) if ended else "all"
        waited = draw(st.none() | st.sampled_from([-1, 0, 60, 300, 7200, 90_000]))
        rows.append(
            {
                "execution_id": f"e{number}",
                "workflow_id": draw(st.sampled_from(WORKFLOWS[:2])),
                "status": status,
                "queued_at": None if waited is None else begun - timedelta(seconds=waited),
                "started_at": None if known == "no start" else begun,
                "completed_at": begun + timedelta(milliseconds=took) if ended and known != "no end" else None,
                "duration_ms": took if ended and known != "no duration" else None,
                "rerun_of": draw(st.none() | st.none() | st.integers(0, count).map("e{}".format)),
                "robot_id": draw(st.sampled_from(["robot-1", "robot-1", "robot-2", None])),
                "host": draw(st.sampled_from(["vm-1", None])),
                "last_seen_at": begun + timedelta(milliseconds=took) if not ended else None,
            }
        )
    runs = frame("executions", [{name: row[name] for name in row if name != "last_seen_at"} for row in rows])
    if not derived:
        return runs
    seen = pl.Series("last_seen_at", [row["last_seen_at"] for row in rows], dtype=pl.Datetime("us", "UTC"))
    return runs.with_columns(seen)


def sla_targets() -> st.SearchStrategy[SlaTarget]:
    """A promise of any kind, to one workflow or to all."""
    measures = st.sampled_from(["duration", "queue_wait", "turnaround"])
    promises = st.one_of(
        st.builds(Within, measure=measures, limit_ms=st.sampled_from([1.0, 1000.0, 300_000.0, 7_200_000.0])),
        st.builds(CompletedBy, clock=st.times().map(lambda at: at.replace(second=0, microsecond=0))),
        st.just(Completes()),
    )
    return st.builds(
        SlaTarget,
        name=st.sampled_from(["quick", "on time"]),
        promise=promises,
        share=st.sampled_from([0.0, 50.0, 95.0, 100.0]),
        workflow_id=st.none() | st.sampled_from(WORKFLOWS[:2]),
    )


@st.composite
def store_histories(draw: st.DrawFn, table: str) -> list[tuple[str, Any]]:
    """What happened to a store: frames of executions or steps that were written, days compacted, archived, deleted.

    Executions are few and told of more than once, over several days; some of their rows lack the start, the workflow or
    the end. Steps have ties, unknown durations, and a name that sorts first and last.
    """
    write = st.lists(_run_row() if table == "executions" else _step_row(), min_size=2, max_size=12)
    days = st.integers(0, _DAYS - 1).map(lambda day: (_FIRST + timedelta(days=day)).date())
    change = st.tuples(st.sampled_from(["full", "compact", "archive", "archive", "delete"]), days)
    written = write.map(lambda rows: ("write", frame(table, _counted(rows))))
    compacted = st.just(("full", None))
    rounds = st.lists(st.tuples(written, compacted | compacted | change), min_size=1, max_size=2)
    late = st.lists(written | change, max_size=1)
    return [event for events in draw(rounds) for event in events] + draw(late)


@st.composite
def _run_row(draw: st.DrawFn) -> dict[str, Any]:
    row = _row(draw(execution_metrics(execution_id=draw(st.sampled_from([f"e{n}" for n in range(14)])))))
    odd = st.integers(0, 15).map(lambda drawn: drawn == 15)
    if row["status"] == "running" and not draw(odd):
        end = row["started_at"] + timedelta(milliseconds=250)
        row |= {"status": draw(st.sampled_from(RESULTS)), "completed_at": end, "duration_ms": 250.0}
    row["workflow_id"] = draw(st.sampled_from([*WORKFLOWS, *WORKFLOWS, None]))
    row["duration_ms"] = None if draw(_rarely()) else row["duration_ms"]
    if row["status"] != "running" and draw(odd):
        row["started_at"] = None
    return row


@st.composite
def _step_row(draw: st.DrawFn) -> dict[str, Any]:
    row = _row(draw(step_metrics()))
    row["workflow_id"] = draw(st.sampled_from([*WORKFLOWS, "", "~"]))
    row["duration_ms"] = None if draw(_rarely()) else row["duration_ms"]
    return row


def _counted(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row | {"step_index": at} if "step_index" in row else row for at, row in enumerate(rows)]


@st.composite
def days_of_groups(draw: st.DrawFn) -> pl.DataFrame:
    """Counts by group and day, some of nothing, some told in two rows: group, day (once not known), good, n."""
    rows: list[tuple[str | None, date | None, int, int]] = []
    for group in ("a", "b", None):
        for number in range(draw(st.sampled_from([0, 1, 5, 9, 10, 20]))):
            n = draw(st.integers(0, 6))
            day = None if number == 3 else date(2026, 11, 1) + timedelta(days=number - number % 7 // 6)
            rows.append((group, day, draw(st.integers(0, n)), n))
    schema = {"group": pl.String, "day": pl.Date, "good": pl.Int64, "n": pl.Int64}
    return pl.DataFrame(draw(st.permutations(rows)) if rows else [], schema=schema, orient="row")


@st.composite
def runs_of_two_periods(draw: st.DrawFn) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A few runs and their steps in November 2026 and a few in January 2027; steps are tried up to four times."""
    runs, steps = [], []
    for side in range(2):
        its_runs, its_steps = draw(runs_with_steps())
        tries = draw(st.lists(st.integers(0, 3), min_size=its_steps.height, max_size=its_steps.height))
        later = pl.col("started_at", "completed_at") + timedelta(days=60 * side)
        named = pl.format("{}-{}", pl.lit(side), pl.col("execution_id")).alias("execution_id")
        runs.append(its_runs.with_columns(named, later))
        steps.append(
            its_steps.with_columns(named, later, step_id=pl.lit(None, pl.String)).with_columns(
                pl.Series("retry_count", tries, dtype=its_steps.schema["retry_count"])
            )
        )
    return pl.concat(runs), pl.concat(steps)


@st.composite
def compared_rows(draw: st.DrawFn, *, groups: int = 3) -> pl.DataFrame:
    """Executions of a few groups over up to two weeks: groups without any, single days, equal values, nulls, no ends.

    `_group` (its number), `_day`, status, duration_ms; in any order.
    """
    rows: list[tuple[int, date, str, float | None]] = []
    for group in range(groups):
        days = draw(st.sampled_from([0, 1, 4, 10, 14]))
        equal = draw(st.booleans())
        for day in range(days):
            for _ in range(draw(st.integers(0, 3))):
                took = 7.0 if equal else draw(durations_ms(most=1000))
                status = draw(st.sampled_from(["completed", "completed", "completed", "failed", "running"]))
                known = status != "running" and not draw(_rarely())
                rows.append((group, date(2026, 11, 2) + timedelta(days=day), status, took if known else None))
    schema = {"_group": pl.Int64, "_day": pl.Date, "status": pl.String, "duration_ms": pl.Float64}
    return pl.DataFrame(draw(st.permutations(rows)) if rows else [], schema=schema, orient="row")


@st.composite
def slowed_workflows(draw: st.DrawFn) -> tuple[pl.DataFrame, date]:
    """Completed runs of 30 to 60 days that take half, twice or three times as long from a day on, and that day."""
    days = draw(st.integers(30, 60))
    onset = draw(st.integers(10, days - 10))
    factor = draw(st.sampled_from([0.5, 2.0, 3.0]))
    per_day = draw(st.integers(3, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    day = np.repeat(np.arange(days), per_day)
    took = (
        10_000 * np.exp(rng.normal(0, 0.1, days)[day] + rng.normal(0, 0.1, len(day))) * np.where(day < onset, 1, factor)
    )
    first = datetime(2026, 9, 1, 6, tzinfo=UTC)
    rows = [
        {
            "execution_id": f"e{number}",
            "workflow_id": "w",
            "status": "completed",
            "started_at": first + timedelta(days=int(at), minutes=number % per_day),
            "completed_at": first + timedelta(days=int(at), minutes=number % per_day, milliseconds=float(ms)),
            "duration_ms": round(float(ms), 3),
        }
        for number, (at, ms) in enumerate(zip(day, took, strict=True))
    ]
    return frame("executions", rows), date(2026, 9, 1) + timedelta(days=onset)
