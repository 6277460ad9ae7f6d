from __future__ import annotations

import itertools
import os
import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from rpa_lab import ExecutionMetrics, Period, StepMetrics, TimeSeriesStore
from rpa_lab.errors import InputError, StoreError, UnknownNameError
from rpa_lab.journal.layout import day_folder
from rpa_lab.schema import TABLES
from rpa_lab.storage import reading
from rpa_lab.storage.compaction import compact, compact_day
from tests import oracles, strategies
from tests.storage.days import DAY, put

AT = datetime(2026, 11, 3, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
WRITER = "i0123456789a"


def execution(execution_id: str, at: datetime = AT, *, status: str = "completed", **more: Any) -> ExecutionMetrics:
    end = None if status == "running" else at + timedelta(seconds=5)
    return ExecutionMetrics(execution_id, "w", at, end, None if end is None else 5000.0, status, 0, 0, 0, **more)


def step(execution_id: str, at: datetime = AT, **more: Any) -> StepMetrics:
    return StepMetrics(
        None, execution_id, "w", "n", "click", None, at, at + timedelta(seconds=1), 1000.0, "completed", **more
    )


def frame(*ids: str, at: datetime = AT) -> pl.DataFrame:
    rows = [{"execution_id": one, "workflow_id": "w", "started_at": at, "status": "completed"} for one in ids]
    return pl.DataFrame(rows)


def test_records_come_back_with_ids_and_in_order(root: Path) -> None:
    store = TimeSeriesStore(root)
    written = store.write_metrics(
        [execution("b", AT + HOUR), execution("a"), step("a"), step("a"), step("b", AT + HOUR)]
    )

    assert (written.rows, written.corrected) == (5, 0)
    assert store.read("executions")["execution_id"].to_list() == ["a", "b"]
    assert store.read("steps")["step_id"].to_list() == ["a:0", "a:1", "b:0"]
    assert store.read("executions").columns == [*TABLES["executions"].names, "last_seen_at"]


def test_one_bad_record_and_nothing_is_written(root: Path) -> None:
    store = TimeSeriesStore(root)
    bad = step("a")
    bad.node_id = None  # type: ignore[assignment]

    with pytest.raises(InputError, match=r"steps row 1: node_id is None, expected a string; nothing was written"):
        store.write_metrics([execution("a"), step("a"), bad])
    with pytest.raises(InputError, match=r"metrics\[0\] is 'x', expected one of rpa_lab\.records"):
        store.write_metrics(["x"])  # type: ignore[list-item]
    assert not root.exists()


def test_a_repeated_import_changes_nothing_before_and_after_compaction(root: Path) -> None:
    store = TimeSeriesStore(root)
    rows = pl.concat([frame("a", "b"), frame("c", at=AT + timedelta(days=1))])

    first = store.write_frame("executions", rows, writer=WRITER)
    again = store.write_frame("executions", rows, writer=WRITER)
    compact(root, grace_s=0)
    after = store.write_frame("executions", rows, writer=WRITER)

    assert [(w.rows, w.already_there) for w in (first, again, after)] == [(3, 0), (0, 3), (0, 3)]
    assert store.read("executions").height == 3


def test_an_import_that_was_cut_off_is_completed_by_repeating_it(root: Path) -> None:
    store = TimeSeriesStore(root)
    rows = pl.concat([frame("a"), frame("c", at=AT + timedelta(days=1))])
    store.write_frame("executions", rows.head(1), writer=WRITER)  # died before the second day

    done = store.write_frame("executions", rows, writer=WRITER)
    assert (done.rows, done.already_there) == (1, 1)
    assert store.read("executions").height == 2


@pytest.mark.parametrize(
    ("table", "rows", "writer", "error", "sentence"),
    [
        ("runs", frame("a"), None, UnknownNameError, "there is no table 'runs'"),
        ("executions", frame("a").with_columns(durations=1), None, UnknownNameError, "did you mean 'duration_ms'"),
        ("executions", frame("a").with_columns(_row=1), None, UnknownNameError, "executions has no column '_row'"),
        ("executions", frame("a").with_columns(status=None), None, InputError, "row 0: status is None"),
        ("executions", frame("a").drop("started_at"), None, InputError, "started_at or completed_at"),
        ("executions", frame("a"), "../../x", InputError, "expected 'i' and 11 hex digits"),
        ("steps", frame("a").drop("status"), None, InputError, "neither step_id nor step_index"),
    ],
)
def test_a_frame_that_does_not_fit_is_refused_whole(
    root: Path, table: str, rows: pl.DataFrame, writer: str | None, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        TimeSeriesStore(root).write_frame(table, rows, writer=writer)
    assert not root.exists()


def test_naive_times_in_frames_are_read_in_the_stores_zone(root: Path) -> None:
    local = frame("a").with_columns(started_at=pl.lit(datetime(2026, 10, 25, 2, 30)))  # noqa: DTZ001 - meant naive; twice in Paris
    TimeSeriesStore(root, tz="Europe/Paris").write_frame("executions", local)

    assert TimeSeriesStore(root).read("executions")["started_at"].item() == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_frames_are_redacted_like_records(root: Path) -> None:
    store = TimeSeriesStore(root)
    store.write_frame(
        "executions", frame("a").with_columns(error_message=pl.lit("password=hunter2"), status=pl.lit("Error"))
    )

    row = store.read("executions").row(0, named=True)
    assert (row["error_message"], row["status"]) == ("password=[redacted]", "failed")


def test_executions_held_from_elsewhere_are_named(root: Path) -> None:
    store = TimeSeriesStore(root)
    store.write_frame("executions", frame("ours"), writer=WRITER)
    store.write_frame("executions", frame("theirs"), writer="ifffffffffff")
    store.write_metrics([execution("live")])
    compact(root, grace_s=0)

    asked = frame("ours", "theirs", "live", "nobody").select("execution_id", "started_at")
    assert store.held_by_others(asked, writer=WRITER) == {"theirs", "live"}
    assert store.held_by_others(asked.clear(), writer=WRITER) == set()


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


def test_periods_are_half_open(root: Path) -> None:
    store = TimeSeriesStore(root)
    store.write_metrics([execution("in", AT), execution("out", AT + HOUR), step("in", AT), step("out", AT + HOUR)])
    period = Period(AT, AT + HOUR)

    assert store.read("executions", period)["execution_id"].to_list() == ["in"]
    assert store.read("steps", period)["execution_id"].to_list() == ["in"]


def test_relative_periods_count_back_from_as_of(root: Path) -> None:
    TimeSeriesStore(root).write_metrics([execution("old", AT - timedelta(days=3)), execution("new", AT)])

    def ids(as_of: Any) -> list[str]:
        return TimeSeriesStore(root, as_of=as_of).read("executions", "2d")["execution_id"].to_list()

    assert ids("latest") == ["new"]
    assert ids(AT - timedelta(days=2)) == ["old"]
    assert ids("2026-11-01T12:00:00+00:00") == ["old"]
    assert TimeSeriesStore(root, as_of="latest").now == AT + timedelta(seconds=5, microseconds=1)  # when it ended
    assert abs(TimeSeriesStore(root).now - datetime.now(UTC)) <= timedelta(minutes=1)
    with pytest.raises(InputError, match="as_of is 'newest', expected 'latest' or an ISO 8601 time"):
        TimeSeriesStore(root, as_of="newest")


def test_the_newest_start_is_at_most_tomorrow(root: Path) -> None:
    store = TimeSeriesStore(root, as_of="latest")
    assert abs(store.now - datetime.now(UTC)) <= timedelta(minutes=1)  # an empty store: the present
    store.write_metrics([execution("future", datetime.now(UTC) + timedelta(days=300))])

    assert store.now - datetime.now(UTC) <= timedelta(days=1, minutes=1)


@pytest.mark.parametrize(
    ("runs", "latest"),
    [
        ([(0, 60)], 60),
        ([(0, None)], 0),
        ([(0, 90), (60, 61)], 90),
        ([(-1440, 120), (60, None)], 120),  # it began the day before
        ([(0, 60), (30, -200)], 60),  # its clock was set back
        ([(0, 7 * 1440)], 1440),  # at most a day later, however long
    ],
)
def test_the_latest_is_when_what_began_last_had_ended(
    root: Path, runs: list[tuple[int, int | None]], latest: int
) -> None:
    minute = timedelta(minutes=1)
    rows = [
        {
            "execution_id": f"e{number}",
            "workflow_id": "w",
            "started_at": AT + start * minute,
            "completed_at": None if end is None else AT + end * minute,
            "status": "running" if end is None else "completed",
        }
        for number, (start, end) in enumerate(runs)
    ]
    TimeSeriesStore(root).write_frame(
        "executions", pl.DataFrame(rows, schema_overrides={"completed_at": pl.Datetime("us", "UTC")})
    )

    assert TimeSeriesStore(root, as_of="latest").now == AT + latest * minute + timedelta(microseconds=1)


def test_all_is_what_the_store_holds(root: Path) -> None:
    store = TimeSeriesStore(root)
    store.write_metrics([execution("a", AT), step("a", AT + timedelta(days=2))])

    assert str(store.span("all")) == "2026-11-03T00:00:00Z/2026-11-06T00:00:00Z"


def test_a_frame_of_several_tables_says_which_row_is_which(root: Path) -> None:
    store = TimeSeriesStore(root, tz="Europe/Paris")
    store.write_metrics([execution("a"), step("a"), execution("late", AT + HOUR)])
    naive = datetime(2026, 11, 3, 11)  # noqa: DTZ001 - in Paris, 10:00 UTC
    found = store.query_range(naive, naive + HOUR)

    assert found.columns[0] == "metric_type"
    assert found.select("metric_type", "execution_id").rows() == [("executions", "a"), ("steps", "a")]
    assert store.query_range(naive, naive + HOUR, "nobody").height == 0
    assert store.query_range(naive, naive + HOUR, metric_types=["steps"])["metric_type"].to_list() == ["steps"]
    with pytest.raises(UnknownNameError, match="there is no table 'metrics'"):
        store.query_range(naive, naive + HOUR, metric_types=["metrics"])
    with pytest.raises(InputError, match="not after its start"):
        store.query_range(naive, naive)


@given(strategies.steps(), st.sampled_from(["avg", "sum", "count", "min", "max"]), st.booleans())
def test_aggregates_are_those_of_plain_python(
    tmp_path_factory: Any, steps: pl.DataFrame, aggregation: Any, filtered: bool
) -> None:
    store = TimeSeriesStore(tmp_path_factory.mktemp("store"))
    store.write_frame("steps", steps)
    filters = {"status": ["completed", "failed"], "retry_count": 0} if filtered else None
    span = (datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 30, tzinfo=UTC))
    got = store.aggregate("steps.duration_ms", aggregation, ["node_id", "status"], *span, filters)

    groups: dict[tuple[str, str], list[float]] = {}
    for row in steps.to_dicts():
        if not filtered or (row["status"] in ("completed", "failed") and row["retry_count"] == 0):
            values = groups.setdefault((row["node_id"], row["status"]), [])
            values += [row["duration_ms"]] if row["duration_ms"] is not None else []
    function: dict[str, Callable[[list[float]], float | None]] = {
        "avg": lambda v: sum(v) / len(v) if v else None,
        "sum": sum,
        "count": len,
        "min": lambda v: min(v, default=None),
        "max": lambda v: max(v, default=None),
    }
    assert [row[:2] for row in got.rows()] == sorted(groups)
    for node, status, value, n in got.rows():
        values = groups[node, status]
        assert n == len(values)
        assert value == (
            None if function[aggregation](values) is None else pytest.approx(function[aggregation](values))
        )


def test_an_aggregate_of_what_does_not_exist_lists_what_does(root: Path) -> None:
    store, span = TimeSeriesStore(root), (AT, AT + HOUR)

    with pytest.raises(UnknownNameError, match="did you mean 'duration_ms'"):
        store.aggregate("steps.duration", "avg", [], *span)
    with pytest.raises(UnknownNameError, match="there is no aggregation 'average'"):
        store.aggregate("duration_ms", "average", [], *span)
    with pytest.raises(UnknownNameError, match="executions has no column 'node_id'"):
        store.aggregate("duration_ms", "avg", ["node_id"], *span)
    assert store.aggregate("duration_ms", "count", [], *span).rows() == [(0, 0)]


def test_an_unknown_column_is_said_when_the_scan_is_made(root: Path) -> None:
    store = TimeSeriesStore(root)

    with pytest.raises(UnknownNameError, match=r"steps has no column 'duration'; did you mean 'duration_ms'"):
        store.scan("steps", columns=["duration"])
    with pytest.raises(UnknownNameError, match="executions has no column '_writer'"):
        store.read("executions", columns=["_writer"])
    assert store.read("executions", columns=["status"]).columns == ["status"]


def test_a_lazy_frame_stays_valid_for_the_grace(root: Path) -> None:
    for n in range(3):
        put(root, [f"e{n}"], seq=n)
    lazy = TimeSeriesStore(root).scan("executions")
    compact(root)

    assert lazy.collect().height == 3


def test_a_read_starts_over_where_files_were_compacted_away(root: Path) -> None:
    for n in range(3):
        put(root, [f"e{n}"], seq=n)
    store = TimeSeriesStore(root)
    attempts: list[int] = []

    def query() -> pl.LazyFrame:
        lazy = store.scan("executions")
        if not attempts:
            compact_day(root, "executions", DAY, grace_s=0)
        attempts.append(1)
        return lazy

    assert store.collect(query).height == 3
    assert len(attempts) == 2


def test_a_read_gives_up_with_an_error_that_says_why(root: Path) -> None:
    put(root, ["e"], seq=0)
    store, seq = TimeSeriesStore(root), itertools.count(1)

    def query() -> pl.LazyFrame:
        lazy = store.scan("executions")
        for path in store.files():
            path.unlink()
        put(root, ["e"], seq=next(seq))
        return lazy

    with pytest.raises(StoreError, match="went away under each of 50 attempts"):
        store.collect(query)


def test_damage_inside_a_file_is_found_when_it_is_read_and_the_rest_is_returned(root: Path) -> None:
    put(root, ["good"], seq=0)
    put(root, ["bad"] * 50, seq=1)
    path = day_folder(root, "executions", DAY) / "f-0123456789ab-00000001.parquet"
    data = bytearray(path.read_bytes())
    choose = random.Random(3)
    for at in range(4, 400):
        data[at] = choose.randrange(256)  # the pages; the footer stays as it was
    path.write_bytes(data)
    store = TimeSeriesStore(root)

    assert store.read("executions")["execution_id"].to_list() == ["good"]
    assert store.warnings() == ("executions 2026-11-03: 1 of 2 files are damaged and left out (see _quarantine.jsonl)",)
    assert store.warnings("2026-11-05") == ()


def test_many_small_files_are_compacted_before_they_are_read_at_most_once_a_minute(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(first: int) -> None:
        for n in range(first, first + 70):
            put(root, [f"e{n}"], seq=n)

    fill(0)
    aloof, store = TimeSeriesStore(root, compact=False), TimeSeriesStore(root)
    assert aloof.read("executions").height == 70
    assert len(aloof.files()) == 70
    assert store.read("executions").height == 70
    assert len(store.files()) == 1
    fill(70)
    assert store.read("executions").height == 140
    assert len(store.files()) == 71  # within the minute
    monkeypatch.setattr(reading, "_COMPACT_EVERY_S", 0.0)
    assert store.read("executions").height == 140
    assert len(store.files()) <= 2


def test_a_newer_store_is_refused_before_anything_is_read_or_written(root: Path) -> None:
    root.mkdir()
    (root / "_store.json").write_text('{"format": 2}')
    store = TimeSeriesStore(root)

    with pytest.raises(StoreError, match="upgrade rpa-lab"):
        store.read("executions")
    with pytest.raises(StoreError, match="upgrade rpa-lab"):
        store.write_metrics([execution("e")])


@given(strategies.steps(), st.booleans())
def test_steps_come_back_as_they_were_written(tmp_path_factory: Any, steps: pl.DataFrame, compacted: bool) -> None:
    root = tmp_path_factory.mktemp("store")
    store = TimeSeriesStore(root)
    store.write_frame("steps", steps)
    if compacted:
        compact(root, grace_s=0)

    key = ["step_id"]
    assert_frame_equal(store.read("steps").sort(key), steps.sort(key), check_column_order=False)


def test_a_process_that_forked_writes_under_a_name_of_its_own(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = TimeSeriesStore(root)
    store.write_metrics([execution("a")])
    real = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: real + 1)
    store.write_metrics([execution("b")])

    assert len({path.name[2:14] for path in store.files()}) == 2
    assert store.read("executions").height == 2


def test_a_store_that_is_no_path_is_said() -> None:
    with pytest.raises(TypeError, match="expected the folder of the store"):
        TimeSeriesStore(5)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="tz 'Mars' is no time zone"):
        TimeSeriesStore(tz="Mars")
    assert date(2026, 11, 3) == DAY


def test_threads_never_get_the_same_name_for_two_fragments(root: Path) -> None:
    import sys
    import threading

    from rpa_lab.storage.writing import Writing

    writing, names = Writing(root), list[Any]()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [
            threading.Thread(target=lambda: names.extend([writing._next("steps", DAY) for _ in range(5_000)]))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)

    assert len(set(names)) == len(names) == 20_000


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


def test_a_naive_time_that_the_clock_skips_is_read_as_everywhere_else(root: Path) -> None:
    from rpa_lab.period import as_utc

    skipped = datetime(2026, 3, 29, 2, 30)  # noqa: DTZ001 - meant naive
    for tz in ("Europe/Berlin", "Australia/Lord_Howe"):
        store = TimeSeriesStore(root / tz.replace("/", "-"), tz=tz)
        at = skipped if tz == "Europe/Berlin" else datetime(2026, 10, 4, 2, 15)  # noqa: DTZ001
        store.write_frame("executions", frame("a").with_columns(started_at=pl.lit(at)))
        assert store.read("executions")["started_at"].item() == as_utc(at, tz=tz)


def test_the_workflows_that_it_holds_are_named(root: Path) -> None:
    store = TimeSeriesStore(root)
    runs = [{"execution_id": f"e{n}", "workflow_id": name} for n, name in enumerate(["b", "a", "b", None])]
    store.write_frame("executions", pl.DataFrame([run | {"started_at": AT, "status": "completed"} for run in runs]))

    assert store.workflow_ids() == ["a", "b"]
    store.check_workflow("a")
    store.check_workflow(None)
    with pytest.raises(UnknownNameError, match=r"the store has no workflow 'c'\. It has: a, b"):
        store.check_workflow("c")
