"""Which executions stand in more than one row: only these have to be folded, the others are what their row says.

Compaction leaves one row of an execution in a file, so as a rule none is repeated but today's. Whether that is so is
found by hashing the ids of each file once in a process; files never change. Two ids of one hash are folded in vain,
which changes nothing. So a workflow's month is read without looking at the other workflows' rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from rpa_lab.storage.snapshot import LiveFile

__all__ = ["Repeated", "repeated_in"]

_MOST_ROWS: Final = 12_000_000
"""Rows whose hashes are held in memory, 8 bytes each; of more all are folded."""
_MOST_FILES: Final = 1_000
"""More of them are small ones, which are not to be opened twice."""
_SETS: Final = 64

_Key = tuple[str, str]
_Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """Of some files: the ids that may stand in several rows, and the files that hold them.

    `unsettled` are the files with rows that run, or lack their start; `running` says whether any row runs.
    """

    ids: pl.Series
    within: frozenset[Path]
    unsettled: frozenset[Path]
    running: bool


@dataclass(frozen=True, slots=True)
class _Ids:
    hashes: _Hashes
    unsettled: bool
    running: bool


_known: dict[_Key, _Ids] = {}
_found: dict[tuple[_Key, ...], Repeated] = {}


def repeated_in(files: Sequence[LiveFile], *, read: Callable[[Sequence[LiveFile]], pl.LazyFrame]) -> Repeated | None:
    """Which executions stand in more than one row of some files.

    Parameters
    ----------
    files : sequence of LiveFile
        Of the executions table.
    read : callable
        Makes the lazy frame of some of them, in order.

    Returns
    -------
    Repeated or None
        None where it isn't worth while, or a file is gone or damaged: fold them all.
    """
    if len(files) > _MOST_FILES or sum(file.footer.rows for file in files) > _MOST_ROWS:
        return None
    keys = tuple((str(file.path), file.footer.seal) for file in files)
    if keys not in _found:
        try:
            found = _search(files, _hashed(files, keys, read), read)
        except (FileNotFoundError, ValueError, pl.exceptions.ComputeError):
            return None
        if len(_found) >= _SETS:
            _found.clear()
        _found[keys] = found
    return _found[keys]


def _hashed(
    files: Sequence[LiveFile], keys: Sequence[_Key], read: Callable[[Sequence[LiveFile]], pl.LazyFrame]
) -> list[_Ids]:
    """The hashed ids of each file, from memory where they were hashed before."""
    known = {key: _known[key] for key in keys if key in _known}
    new = [(key, file) for key, file in zip(keys, files, strict=True) if key not in known]
    if new:
        running = pl.col("status") == "running"
        unsettled = running | pl.col("started_at").is_null()
        wanted = read([file for _, file in new]).select(pl.col("execution_id").hash(), running, unsettled=unsettled)
        rows = wanted.collect()
        ends = np.cumsum([file.footer.rows for _, file in new])
        if ends[-1] != rows.height:
            raise ValueError(f"{rows.height} rows were read, {ends[-1]} are said to be there")
        for (key, file), end in zip(new, ends, strict=True):
            own = rows[int(end) - file.footer.rows : int(end)]
            hashes = own["execution_id"].to_numpy().copy()
            known[key] = _Ids(hashes, bool(own["unsettled"].any()), bool(own["status"].any()))
        if sum(len(one.hashes) for one in _known.values()) + rows.height > _MOST_ROWS:
            _known.clear()
        _known.update(known)
    return [known[key] for key in keys]


def _search(
    files: Sequence[LiveFile], ids: Sequence[_Ids], read: Callable[[Sequence[LiveFile]], pl.LazyFrame]
) -> Repeated:
    running = any(one.running for one in ids)
    unsettled = frozenset(file.path for file, one in zip(files, ids, strict=True) if one.unsettled)
    ordered = np.sort(np.concatenate([one.hashes for one in ids])) if ids else np.empty(0, np.uint64)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(twice):
        none = pl.Series([], dtype=pl.String)
        return Repeated(ids=none, within=frozenset(), unsettled=unsettled, running=running)
    marked = [np.isin(one.hashes, twice) for one in ids]
    within = [(file, mark) for file, mark in zip(files, marked, strict=True) if mark.any()]
    held = read([file for file, _ in within]).select("execution_id").collect().to_series()
    some = held.filter(pl.Series(np.concatenate([mark for _, mark in within]))).unique()
    several = frozenset(file.path for file, _ in within)
    return Repeated(ids=some, within=several, unsettled=unsettled, running=running)
