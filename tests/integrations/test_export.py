from __future__ import annotations

import csv
import gzip
import os
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from rpa_lab import Lab, MetricsCollector, TimeSeriesStore
from rpa_lab.errors import InputError, SourceError
from rpa_lab.integrations import export as exporting
from rpa_lab.integrations.event_columns import Columns
from rpa_lab.integrations.event_log import EventLog
from rpa_lab.integrations.export import FORMATS, Exported, Format, export_events
from rpa_lab.integrations.importing import import_files
from rpa_lab.simulate import fleet
from tests import strategies

NAMES = ("log.xes", "log.csv", "log.parquet", "log.xes.gz", "log.csv.gz")


@pytest.fixture(scope="module")
def robots(tmp_path_factory: pytest.TempPathFactory) -> TimeSeriesStore:
    """Three days of a small fleet, failures and all."""
    store = TimeSeriesStore(tmp_path_factory.mktemp("fleet"), as_of=datetime(2026, 11, 4, tzinfo=UTC))
    fleet(3, 3, 7, end=datetime(2026, 11, 4, tzinfo=UTC), runs_per_day=12).write(store)
    return store


def told(store: TimeSeriesStore, table: str) -> pl.DataFrame:
    """What a store holds, in an order that doesn't depend on who wrote it; whether a running one lives is not told."""
    rows = store.read(table)
    if table == "executions":
        running = pl.col("status").replace("abandoned", "running")
        return rows.drop("last_seen_at").with_columns(running).sort("execution_id")
    return rows.sort("execution_id", "step_index", "step_id")


def assert_same(first: TimeSeriesStore, second: TimeSeriesStore) -> None:
    for table in ("executions", "steps"):
        assert_frame_equal(told(first, table), told(second, table))


def elements(path: Path) -> ET.Element:
    return ET.fromstring(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())


@pytest.mark.parametrize("name", NAMES)
def test_what_is_exported_comes_back_as_it_was(robots: TimeSeriesStore, tmp_path: Path, name: str) -> None:
    done = export_events(robots, tmp_path / name)
    runs, steps = robots.read("executions"), robots.read("steps")
    assert (done.executions, done.steps) == (runs.height, steps.height)
    assert done.left_out == {}
    assert set(runs["status"]) >= {"completed", "failed"}

    again = TimeSeriesStore(tmp_path / "again", as_of=robots.now)
    back = import_files(EventLog(), [tmp_path / name], again)
    assert (back.executions, back.steps, back.corrected, back.left_out) == (runs.height, steps.height, 0, {})
    assert_same(robots, again)
    assert import_files(EventLog(), [tmp_path / name], robots).already_there == runs.height  # it holds them all


@given(strategies.told_runs())
def test_any_execution_and_step_comes_back_from_xes(
    tmp_path_factory: pytest.TempPathFactory, runs: tuple[pl.DataFrame, pl.DataFrame]
) -> None:
    folder = tmp_path_factory.mktemp("xes")
    first, second = (TimeSeriesStore(folder / name, compact=False) for name in ("first", "second"))
    for table, frame in zip(("executions", "steps"), runs, strict=True):
        if frame.height:
            first.write_frame(table, frame)
    done = export_events(first, folder / "log.xes")
    assert done.executions == runs[0].height
    if not done.executions:
        with pytest.raises(SourceError, match="holds no <trace>"):
            import_files(EventLog(), [folder / "log.xes"], second)
        return
    assert import_files(EventLog(), [folder / "log.xes"], second).corrected == 0
    assert_same(first, second)


def test_names_that_xml_cannot_hold_come_back_too(tmp_path: Path) -> None:
    first, second = TimeSeriesStore(tmp_path / "first"), TimeSeriesStore(tmp_path / "second")
    strange = "bell\x07, escape\x1b, \ufffe and \\u0007"
    collector = MetricsCollector(first.root)
    with collector, collector.execution(strange, execution_id=strange) as run, run.step(strange, action_type=strange):
        pass
    export_events(first, tmp_path / "log.xes")
    import_files(EventLog(), [tmp_path / "log.xes"], second)
    assert second.read("steps")["node_id"].item() == first.read("steps")["node_id"].item()
    assert_same(first, second)
    names = [each.get("value") for each in elements(tmp_path / "log.xes").iter() if each.get("key") == "concept:name"]
    assert "bell\ufffd, escape\ufffd, \ufffd and \\u0007" in names


