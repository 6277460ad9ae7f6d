from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import polars.selectors as cs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from rpa_lab import ArchiveStorage, ExecutionMetrics, StepMetrics, TimeSeriesStore
from rpa_lab.errors import InputError, UnknownNameError
from rpa_lab.period import Span
from rpa_lab.query.comparison import COLUMNS
from rpa_lab.query.engine import QueryEngine
from rpa_lab.query.query import Query
from rpa_lab.schema import TABLES
from rpa_lab.storage.compaction import compact
from tests import oracles, strategies
from tests.query.mixed import seen, store_mixed, told_twice

AT = datetime(2026, 11, 3, 10, tzinfo=UTC)
_START, _END = datetime(2026, 10, 20, tzinfo=UTC), datetime(2026, 10, 30, tzinfo=UTC)
_STATISTICS = ("count", "sum", "avg", "mean", "min", "max", "median", "std", "p50", "p95", "p99.9", "p0.1")
_GROUPS = {
    "executions": ("workflow_id", "status", "host", "robot_id", "steps_failed", "exception_kind"),
    "steps": ("workflow_id", "node_id", "status", "retry_count", "application"),
}
_COLUMNS = {"executions": ("duration_ms", "steps_total"), "steps": ("duration_ms", "retry_count", "confidence_score")}


@given(
    st.data(),
    st.one_of(
        st.tuples(st.just("executions"), strategies.executions(max_size=16)),
        st.tuples(st.just("steps"), strategies.steps(max_size=24)),
    ),
    strategies.storings(),
    st.lists(st.booleans(), max_size=16),
    strategies.moments(),
    st.sampled_from(strategies.ZONES),
)
def test_groups_and_their_metrics_are_those_of_plain_python(
    tmp_path_factory: Any,
    data: st.DataObject,
    given_rows: tuple[str, pl.DataFrame],
    storing: list[tuple[int, str, int]],
    apart: list[bool],
    as_of: datetime,
    tz: str,
) -> None:
    table, rows = given_rows
    root = tmp_path_factory.mktemp("store")
    store_mixed(root, table, told_twice(rows, apart) if table == "executions" else rows, storing)
    truth, zone = seen(table, rows, as_of=as_of), ZoneInfo(tz)
    filters = data.draw(strategies.filters(table, truth))
    columns = data.draw(st.lists(st.sampled_from(_GROUPS[table]), max_size=2, unique=True))
    bins = data.draw(st.lists(st.sampled_from(["hour", "day", "week", "weekday", "hour_of_week"]), max_size=1))
    interval = data.draw(st.sampled_from([None, None, "15min", "1h", "6h", "1d", "1w"]))
    asked = data.draw(st.lists(st.sampled_from(_STATISTICS), max_size=4, unique=True))
    column = data.draw(st.sampled_from(_COLUMNS[table]))
    metrics = ["count", "success_rate", "rate_per_hour", *(f"{name}({column})" for name in asked)]

    engine = QueryEngine(TimeSeriesStore(root, as_of=as_of, tz=tz))
    got = engine.query(
        Query.of(
            table=table,
            filters=filters,
            group_by=[*bins, *columns],
            interval=interval,
            metrics=metrics,
            period=Span(_START, _END),
        )
    ).table

    bins = [*([interval] if interval else []), *bins]
    kept = [row for row in truth if oracles.meets(row, filters, zone)]
    expected = oracles.grouped(kept, bins, columns, zone)
    if not bins and not columns:
        expected = {(): kept}
    hours = _hours(tuple(bins), tz)
    in_utc = got.with_columns(cs.datetime().dt.convert_time_zone("UTC"))
    keys = [row[: len(bins) + len(columns)] for row in in_utc.rows()]
    assert keys == sorted(expected, key=lambda key: tuple((value is None, value) for value in key))
    for key, row in zip(keys, got.rows(named=True), strict=True):
        group = expected[key]
        assert row["n"] == row["count"] == len(group)
        rate, ended = oracles.measured("success_rate", group, None)
        assert (row["success_rate"], row["n_success_rate"]) == (pytest.approx(rate), ended)
        assert row["hours"] == pytest.approx(hours[key[: len(bins)]])
        assert row["rate_per_hour"] == pytest.approx(len(group) / hours[key[: len(bins)]])
        for name in asked:
            value, n = oracles.measured(name, group, column)
            close = None if value is None else pytest.approx(value, rel=1e-9, abs=1e-6)
            assert row[f"{'avg' if name == 'mean' else name}_{column}"] == close
            assert row.get(f"n_{column}", n) == n


