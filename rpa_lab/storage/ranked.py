"""The second pass to exact quantiles: of the files that were summed up, only the durations in some buckets.

The first pass says which buckets hold the ranks that are asked for (`summary.locate`), less than a hundredth of all
durations. A compacted file is sorted by workflow, and its rollup says how many rows each of them has. So where only
workflows have to be told apart, the column of durations is all that is read, and no row is matched to a name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from rpa_lab.schema import TABLES
from rpa_lab.storage.footers import footer_of
from rpa_lab.storage.progress import OnStep
from rpa_lab.storage.rolled_up import Dated
from rpa_lab.storage.rollup import rows_by_workflow
from rpa_lab.storage.summary import MOST_BUCKETS, buckets_of

__all__ = ["durations_in"]

_ROWS_AT_ONCE: Final = 1_000_000
_SLICE: Final = 16_384
"""Rows whose arrays stay in a core's cache."""
_AT_ONCE: Final = 4

_Durations = npt.NDArray[np.float64]
_Groups = npt.NDArray[np.int64]
_Found = tuple[_Groups, _Groups, _Durations]


def durations_in(
    root: Path,
    table: str,
    files: Sequence[Dated],
    wanted: pl.DataFrame,
    *,
    where: pl.Expr | None = None,
    on_part: OnStep | None = None,
) -> pl.DataFrame:
    """The durations in some buckets of the histograms of some groups.

    Parameters
    ----------
    root : Path
        The store.
    table : str
        ``"executions"`` or ``"steps"``.
    files : sequence of (date, LiveFile)
        Those of a `RolledUp`.
    wanted : DataFrame
        The columns of the groups, and bucket; one row for each bucket. Each group that has durations is among them.
    where : polars.Expr, optional
        Only of these rows.
    on_part : callable, optional
        Called after each part, with how many there are.

    Returns
    -------
    DataFrame
        One row per duration, in no particular order: the columns of `wanted`, and duration_ms.

    Raises
    ------
    FileNotFoundError
        If a file is gone, or is no longer what was summed up.
    """
    by = [name for name in wanted.columns if name != "bucket"]
    groups = wanted.select(by).unique(maintain_order=True) if by else pl.DataFrame({"_all": [0]})
    numbered = groups.with_row_index("_group")
    of_group = wanted.join(numbered, on=by, nulls_equal=True, validate="m:1") if by else wanted.with_columns(_group=0)
    is_wanted = np.zeros((groups.height + 1, MOST_BUCKETS), bool)  # the last row is for whoever is in no group
    is_wanted[of_group["_group"].to_numpy(), of_group["bucket"].to_numpy()] = True
    told = set(where.meta.root_names()) if where is not None else set[str]()
    by_place = (by == ["workflow_id"] and told <= {"workflow_id"}) or (not by and not told)
    batches = list(_batches(files))

    def read(batch: list[Dated]) -> list[_Found]:
        parts = _by_place(root, table, batch, numbered) if by_place else _by_name(table, batch, numbered, where)
        return [_chosen(group, durations, is_wanted) for group, durations in parts]

    found: list[_Found] = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]
    with ThreadPoolExecutor(_AT_ONCE) as pool:  # NumPy and Polars leave the interpreter free while they count
        for at, some in enumerate(pool.map(read, batches), 1):
            found += some
            if on_part:
                on_part(at, len(batches))
    for _, file in files:
        if footer_of(file.path).seal != file.footer.seal:
            raise FileNotFoundError(file.path)  # another one took its name: what was summed up is gone
    number, buckets, durations = (np.concatenate(column) for column in zip(*found, strict=True))
    values = pl.DataFrame({"bucket": buckets, "duration_ms": durations}).with_columns(pl.col("bucket").cast(pl.Int32))
    return pl.concat([groups[number].select(by), values], how="horizontal") if by else values


def _chosen(group: int | _Groups, durations: _Durations, is_wanted: npt.NDArray[np.bool_]) -> _Found:
    """Those durations that lie in a wanted bucket of their group: number of the group, bucket, duration."""
    gap = np.isnan(durations)
    if gap.any():
        group, durations = group if isinstance(group, int) else group[~gap], durations[~gap]
    buckets = buckets_of(durations)
    if isinstance(group, int):
        at = np.flatnonzero(is_wanted[group].take(buckets))
        return np.full(len(at), group), buckets[at], durations[at]
    at = np.flatnonzero(is_wanted.ravel().take(group * MOST_BUCKETS + buckets))
    return group[at], buckets[at], durations[at]


def _batches(files: Sequence[Dated]) -> Iterator[list[Dated]]:
    """The files, a few million rows at once."""
    batch, rows = list[Dated](), 0
    for dated in files:
        if batch and rows + dated[1].footer.rows > _ROWS_AT_ONCE:
            yield batch
            batch, rows = [], 0
        batch.append(dated)
        rows += dated[1].footer.rows
    if batch:
        yield batch


def _by_place(
    root: Path, table: str, files: Sequence[Dated], numbered: pl.DataFrame
) -> Iterator[tuple[int, _Durations]]:
    """Each file's durations, workflow by workflow as they stand there, and the group that these belong to."""
    durations = _read(table, files).select("duration_ms").collect().to_series().to_numpy()
    if len(durations) != sum(file.footer.rows for _, file in files):
        raise FileNotFoundError(f"{len(durations)} rows were read, other files than those that were summed up")
    number_of = (
        dict(numbered.select("workflow_id", "_group").iter_rows()) if "workflow_id" in numbered.columns else None
    )
    at = 0
    for day, file in files:
        for name, rows in rows_by_workflow(root, table, day, file):
            yield 0 if number_of is None else number_of.get(name, numbered.height), durations[at : at + rows]
            at += rows


def _by_name(
    table: str, files: Sequence[Dated], numbered: pl.DataFrame, where: pl.Expr | None
) -> Iterator[tuple[_Groups, _Durations]]:
    """Durations, and each one's group by the names in its row."""
    by = [name for name in numbered.columns if not name.startswith("_")]
    rows = _read(table, files)
    rows = rows if where is None else rows.filter(where)
    place, count = pl.lit(0, pl.Int64), 1
    for name in by:  # a number for each combination of names, and from that one for each group
        names = pl.Enum(numbered[name].drop_nulls().unique())
        code = pl.col(name).cast(names, strict=False).to_physical().cast(pl.Int64).fill_null(names.categories.len())
        place, count = place * (names.categories.len() + 1) + code, count * (names.categories.len() + 1)
    group_at = np.full(count, numbered.height, np.int64)
    group_at[numbered.select(place).to_series().to_numpy()] = numbered["_group"].to_numpy()
    read = rows.select(place.alias("_place"), "duration_ms").collect()
    places, durations = read["_place"].to_numpy(), read["duration_ms"].to_numpy()
    for at in range(0, len(places), _SLICE):
        yield group_at[places[at : at + _SLICE]], durations[at : at + _SLICE]


def _read(table: str, files: Sequence[Dated]) -> pl.LazyFrame:
    return pl.scan_parquet(
        [file.path for _, file in files],
        glob=False,
        hive_partitioning=False,
        schema=pl.Schema(TABLES[table].arrow),
        missing_columns="insert",
        extra_columns="ignore",
    )
