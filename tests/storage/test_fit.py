from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from rpa_lab import TimeSeriesStore
from rpa_lab.errors import InputError, UnknownNameError
from tests.storage.runs import execution, frame, step


def test_one_bad_record_and_nothing_is_written(root: Path) -> None:
    store = TimeSeriesStore(root)
    bad = step("a")
    bad.node_id = None  # type: ignore[assignment]

    with pytest.raises(InputError, match=r"steps row 1: node_id is None, expected a string; nothing was written"):
        store.write_metrics([execution("a"), step("a"), bad])
    with pytest.raises(InputError, match=r"metrics\[0\] is 'x', expected one of rpa_lab\.records"):
        store.write_metrics(["x"])  # type: ignore[list-item]
    assert not root.exists()


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


def test_a_naive_time_that_the_clock_skips_is_read_as_everywhere_else(root: Path) -> None:
    from rpa_lab.period import as_utc

    skipped = datetime(2026, 3, 29, 2, 30)  # noqa: DTZ001 - meant naive
    for tz in ("Europe/Berlin", "Australia/Lord_Howe"):
        store = TimeSeriesStore(root / tz.replace("/", "-"), tz=tz)
        at = skipped if tz == "Europe/Berlin" else datetime(2026, 10, 4, 2, 15)  # noqa: DTZ001
        store.write_frame("executions", frame("a").with_columns(started_at=pl.lit(at)))
        assert store.read("executions")["started_at"].item() == as_utc(at, tz=tz)
