from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab import TimeSeriesStore
from rpa_lab.errors import InputError, StoreError, UnknownNameError
from rpa_lab.schema import TABLES
from rpa_lab.storage.compaction import compact
from tests import oracles, strategies
from tests.storage.days import DAY
from tests.storage.runs import AT, HOUR, execution, step


def test_records_come_back_with_ids_and_in_order(root: Path) -> None:
    store = TimeSeriesStore(root)
    written = store.write_metrics(
        [execution("b", AT + HOUR), execution("a"), step("a"), step("a"), step("b", AT + HOUR)]
    )

    assert (written.rows, written.corrected) == (5, 0)
    assert store.read("executions")["execution_id"].to_list() == ["a", "b"]
    assert store.read("steps")["step_id"].to_list() == ["a:0", "a:1", "b:0"]
    assert store.read("executions").columns == [*TABLES["executions"].names, "last_seen_at"]


def test_an_end_from_another_process_on_another_day_is_folded_into_its_start(root: Path) -> None:
    late = AT + timedelta(days=1)
    store = TimeSeriesStore(root)
    store.write_metrics([execution("e", status="running")])
    end = pl.DataFrame({"execution_id": ["e"], "completed_at": [late], "status": ["failed"]})
    store.write_frame("executions", end)

    for _ in range(2):  # as fragments, and compacted
        row = store.read("executions", "2026-11-03").row(0, named=True)
        assert (row["status"], row["started_at"], row["completed_at"]) == ("failed", AT, late)
        assert store.read("executions", "2026-11-04").height == 0
        compact(root, grace_s=0)
    published = pl.read_parquet(sorted((root / "executions").glob("*/*.parquet")), glob=False)
    assert published["started_at"].null_count() == 1  # two rows there, as documented


@given(st.data())
def test_the_store_folds_as_the_naive_twin_whatever_was_compacted(tmp_path_factory: Any, data: st.DataObject) -> None:
    """Random rows of few executions over several days, written in pieces, some days compacted in between."""
    root = tmp_path_factory.mktemp("store")
    store = TimeSeriesStore(root, as_of=datetime(2026, 10, 30, tzinfo=UTC))
    rows = data.draw(strategies.execution_rows(max_size=10)).select(TABLES["executions"].names)
    rows = rows.filter(pl.coalesce("started_at", "completed_at").is_not_null())
    for at in range(rows.height):
        store.write_frame("executions", rows[at])
        if data.draw(st.integers(0, 3)) == 0:
            compact(root, full=data.draw(st.booleans()), grace_s=0)

    raw = pl.concat([pl.read_parquet(path) for path in store.files()], how="diagonal") if rows.height else rows
    expected = oracles.fold(raw.to_dicts()) if rows.height else {}
    everything = store.collect(lambda: store._reading.stored("executions", store.span("all")))
    assert {row["execution_id"] for row in everything.to_dicts()} == set(expected)
    got = {row["execution_id"]: row for row in store.read("executions").to_dicts()}
    for execution_id, row in got.items():
        for name in ("workflow_id", "started_at", "completed_at", "duration_ms", "error_details", "workflow_version"):
            assert row[name] == expected[execution_id][name], name
    times = [(row["execution_id"], row["started_at"] or row["completed_at"]) for row in expected.values()]
    assert set(got) == {one for one, at in times if at in store.span("all")}


def test_a_newer_store_is_refused_before_anything_is_read_or_written(root: Path) -> None:
    root.mkdir()
    (root / "_store.json").write_text('{"format": 2}')
    store = TimeSeriesStore(root)

    with pytest.raises(StoreError, match="upgrade rpa-lab"):
        store.read("executions")
    with pytest.raises(StoreError, match="upgrade rpa-lab"):
        store.write_metrics([execution("e")])


def test_a_store_that_is_no_path_is_said() -> None:
    with pytest.raises(TypeError, match="expected the folder of the store"):
        TimeSeriesStore(5)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="tz 'Mars' is no time zone"):
        TimeSeriesStore(tz="Mars")
    assert date(2026, 11, 3) == DAY


@pytest.mark.parametrize("tz", ["UTC+05:30", "localtime"])
def test_a_zone_that_frames_cannot_be_shown_in_is_refused_at_once(tz: str) -> None:
    with pytest.raises(InputError, match="IANA name"):
        TimeSeriesStore(tz=tz)


def test_mistakes_in_what_is_asked_are_said_with_field_and_value(root: Path) -> None:
    store, span = TimeSeriesStore(root), (AT, AT + HOUR)
    store.write_metrics([execution("a"), step("a")])

    assert store.query_range("2026-11-03", "2026-11-04")["execution_id"].to_list() == ["a", "a"]  # type: ignore[arg-type]
    assert store.read("executions", columns="status").columns == ["status"]
    assert store.query_range(*span, metric_types="steps").height == 1
    assert store.aggregate("steps.duration_ms", "count", "node_id", *span).rows() == [("n", 1, 1)]
    asked: list[tuple[Callable[[], object], str]] = [
        (lambda: TimeSeriesStore(root, as_of=5), "time 5 can't be understood"),  # type: ignore[arg-type]
        (lambda: store.aggregate("status", "avg", [], *span), "expected a column of numbers for 'avg'"),
        (lambda: store.aggregate(None, "avg", [], *span), "metric is None, expected"),  # type: ignore[arg-type]
        (lambda: store.aggregate("duration_ms", "avg", [], *span, {"status": 5}), "filters are"),
        (lambda: store.write_frame("steps", {"a": 1}), "expected a Polars DataFrame"),  # type: ignore[arg-type]
    ]
    for ask, sentence in asked:
        with pytest.raises(InputError, match=sentence):
            ask()
    with pytest.raises(UnknownNameError, match="collector_health has no column 'workflow_id'"):
        store.query_range(*span, "w", ["collector_health"])


def test_the_workflows_that_it_holds_are_named(root: Path) -> None:
    store = TimeSeriesStore(root)
    runs = [{"execution_id": f"e{n}", "workflow_id": name} for n, name in enumerate(["b", "a", "b", None])]
    store.write_frame("executions", pl.DataFrame([run | {"started_at": AT, "status": "completed"} for run in runs]))

    assert store.workflow_ids() == ["a", "b"]
    store.check_workflow("a")
    store.check_workflow(None)
    with pytest.raises(UnknownNameError, match=r"the store has no workflow 'c'\. It has: a, b"):
        store.check_workflow("c")