@cache
def _hours(bins: tuple[str, ...], tz: str) -> dict[tuple[Any, ...], float]:
    """How long each combination of bins lasts from `_START` to `_END`, in which clocks are set at full hours only."""
    quarters = [_START + n * timedelta(minutes=15) for n in range((_END - _START) // timedelta(minutes=15))]
    found = Counter(tuple(oracles.bin_of(name, at, ZoneInfo(tz)) for name in bins) for at in quarters)
    return {key: count / 4 for key, count in found.items()}


@given(strategies.steps(min_size=1), st.sampled_from(["node_id", "-duration_ms", "-retry_count", "status"]), st.data())
def test_rows_come_in_order_and_what_is_equal_comes_in_one_order_always(
    tmp_path_factory: Any, steps: pl.DataFrame, order: str, data: st.DataObject
) -> None:
    limit = data.draw(st.none() | st.integers(1, steps.height + 1))
    answers = []
    for shuffled in (steps, steps.reverse()):
        store = TimeSeriesStore(tmp_path_factory.mktemp("store"))
        store.write_frame("steps", shuffled)
        answers.append(QueryEngine(store).query({"table": "steps", "order": order, "limit": limit}).table)

    assert answers[0].equals(answers[1])
    name, down = order.removeprefix("-"), order.startswith("-")
    known = sorted((value for value in steps[name] if value is not None), reverse=down)
    expected = [*known, *[None] * (steps.height - len(known))][:limit]
    assert answers[0][name].to_list() == expected


@pytest.fixture
def store(root: Path) -> TimeSeriesStore:
    """Two workflows: a ran at 10:00 (1 s), 10:30 (3 s, failed) and 12:00 (it still runs), b at 10:00 (5 s)."""
    made = TimeSeriesStore(root, as_of=AT + timedelta(hours=2, minutes=5))
    made.write_metrics(
        [
            _run("a1", "a", 0, 1000.0),
            _run("a2", "a", 30, 3000.0, status="failed"),
            _run("a3", "a", 120, None, status="running"),
            _run("b1", "b", 0, 5000.0),
            *(
                StepMetrics(None, "a1", "a", "n", "click", None, AT, AT, ms, "completed", None, 1)
                for ms in (10.0, 20.0)
            ),
            StepMetrics(None, "b1", "b", "n", "click", None, AT, AT, 0.0, "skipped"),
        ]
    )
    return made


def _run(name: str, workflow: str, minute: int, ms: float | None, *, status: str = "completed") -> ExecutionMetrics:
    at = AT + timedelta(minutes=minute)
    end = None if ms is None else at + timedelta(milliseconds=ms)
    return ExecutionMetrics(name, workflow, at, end, ms, status, None, None, None)


def test_a_grouped_answer_has_an_n_for_each_statistic(store: TimeSeriesStore) -> None:
    answer = QueryEngine(store).query(
        {"group_by": "workflow_id", "metrics": ["p95", "success_rate"], "period": "2026-11-03"}
    )

    columns = ["workflow_id", "n", "p95_duration_ms", "n_duration_ms", "success_rate", "n_success_rate"]
    assert answer.table.columns == columns
    assert answer.table.rows() == [("a", 3, pytest.approx(2900), 2, 50.0, 2), ("b", 1, 5000.0, 1, 100.0, 1)]
    assert answer.time_period == "2026-11-03T00:00:00Z/2026-11-04T00:00:00Z"
    assert answer.warnings == ("1 of 4 executions still run: how long they take, and how they end, isn't known yet",)


def test_a_period_is_still_to_come_by_the_present_or_a_later_now_and_not_by_the_newest_record(root: Path) -> None:
    """A store of long ago whose "now" is its newest record has no future."""
    old = TimeSeriesStore(root, as_of="latest")
    at = datetime(2011, 10, 14, 10, tzinfo=UTC)
    old.write_metrics([ExecutionMetrics("x", "a", at, at, 0.0, "completed", None, None, None)])
    later = old.seen(as_of="2099-10-14T10:00Z")

    assert QueryEngine(old).query({"metrics": "count", "period": "2011-10"}).warnings == ()
    assert QueryEngine(later).query({"metrics": "count", "period": "2099-10"}).warnings == (
        "the period ends at 2099-11-01 00:00 (UTC), which is still to come",
    )


def test_steps_that_were_skipped_neither_succeeded_nor_failed(store: TimeSeriesStore) -> None:
    asked = {"table": "steps", "metrics": ["success_rate", "avg"], "group_by": "workflow_id"}

    assert QueryEngine(store).query(asked).table.rows() == [("a", 2, 100.0, 2, 15.0, 2), ("b", 1, None, 0, 0.0, 1)]


def test_a_rate_is_per_hour_of_the_bin_as_far_as_it_lies_in_the_period(store: TimeSeriesStore) -> None:
    asked = {"metrics": "rate_per_hour", "interval": "1h", "period": "2026-11-03T09:30Z/2026-11-03T12:15Z"}
    table = QueryEngine(store).query(asked).table

    assert table.columns == ["start", "n", "hours", "rate_per_hour"]
    assert table.rows() == [(AT, 3, 1.0, 3.0), (AT + timedelta(hours=2), 1, 0.25, 4.0)]
    whole = QueryEngine(store).query(asked | {"interval": None}).table
    assert whole.rows() == [(4, 2.75, pytest.approx(4 / 2.75))]


def test_hours_of_the_week_are_rated_over_all_of_them_that_the_period_has(store: TimeSeriesStore) -> None:
    asked = {"metrics": "rate_per_hour", "group_by": "hour_of_week", "period": "2026-10-26/2026-11-09"}

    assert QueryEngine(store).query(asked).table.rows() == [(24 + 10, 3, 2.0, 1.5), (24 + 12, 1, 2.0, 0.5)]


def test_times_of_an_answer_are_in_the_stores_zone(store: TimeSeriesStore) -> None:
    engine = QueryEngine(store.seen(tz="Asia/Kolkata"))
    answer = engine.query({"filters": {"started_at": {"ge": datetime(2026, 11, 3, 17)}}, "columns": ["started_at"]})  # noqa: DTZ001

    assert answer.tz == "Asia/Kolkata"
    assert answer.table["started_at"].to_list() == [AT + timedelta(hours=2)]
    assert answer.table.schema == {"started_at": pl.Datetime("us", "Asia/Kolkata")}


def test_runs_whose_collector_fell_silent_are_abandoned_once_as_of_is_late_enough(store: TimeSeriesStore) -> None:
    asked = {"filters": {"status": "abandoned"}, "columns": ["execution_id", "last_seen_at"]}
    later = QueryEngine(TimeSeriesStore(store.root, as_of=AT + timedelta(hours=3)))

    assert QueryEngine(store).query(asked).table.height == 0
    assert later.query(asked).table.rows() == [("a3", AT + timedelta(hours=2))]
    assert later.query({"metrics": "success_rate"}).table["n_success_rate"].item() == 4


def test_an_empty_store_answers_with_no_rows_and_no_groups(root: Path) -> None:
    engine = QueryEngine(TimeSeriesStore(root))

    assert engine.query({}).table.shape == (0, 21)
    assert engine.query({"metrics": "p95", "group_by": "workflow_id"}).table.height == 0
    assert engine.query({"metrics": ["p95", "sum"], "table": "steps"}).table.rows() == [(0, None, 0, 0.0)]
    assert engine.query({"metrics": "rate_per_hour", "interval": "1h"}).table.height == 0


def test_aggregate_is_a_query_by_another_name(store: TimeSeriesStore) -> None:
    engine, day = QueryEngine(store), (AT, AT + timedelta(hours=1))
    answer = engine.aggregate("steps.duration_ms", "p50", ["workflow_id"], {"status": {"ne": "skipped"}}, day)

    assert answer.table.rows() == [("a", 2, 15.0, 2)]
    naive = (datetime(2026, 11, 3, 11), datetime(2026, 11, 3, 12))  # noqa: DTZ001 - in Paris, 10:00 UTC
    paris = QueryEngine(store.seen(tz="Europe/Paris"))
    assert paris.aggregate("steps.duration_ms", "count", [], None, naive).table["n"].item() == 3
    assert engine.aggregate("status", "success_rate", [], None, day).table["success_rate"].item() == pytest.approx(
        200 / 3
    )
    assert store.aggregate("status", "success_rate", [], *day).rows() == [(pytest.approx(200 / 3), 3)]
    assert store.aggregate("execution_id", "rate_per_hour", [], *day).rows() == [(3.0, 3)]
    assert store.aggregate("duration_ms", "p50", [], *day, {"duration_ms": {"gt": 1000}}).rows() == [(4000.0, 2)]


def test_workflows_are_compared_with_the_first(store: TimeSeriesStore) -> None:
    asked = ["count", "avg", "avg(steps.duration_ms)"]
    found = QueryEngine(store).compare(["a", "b"], asked, "2026-11-03")

    assert found.table.columns == list(COLUMNS)
    columns = ("metric", "group", "value", "n", "difference", "ratio")
    assert found.table.select(columns).rows() == [
        ("count", "a", 3.0, 3, 0.0, 1.0),
        ("count", "b", 1.0, 1, -2.0, pytest.approx(1 / 3)),
        ("avg", "a", 2000.0, 2, 0.0, 1.0),
        ("avg", "b", 5000.0, 1, 3000.0, 2.5),
        ("avg(steps.duration_ms)", "a", 15.0, 2, 0.0, 1.0),
        ("avg(steps.duration_ms)", "b", 0.0, 1, -15.0, 0.0),
    ]
    assert found.table["p_value"].null_count() == 6  # nobody can tell by one day
    assert any(text.startswith("1 of 4 executions still run") for text in found.warnings)
    back = QueryEngine(store).compare(["b", "a"], ["avg(steps.duration_ms)", "count"], "2026-11-04/2026-11-05")
    assert back.table.select("value", "n", "difference", "ratio").rows() == [
        *[(None, 0, None, None)] * 4,  # records end the day before, so that there were none isn't known either
    ]
    assert QueryEngine(store).compare(["b", "a"], "avg(steps.duration_ms)").table["ratio"].to_list() == [None, None]


def test_what_cannot_be_compared_is_said(store: TimeSeriesStore) -> None:
    engine = QueryEngine(store)
    for workflows in ("a", ["a"], ["a", "a"]):
        with pytest.raises(InputError, match="expected two or more different workflows"):
            engine.compare(workflows, "count")
    with pytest.raises(UnknownNameError, match="the store has no workflow 'c'"):
        engine.compare(["a", "c"], "count")
    with pytest.raises(InputError, match=r"'max\(started_at\)' is no number"):
        engine.compare(["a", "b"], "max(started_at)")
    with pytest.raises(InputError, match="metrics are empty"):
        engine.compare(["a", "b"], [])


def test_dropped_records_are_said_of_the_period_in_which_they_were_dropped(store: TimeSeriesStore) -> None:
    names = ("recorded", "written", "corrected", "dropped_too_large", "dropped_flush_failed", "dropped_closed")
    counted = [
        (AT - timedelta(days=1), "a", 7, 0),
        (AT, "a", 10, 2),
        (AT, "b", 1, 0),
        (AT + timedelta(days=1), "a", 99, 2),
    ]
    rows = [
        {"timestamp": at, "writer": writer * 12, "dropped_queue_full": full, "dropped_invalid": wrong}
        | dict.fromkeys(names, 0)
        for at, writer, full, wrong in counted
    ]
    store.write_frame("collector_health", pl.DataFrame(rows))

    def said(day: str) -> tuple[str, ...]:
        return (
            QueryEngine(store).query({"table": "steps", "metrics": "count", "period": f"{day}T00:00Z/PT23H"}).warnings
        )

    assert said("2026-11-03")[0] == (
        "collectors dropped 6 records in this period (4 queue full, 2 invalid): of any kind, these among them"
    )
    assert "collectors dropped 7 records" in said("2026-11-02")[0]
    assert said("2026-11-01") == ()


def test_damage_is_said(store: TimeSeriesStore) -> None:
    engine = QueryEngine(store)
    before = engine.query({"table": "steps", "period": "2026-11-03T10:00Z/PT1H"})
    file = store.files("2026-11-03", table="steps")[0]
    file.write_bytes(file.read_bytes()[:-9])
    after = engine.query({"table": "steps", "period": "2026-11-03T10:00Z/PT1H"})

    assert (before.table.height, before.warnings) == (3, ())
    assert after.table.height == 0
    assert after.warnings == ("steps 2026-11-03: 1 of 1 files are damaged and left out (see _quarantine.jsonl)",)


def test_an_archive_of_another_store_is_refused(store: TimeSeriesStore, tmp_path: Path) -> None:
    archive = ArchiveStorage(store.root)
    assert QueryEngine(store, archive).archive is archive
    with pytest.raises(InputError, match="expected the archive of"):
        QueryEngine(store, ArchiveStorage(tmp_path / "other"))


def test_archived_days_answer_as_if_they_had_never_moved(store: TimeSeriesStore) -> None:
    asked = {"metrics": ["p95", "success_rate", "std"], "group_by": ["workflow_id", "day"]}
    before = QueryEngine(store).query(asked).table
    compact(store.root, grace_s=0)
    ArchiveStorage(store.root).archive_data([], date(2026, 11, 3), table="executions")

    assert_frame_equal(QueryEngine(store).query(asked).table, before)


@pytest.mark.parametrize("table", list(TABLES))
def test_each_table_can_be_asked(root: Path, table: str) -> None:
    engine = QueryEngine(TimeSeriesStore(root))
    rows = engine.query({"table": table})

    assert rows.table.columns == list(TABLES[table].readable)
    assert engine.query({"table": table, "metrics": "rate_per_hour", "group_by": "hour"}).table.height == 0
    assert engine.query({"table": table, "metrics": f"min({TABLES[table].time})"}).table.row(0)[:2] == (0, None)


def test_an_answer_is_plain_data_and_shows_itself(store: TimeSeriesStore) -> None:
    asked = Query.of(metrics="max(started_at)", filters={"started_at": {"ge": AT}, "host": [None]}, interval="1d")
    answer = QueryEngine(store).query(asked)
    said = json.loads(json.dumps(answer.to_dict()))

    assert said["query"]["period"] == "all"
    assert said["query"]["filters"][1] == {"column": "started_at", "op": "ge", "value": "2026-11-03T10:00:00+00:00"}
    assert said["table"][0]["start"] == "2026-11-03T00:00:00+00:00"
    assert "executions: max(started_at) by interval 1d" in answer._repr_html_()
    assert answer.to_frame() is answer.table
