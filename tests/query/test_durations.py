"""Two passes over summaries and buckets give what one pass over all rows gives, and NumPy agrees."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from rpa_lab.errors import InputError, UnknownNameError
from rpa_lab.measures import quantile
from rpa_lab.period import Span
from rpa_lab.query import durations
from rpa_lab.query.durations import duration_table, serves
from rpa_lab.storage import ranked
from rpa_lab.storage.compaction import compact_day
from rpa_lab.storage.retention import delete_day
from rpa_lab.storage.store import TimeSeriesStore
from rpa_lab.storage.summary import ACCURACY
from tests.oracles import durations_by_group
from tests.storage.history import happen
from tests.strategies import WORKFLOWS, store_histories

_FIRST = datetime(2026, 10, 23, tzinfo=UTC)
_QUANTILES = (0.0, 0.5, 0.95, 0.999, 1.0)
_FILTERS = {
    "all": None,
    "one": pl.col("workflow_id") == WORKFLOWS[0],
    "completed": pl.col("status") == "completed",
    "none": pl.col("status") == "no such status",
}


_AGREES = durations._Question._agrees


@pytest.fixture(autouse=True)
def two_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """However few rows there are; and a few of them at once. What both passes say must agree: nothing saves them."""
    real = _AGREES

    def agrees(*args: Any) -> bool:
        assert real(*args), "the passes contradict each other"
        return True

    monkeypatch.setattr(durations._Question, "_agrees", agrees)
    monkeypatch.setattr(durations, "FEW_ROWS", 0)
    monkeypatch.setattr(ranked, "_ROWS_AT_ONCE", 5)
    monkeypatch.setattr(ranked, "_SLICE", 3)


def _spans() -> st.SearchStrategy[Span]:
    hours = st.tuples(st.sampled_from([0, 0, 7, 24, 30]), st.sampled_from([24, 48, 72, 100, 120]))
    return hours.map(lambda ends: Span(_FIRST + timedelta(hours=ends[0]), _FIRST + timedelta(hours=sum(ends))))


def _by(table: str) -> st.SearchStrategy[list[str]]:
    names = ["workflow_id", "status", *(["node_id"] if table == "steps" else [])]
    return st.sampled_from([list(some) for n in range(3) for some in itertools.combinations(names, n)])


def _check(store: TimeSeriesStore, table: str, span: Span, by: list[str], where: pl.Expr | None) -> None:
    rows = store.scan(table, span)
    rows = rows if where is None else rows.filter(where)
    got = duration_table(store, table, span, by=by, where=where, quantiles=_QUANTILES).table
    names = [name for name in got.columns if name.startswith("p")]

    values = [quantile(q).alias(name) for q, name in zip(_QUANTILES, names, strict=True)]
    once = rows.group_by(by).agg(values).sort(by, nulls_last=True) if by else rows.select(values)
    assert_frame_equal(got.select(*by, *names), once.collect(), check_exact=True)

    expected = durations_by_group(rows.collect().to_dicts(), by, _QUANTILES)
    assert {tuple(row[name] for name in by) for row in got.to_dicts()} == (set(expected) if by else {()})
    for row in got.to_dicts():
        for name, value in expected.get(tuple(row[name] for name in by), {"rows": 0, "n": 0}).items():
            assert row[name] == (value if value is None else pytest.approx(value, rel=1e-9, abs=1e-6)), name


@given(store_histories("steps"), _spans(), _by("steps"), st.sampled_from(sorted(_FILTERS)))
def test_steps_in_two_passes_are_those_of_all_rows(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[str, Any]], span: Span, by: list[str], which: str
) -> None:
    store = happen(tmp_path_factory.mktemp("store"), "steps", history)
    _check(store, "steps", span, by, _FILTERS[which])


@given(store_histories("executions"), _spans(), _by("executions"), st.sampled_from(sorted(_FILTERS)))
def test_executions_in_two_passes_are_those_of_all_rows(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[str, Any]], span: Span, by: list[str], which: str
) -> None:
    store = happen(tmp_path_factory.mktemp("store"), "executions", history)
    _check(store, "executions", span, by, _FILTERS[which])


@given(store_histories("steps"), _spans(), _by("steps"))
def test_approximate_quantiles_keep_their_bounds(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[str, Any]], span: Span, by: list[str]
) -> None:
    store = happen(tmp_path_factory.mktemp("store"), "steps", history)
    exact = duration_table(store, "steps", span, by=by, quantiles=_QUANTILES)
    near = duration_table(store, "steps", span, by=by, quantiles=_QUANTILES, approximate=True)

    assert (exact.error, near.error) == (0.0, ACCURACY)
    assert_frame_equal(near.table.select(exact.table.columns[: len(by) + 3]), exact.table[:, : len(by) + 3])
    for name in [name for name in exact.table.columns if name.startswith("p")]:
        for true, found, low, high in zip(
            exact.table[name],
            near.table[name],
            near.table[name.replace("_ms", "_low_ms")],
            near.table[name.replace("_ms", "_high_ms")],
            strict=True,
        ):
            if true is None:
                assert (found, low, high) == (None, None, None)
            else:
                assert low - 1e-9 * true <= true <= high + 1e-9 * true
                assert abs(found - true) <= near.error * true + 1e-9


def _week(root: Path) -> TimeSeriesStore:
    """Three compacted days of two workflows, a hundred steps each."""
    for n in range(3):
        at = _FIRST + timedelta(days=n, hours=9)
        numbers = list(range(100))
        frame = pl.DataFrame(
            {
                "execution_id": ["e"] * 100,
                "workflow_id": [WORKFLOWS[k % 2] for k in numbers],
                "node_id": ["n"] * 100,
                "action_type": ["click"] * 100,
                "started_at": [at] * 100,
                "completed_at": [at] * 100,
                "duration_ms": [float((k * 37 + n * 11) % 101) for k in numbers],
                "status": ["completed"] * 100,
                "retry_count": [0] * 100,
                "step_index": numbers,
            }
        )
        TimeSeriesStore(root).write_frame("steps", frame)
        compact_day(root, "steps", at.date(), grace_s=0)
    return TimeSeriesStore(root, compact=False)


def test_runs_without_a_workflows_name_are_a_group_of_their_own(root: Path) -> None:
    at = _FIRST + timedelta(hours=9)
    names = [None, None, None, "a", "a", "b"]
    frame = pl.DataFrame(
        {
            "execution_id": [f"e{n}" for n in range(6)],
            "workflow_id": names,
            "started_at": [at] * 6,
            "completed_at": [at] * 6,
            "duration_ms": [1.0, 2.0, 6.0, 10.0, 30.0, None],
            "status": ["completed"] * 6,
        }
    )
    store = TimeSeriesStore(root, compact=False, as_of=_FIRST + timedelta(days=9))
    store.write_frame("executions", frame)
    compact_day(root, "executions", at.date(), grace_s=0)
    assert len(store.rolled_up("executions", "all").files) == 1
    for by in (["workflow_id"], ["workflow_id", "status"]):
        got = duration_table(store, "executions", "all", by=by, quantiles=[0.5]).table
        assert got.select("workflow_id", "rows", "n", "mean_ms", "p50_ms").rows() == [
            ("a", 2, 2, 20.0, 20.0),
            ("b", 1, 0, None, None),
            (None, 3, 3, 3.0, 2.0),
        ]


def _median(store: TimeSeriesStore) -> list[float]:
    return duration_table(store, "steps", "all", by=["workflow_id"], quantiles=[0.5]).table["p50_ms"].to_list()


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], object]]:
    """What is put in here is done once, after the first pass and before the second."""
    todo: list[Callable[[], object]] = []
    real = ranked.durations_in

    def durations_in(*args: Any, **more: Any) -> pl.DataFrame:
        while todo:
            todo.pop()()
        return real(*args, **more)

    monkeypatch.setattr(durations, "durations_in", durations_in)
    return todo


def test_a_day_that_is_compacted_between_the_passes_is_summed_up_again(
    root: Path, between: list[Callable[[], object]]
) -> None:
    store = _week(root)
    late = store.read("steps", _FIRST.date().isoformat()).head(1)
    late = late.drop("step_id").with_columns(step_index=pl.lit(1000), duration_ms=pl.lit(5000.0))

    def compact() -> None:
        TimeSeriesStore(root).write_frame("steps", late)
        compact_day(root, "steps", _FIRST.date(), grace_s=0)

    between.append(compact)
    got = duration_table(store, "steps", "all", by=[], quantiles=[1.0]).table
    assert (got["n"].item(), got["p100_ms"].item()) == (301, 5000.0)


def test_a_day_that_is_deleted_between_the_passes_is_left_out(root: Path, between: list[Callable[[], object]]) -> None:
    store = _week(root)
    between.append(lambda: delete_day(root, "steps", _FIRST.date(), grace_s=0))
    assert duration_table(store, "steps", "all", by=[], quantiles=[0.5]).table["n"].item() == 200


def test_files_that_contradict_their_summaries_are_read_in_full(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = _week(root)
    expected = _median(store)
    monkeypatch.setattr(durations._Question, "_agrees", _AGREES)
    real = ranked.durations_in
    monkeypatch.setattr(durations, "durations_in", lambda *args, **more: real(*args, **more)[1:])
    assert _median(store) == expected


def test_little_is_read_at_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = _week(root)
    expected = _median(store)
    monkeypatch.setattr(durations, "FEW_ROWS", 300)
    monkeypatch.setattr(durations, "durations_in", lambda *args, **more: pytest.fail("a second pass"))
    assert _median(store) == expected


def test_what_the_summaries_do_not_know_is_refused(root: Path) -> None:
    store = _week(root)
    with pytest.raises(UnknownNameError, match="the rollups of steps have no column 'action_type'"):
        duration_table(store, "steps", "all", by=["action_type"])
    with pytest.raises(UnknownNameError, match="there are no rollups of 'resources'"):
        duration_table(store, "resources", "all", by=[])
    with pytest.raises(InputError, match="quantiles has 95, expected fractions from 0 to 1"):
        duration_table(store, "steps", "all", by=[], quantiles=[95])
    assert serves("executions", ["workflow_id", "status"])
    assert not serves("executions", ["node_id"])
