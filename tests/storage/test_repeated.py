"""Folding only what is repeated gives what folding everything gives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from rpa_lab.period import Span
from rpa_lab.schema import TABLES
from rpa_lab.storage import repeated
from rpa_lab.storage.compaction import compact_day
from rpa_lab.storage.derive import with_state
from rpa_lab.storage.fold import fold
from rpa_lab.storage.reading import Reading
from rpa_lab.storage.snapshot import look
from tests.storage.days import DAY, put
from tests.storage.history import happen
from tests.strategies import WORKFLOWS, store_histories

_FIRST = datetime(2026, 10, 23, tzinfo=UTC)
_AS_OF = datetime(2026, 10, 29, tzinfo=UTC)
_REACH = timedelta(days=2)


def _folded_in_full(reading: Reading, span: Span) -> pl.LazyFrame:
    """The executions of a span as they were read before anything was known of their ids."""
    rows = fold(reading.stored("executions", Span(span.start - _REACH, span.end + _REACH)))
    at = pl.coalesce("started_at", "completed_at")
    health = reading.stored("collector_health", Span(span.start - _REACH, _AS_OF)).select("writer", "timestamp")
    return with_state(rows.filter((at >= span.start) & (at < span.end)), health, as_of=_AS_OF)


@given(store_histories("executions"), st.integers(0, 119), st.integers(1, 120), st.sampled_from([None, *WORKFLOWS]))
def test_executions_are_those_of_a_full_fold(
    tmp_path_factory: pytest.TempPathFactory,
    history: list[tuple[str, Any]],
    first_hour: int,
    hours: int,
    workflow_id: str | None,
) -> None:
    root = tmp_path_factory.mktemp("store")
    happen(root, "executions", history)
    reading = Reading(root, compact=False)
    start = _FIRST + timedelta(hours=first_hour)
    span = Span(start, start + timedelta(hours=hours))
    mine = pl.col("workflow_id").is_null() if workflow_id is None else pl.col("workflow_id") == workflow_id
    for chosen in (pl.lit(value=True), mine):
        expected = _folded_in_full(reading, span).filter(chosen).collect()
        got = reading.rows("executions", span, as_of=_AS_OF).filter(chosen).collect()
        assert_frame_equal(got, expected, check_row_order=False)


def _files(root: Path, *days: int) -> list[Any]:
    return [file for n in days for file in look(root, "executions", DAY + timedelta(days=n)).files]


def _found(root: Path, *days: int) -> repeated.Repeated | None:
    reading = Reading(root, compact=False)
    return repeated.repeated_in(_files(root, *days), read=lambda files: reading._open(TABLES["executions"], files))


def test_an_id_of_two_days_is_found_and_so_are_its_files(root: Path) -> None:
    for n, ids in enumerate((["a", "b"], ["c"], ["d", "b"])):
        put(root, ids, seq=0, day=DAY + timedelta(days=n))
        compact_day(root, "executions", DAY + timedelta(days=n), grace_s=0)
    found = _found(root, 0, 1, 2)
    assert found is not None
    assert found.ids.to_list() == ["b"]
    assert found.within == {file.path for file in _files(root, 0, 2)}
    assert not found.running

    alone = _found(root, 0, 1)
    assert alone is not None
    assert (alone.ids.to_list(), alone.within) == ([], frozenset())


def test_a_run_that_goes_on_is_noticed(root: Path) -> None:
    put(root, ["a"], seq=0)
    put(root, ["b"], seq=1, status="running")
    found = _found(root, 0)
    assert found is not None
    assert found.running


def test_of_too_many_rows_nothing_is_found_out(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(root, ["a", "b", "c"], seq=0)
    monkeypatch.setattr(repeated, "_MOST_ROWS", 2)
    assert _found(root, 0) is None


def test_a_file_that_is_gone_or_damaged_is_left_to_whoever_reads_the_rows(root: Path) -> None:
    put(root, ["a"], seq=0)
    files = _files(root, 0)
    reading = Reading(root, compact=False)
    files[0].path.unlink()
    assert repeated.repeated_in(files, read=lambda some: reading._open(TABLES["executions"], some)) is None