@given(strategies.told_runs(), st.sampled_from(["csv", "parquet"]))
def test_any_execution_that_has_steps_comes_back_from_a_table(
    tmp_path_factory: pytest.TempPathFactory, runs: tuple[pl.DataFrame, pl.DataFrame], kind: str
) -> None:
    folder = tmp_path_factory.mktemp(kind)
    with_steps = runs[0].filter(pl.col("execution_id").is_in(runs[1]["execution_id"].implode()))
    first, expected, second = (TimeSeriesStore(folder / name, compact=False) for name in ("a", "b", "c"))
    for store, executions in ((first, runs[0]), (expected, with_steps)):
        for table, frame in zip(("executions", "steps"), (executions, runs[1]), strict=True):
            if frame.height:
                store.write_frame(table, frame)
    done = export_events(first, folder / f"log.{kind}")
    assert done.executions == with_steps.height
    assert sum(done.left_out.values()) == runs[0].height - with_steps.height
    if with_steps.height:
        import_files(EventLog(), [folder / f"log.{kind}"], second)
        assert_same(expected, second)


def test_xes_is_what_other_tools_expect_of_it(robots: TimeSeriesStore, tmp_path: Path) -> None:
    """By another parser: each case's events in order of time, a start and a completion for each step."""
    export_events(robots, tmp_path / "log.xes.gz")
    log = elements(tmp_path / "log.xes.gz")
    space = {"x": "http://www.xes-standard.org/"}
    assert log.tag == "{http://www.xes-standard.org/}log"
    assert log.get("xes.version") == "1849.2016"
    prefixes = {each.get("prefix") for each in log.findall("x:extension", space)}
    assert prefixes == {"concept", "time", "lifecycle", "org"}
    seen: dict[str, list[tuple[str, str, str]]] = {}
    for trace in log.findall("x:trace", space):
        case = {each.get("key"): each.get("value") for each in trace if each.tag.endswith("string")}
        events = [
            {each.get("key"): each.get("value") or "" for each in event} for event in trace.findall("x:event", space)
        ]
        assert all(event["org:resource"] == case["rpa:robot_id"] for event in events)
        times = [event["time:timestamp"] for event in events]
        assert times == sorted(times)
        seen[case["concept:name"] or ""] = [
            (event["concept:instance"], event["lifecycle:transition"], event["concept:name"]) for event in events
        ]
    steps = robots.read("steps")
    assert set(seen) == set(robots.read("executions")["execution_id"])
    for name, told_of in seen.items():
        own = steps.filter(execution_id=name).select("step_id", "node_id").rows()
        wanted = [(step, transition, node) for step, node in own for transition in ("start", "complete")]
        assert sorted(told_of) == sorted(wanted)


def test_another_reader_of_the_standard_names_finds_the_same_steps(robots: TimeSeriesStore, tmp_path: Path) -> None:
    """The export read as any log is, its own columns not known: intervals from lifecycle, cases, activities, robots."""
    export_events(robots, tmp_path / "log.xes")
    plain = EventLog(workflow="w", columns=Columns(case=("case:concept:name",), status="rpa:status"))
    import_files(plain, [tmp_path / "log.xes"], TimeSeriesStore(tmp_path / "again"))
    got = TimeSeriesStore(tmp_path / "again").read("steps")
    steps = robots.read("steps")
    order = ["completed_at", "started_at", "status"]
    assert_frame_equal(got.select(order).sort(order), steps.select(order).sort(order))


