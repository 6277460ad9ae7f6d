"""How large compacted files are and how little of them a query reads; benchmarks/storage.py has the full day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab.journal.fragment import encode_parquet
from rpa_lab.journal.layout import published_folder
from rpa_lab.schema import TABLES
from rpa_lab.simulate import fleet
from rpa_lab.storage.compaction import compact, sorted_rows
from rpa_lab.storage.store import TimeSeriesStore

_DAY = date(2026, 11, 3)


def _simulated_steps(*, days: int, runs_per_day: float, decimals: int | None) -> pl.DataFrame:
    """The steps of a simulated fleet, whose confidence (3 decimals there) is drawn anew, as finely as asked."""
    steps = fleet(days, 8, 1, end=_DAY + timedelta(days=1), runs_per_day=runs_per_day, faults=()).steps
    doubt = np.abs(np.random.default_rng(1).normal(0, 0.02, steps.height))
    confidence = np.clip(0.985 - doubt - 0.14 * steps["retry_count"].to_numpy(), 0.2, 1)
    fine = pl.Series(confidence if decimals is None else np.round(confidence, decimals))
    known = pl.col("confidence_score").is_not_null()
    return steps.with_columns(confidence_score=pl.when(known).then(fine))


def _published(root: Path) -> Iterator[Path]:
    yield from sorted((root / "steps").glob("day=*/*.parquet"))


@pytest.mark.parametrize(("decimals", "most"), [(4, 16.0), (None, 19.0)])
def test_a_day_of_steps_takes_few_bytes_a_step(root: Path, decimals: int | None, most: float) -> None:
    steps = _simulated_steps(days=1, runs_per_day=700, decimals=decimals)
    store = TimeSeriesStore(root)
    store.write_frame("steps", steps)
    compact(root, grace_s=0)
    (path,) = _published(root)

    assert steps.height > 75_000
    assert path.stat().st_size / steps.height <= most
    order = ["execution_id", "step_index"]
    public = list(TABLES["steps"].names)
    stored = pl.read_parquet(path).select(public).sort(order)
    given = steps.select(pl.lit(None, pl.String).alias("step_id"), pl.exclude("step_id")).select(public).sort(order)
    assert stored.equals(given)  # every value as it was said, completed_at and durations too
    ids = store.read("steps", columns=["step_id", "execution_id", "step_index"])
    assert ids.select((pl.col("step_id") == pl.format("{}:{}", "execution_id", "step_index")).all()).item()
    assert ids["step_id"].n_unique() == steps.height


def test_one_workflows_query_over_days_touches_little_else(root: Path) -> None:
    steps = _simulated_steps(days=2, runs_per_day=700, decimals=4)
    TimeSeriesStore(root).write_frame("steps", steps)
    compact(root, grace_s=0)
    touched: dict[str, int] = {}
    for path in _published(root):
        metadata = pq.read_metadata(path)
        names = [metadata.row_group(0).column(n).path_in_schema for n in range(metadata.num_columns)]
        at = names.index("workflow_id")
        for group in (metadata.row_group(n) for n in range(metadata.num_row_groups)):
            bounds = group.column(at).statistics
            for name in steps["workflow_id"].unique():
                if bounds.min <= name <= bounds.max:
                    touched[name] = touched.get(name, 0) + group.num_rows

    for name, count in steps["workflow_id"].value_counts().iter_rows():
        assert count <= touched[name] <= count + 0.05 * steps.height, name


def test_the_steps_of_a_run_stand_together_in_the_order_of_runs() -> None:
    rows = TABLES["steps"].arrow.empty_table().to_pylist()
    start = pl.datetime(2026, 11, 3, time_zone="UTC")
    frame = pl.DataFrame(
        {
            "execution_id": ["b", "a", "b", "a", "c"],
            "workflow_id": ["w", "w", "w", "w", "v"],
            "step_index": [1, 0, 0, 1, 0],
            "at": [3, 2, 1, 4, 9],
        }
    ).with_columns(started_at=start + pl.duration(minutes="at"))
    whole = pl.concat(
        [pl.DataFrame(rows, schema=pl.Schema(TABLES["steps"].arrow)), frame.drop("at")], how="diagonal_relaxed"
    )
    table = whole.to_arrow().cast(pa.schema([field.with_nullable(True) for field in TABLES["steps"].arrow]))
    filled = table.to_pydict() | {name: ["x"] * 5 for name in ("node_id", "action_type", "status")}
    filled |= {"completed_at": filled["started_at"], "retry_count": [0] * 5}
    ordered = sorted_rows(TABLES["steps"], pa.table(filled, schema=TABLES["steps"].arrow))

    assert list(zip(ordered["execution_id"].to_pylist(), ordered["step_index"].to_pylist(), strict=True)) == [
        ("c", 0),
        ("b", 0),
        ("b", 1),
        ("a", 0),
        ("a", 1),
    ]


@given(st.lists(st.integers(1, 20_000), max_size=12))
def test_row_groups_are_of_one_workflow_or_of_small_ones_and_hold_every_row(counts: list[int]) -> None:
    table = TABLES["changes"]
    total = sum(counts)
    names = [f"w{n:02d}" for n, count in enumerate(counts) for _ in range(count)]
    columns = {name: pa.nulls(total, table.arrow.field(name).type) for name in table.arrow.names}
    columns |= {
        "workflow_id": pa.array(names, pa.string()),
        "change_id": pa.repeat("c", total),
        "kind": pa.repeat("k", total),
    }
    columns["at"] = pa.repeat(pa.scalar(0, pa.timestamp("us", "UTC")), total)
    data = encode_parquet(table, pa.table(columns, schema=table.arrow), compacted=True)
    file = pq.ParquetFile(pa.BufferReader(data))
    groups = [
        file.read_row_group(n, columns=["workflow_id"])["workflow_id"].to_pylist() for n in range(file.num_row_groups)
    ]

    assert [name for group in groups for name in group] == names
    size = {f"w{n:02d}": count for n, count in enumerate(counts)}
    for group in groups:
        assert len(group) <= 8192
        assert len(set(group)) <= 1 or all(size[name] < 1024 for name in group)
    assert len(groups) <= 1 + 2 * sum(-(-count // 8192) for count in counts if count >= 1024) + total // 1024


def test_the_published_file_is_what_was_measured(root: Path) -> None:
    TimeSeriesStore(root).write_frame("steps", _simulated_steps(days=1, runs_per_day=20, decimals=4))
    compact(root, grace_s=0)
    assert [path.parent for path in _published(root)] == [published_folder(root, "steps", _DAY)]
