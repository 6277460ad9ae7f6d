"""Property 20: any archived data is retrievable, and matches the original data when decompressed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from rpa_lab import ArchiveStorage, TimeSeriesStore
from tests import strategies

_FAR = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
TABLES = st.one_of(
    st.tuples(st.just("executions"), strategies.executions()),
    st.tuples(st.just("steps"), strategies.steps()),
    st.tuples(st.just("resources"), strategies.resources()),
)


def _rows(frame: pl.DataFrame, names: list[str]) -> list[tuple[Any, ...]]:
    return sorted(frame.select(names).rows(), key=repr)


@given(TABLES, st.booleans(), st.lists(st.booleans(), min_size=20, max_size=20))
def test_archived_rows_equal_the_original(
    tmp_path_factory: Any, given_rows: tuple[str, pl.DataFrame], as_dicts: bool, recorded: list[bool]
) -> None:
    """Whether a bot recorded them before (some, all or none), and as whichever type they are handed over."""
    table, original = given_rows
    root: Path = tmp_path_factory.mktemp("store")
    store, archive = TimeSeriesStore(root), ArchiveStorage(root, grace_s=0)
    before = original.filter(pl.Series(recorded[: original.height], dtype=pl.Boolean))
    if before.height:
        store.write_frame(table, before)
    at = original.columns[0] if table == "resources" else "started_at"
    files = []
    for (day,), rows in original.group_by(pl.col(at).dt.date(), maintain_order=True):
        path = archive.archive_data(rows.to_dicts() if as_dicts else rows, day, table=table)
        assert archive.archive_data(rows, day, table=table) == path
        files.append(path)

    back = archive.query_archive(*_FAR, table=table)
    assert_frame_equal(store.read(table), back, check_row_order=table != "resources")
    if table == "executions":  # that nobody has heard of a running one since is said when read, and not stored
        back = back.with_columns(pl.col("status").replace("abandoned", "running"))
    assert _rows(back, original.columns) == _rows(original, original.columns)
    plain = pl.concat([pl.read_parquet(path, glob=False) for path in files]) if files else original
    assert _rows(plain, original.columns) == _rows(original, original.columns)  # any reader of Parquet gets them