def test_cells_that_a_spreadsheet_might_run_are_only_text(tmp_path: Path) -> None:
    store = TimeSeriesStore(tmp_path / "store")
    nasty = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'quoted", "it's", "a,b", 'say "no"', "two\nlines"]
    with MetricsCollector(store.root) as collector, collector.execution("=cmd|'/c calc'!A1") as run:
        for text in nasty:
            with run.step(text, action_type="click", target_element=text):
                pass
    export_events(store, tmp_path / "log.csv")
    with open(tmp_path / "log.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    cells = [cell for row in rows for cell in row.values()]
    assert len(rows) == len(nasty)
    assert not [cell for cell in cells if cell[:1] in tuple("=+-@\t\r")]
    again = TimeSeriesStore(tmp_path / "again")
    import_files(EventLog(), [tmp_path / "log.csv"], again)
    assert sorted(again.read("steps")["target_element"]) == sorted(nasty)


def test_a_period_and_a_workflow_say_what_is_exported(robots: TimeSeriesStore, tmp_path: Path) -> None:
    runs = robots.read("executions")
    workflow = runs["workflow_id"].unique().sort()[0]
    wanted = runs.filter(workflow_id=workflow).filter(pl.col("started_at").dt.day() == 2)
    assert 0 < wanted.height < runs.filter(workflow_id=workflow).height
    days: list[tuple[int, int]] = []
    done = export_events(
        robots,
        tmp_path / "log.xes",
        period="2026-11-02",
        workflow_id=workflow,
        on_day=lambda day, n, of: days.append((n, of)),
    )
    assert (done.executions, days) == (wanted.height, [(1, 1)])
    again = TimeSeriesStore(tmp_path / "again")
    import_files(EventLog(), [tmp_path / "log.xes"], again)
    assert set(again.read("executions")["execution_id"]) == set(wanted["execution_id"])
    assert (
        again.read("steps").height
        == robots.read("steps").filter(pl.col("execution_id").is_in(wanted["execution_id"].implode())).height
    )


def test_steps_come_along_to_the_last_also_on_another_day(tmp_path: Path) -> None:
    store = TimeSeriesStore(tmp_path / "store")
    start = datetime(2026, 11, 3, 23, 59, tzinfo=UTC)
    store.write_frame(
        "executions",
        pl.DataFrame({"execution_id": ["e"], "workflow_id": ["w"], "started_at": [start], "status": ["running"]}),
    )
    times = [start + timedelta(days=day) for day in range(4)]
    step: dict[str, Any] = {
        "execution_id": "e",
        "workflow_id": "w",
        "node_id": "n",
        "action_type": "a",
        "status": "completed",
    }
    store.write_frame(
        "steps",
        pl.DataFrame([step | {"started_at": at, "completed_at": at, "step_index": n} for n, at in enumerate(times)]),
    )
    done = Lab(store).export(tmp_path / "log.xes", "2026-11-03")
    assert (done.executions, done.steps) == (1, 4)


def test_an_empty_period_is_a_file_of_its_kind(tmp_path: Path, root: Path) -> None:
    for name in NAMES:
        assert export_events(TimeSeriesStore(root), tmp_path / name).executions == 0
    assert elements(tmp_path / "log.xes").tag.endswith("log")
    assert pl.read_parquet(tmp_path / "log.parquet").height == 0
    assert pl.read_csv(tmp_path / "log.csv").columns == pl.read_parquet(tmp_path / "log.parquet").columns


def test_a_file_that_is_there_is_replaced_only_where_that_is_said(robots: TimeSeriesStore, tmp_path: Path) -> None:
    target = tmp_path / "log.csv"
    target.write_text("precious")
    with pytest.raises(InputError, match=r"log.csv is there already; expected a new file, or force \(--force\)"):
        export_events(robots, target)
    assert target.read_text() == "precious"
    assert export_events(robots, target, force=True).bytes == target.stat().st_size > 1000
    assert os.listdir(tmp_path) == ["log.csv"]


def test_an_export_that_fails_midway_leaves_nothing_and_what_was_there_stays(
    robots: TimeSeriesStore, tmp_path: Path
) -> None:
    target = tmp_path / "log.xes"
    target.write_text("precious")

    def stop(_: Any, number: int, __: int) -> None:
        if number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_events(robots, target, force=True, on_day=stop)
    assert os.listdir(tmp_path) == ["log.xes"]
    assert target.read_text() == "precious"


def test_a_name_that_somebody_takes_meanwhile_is_not_overwritten(robots: TimeSeriesStore, tmp_path: Path) -> None:
    target = tmp_path / "log.xes"

    def somebody(*_: Any) -> None:
        target.write_text("precious")

    with pytest.raises(InputError, match="is there already"):
        export_events(robots, target, on_day=somebody)
    assert os.listdir(tmp_path) == ["log.xes"]
    assert target.read_text() == "precious"


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("log.xls", None, "format is 'xls', expected xes, csv or parquet"),
        ("log", None, "format is 'log', expected xes, csv or parquet"),
        ("log.csv", "json", "format is 'json', expected xes, csv or parquet"),
        ("log.parquet.gz", None, "is to be gzipped, expected a Parquet file as it is"),
    ],
)
def test_a_format_that_cannot_be_is_one_clear_sentence(
    robots: TimeSeriesStore, tmp_path: Path, name: str, kind: Any, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        export_events(robots, tmp_path / name, format=kind)
    assert os.listdir(tmp_path) == []


def test_the_same_store_gives_the_same_bytes(robots: TimeSeriesStore, tmp_path: Path) -> None:
    for name in NAMES:
        export_events(robots, tmp_path / name)
        export_events(robots, tmp_path / f"again-{name}")
        assert (tmp_path / name).read_bytes() == (tmp_path / f"again-{name}").read_bytes()


def test_the_result_shows_itself(robots: TimeSeriesStore, tmp_path: Path) -> None:
    done = export_events(robots, tmp_path / "log.csv", period="2026-11-02")
    assert isinstance(done, Exported)
    assert str(done).endswith(f"steps of 2 November 2026 (UTC) in {tmp_path / 'log.csv'}")
    assert done.to_dict()["format"] == "csv"
    assert get_args(Format) == FORMATS == tuple(exporting._WRITERS)
