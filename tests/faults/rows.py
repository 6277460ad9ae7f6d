"""Steps with ids to try the store on, and the oracle: what was acknowledged is read, once, and nothing else is."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from rpa_lab.journal.encode import check, with_origin
from rpa_lab.journal.fragment import encode_parquet, publish_fragment
from rpa_lab.journal.layout import Fragment, day_folder, parse_published, published_folder
from rpa_lab.schema import TABLES
from rpa_lab.storage.compaction import compact_day
from rpa_lab.storage.snapshot import look

__all__ = [
    "AT",
    "DAY",
    "TABLE",
    "WRITER",
    "compacted",
    "folder_of",
    "names_in",
    "published_ids",
    "put",
    "read_ids",
    "sound",
    "tree",
]

TABLE = "steps"
DAY = date(2026, 11, 3)
AT = datetime(2026, 11, 3, 10, tzinfo=UTC)
WRITER = "0123456789ab"


def put(root: Path, ids: Iterable[str], *, seq: int, writer: str = WRITER, day: date = DAY) -> bytes:
    """Publish a fragment of some steps; its bytes."""
    ids = list(ids)
    at = datetime(day.year, day.month, day.day, 10, tzinfo=UTC)
    columns = {
        "step_id": ids,
        "execution_id": ["e"] * len(ids),
        "workflow_id": ["w"] * len(ids),
        "node_id": ["n"] * len(ids),
        "action_type": ["click"] * len(ids),
        "started_at": [at] * len(ids),
        "completed_at": [at] * len(ids),
        "duration_ms": [1.0] * len(ids),
        "status": ["completed"] * len(ids),
    }
    checked = check(TABLES[TABLE], columns, len(ids))
    if checked.problems:
        raise ValueError(checked.problems)
    fragment = Fragment(writer, seq)
    data = encode_parquet(TABLES[TABLE], with_origin(TABLES[TABLE], checked.rows, fragment))
    publish_fragment(day_folder(root, TABLE, day), fragment, data)
    return data


def folder_of(root: Path, *, day: date = DAY) -> Path:
    """The day's folder in the journal."""
    return day_folder(root, TABLE, day)


def names_in(folder: Path) -> list[str]:
    """What lies in a folder; nothing where there is none."""
    return sorted(os.listdir(folder)) if folder.is_dir() else []


def read_ids(root: Path, *, day: date = DAY) -> list[str]:
    """The steps that a reader sees, each as often as it is stored."""
    for _ in range(50):
        paths = [file.path for file in look(root, TABLE, day).files]
        try:
            return sorted(pl.read_parquet(paths, glob=False, columns=["step_id"])["step_id"]) if paths else []
        except FileNotFoundError:
            continue  # compacted away between the look and the reading
    raise AssertionError(f"{root}: files went away under each of 50 readings")


def published_ids(root: Path, *, day: date = DAY) -> list[str]:
    """The steps of the day's published file; none where there is no file."""
    folder = published_folder(root, TABLE, day)
    names = [name for name in names_in(folder) if parse_published(TABLE, name)]
    assert len(names) <= 1, f"{names}: a plain glob counts rows twice"
    return sorted(pl.read_parquet(folder / names[0])["step_id"]) if names else []


def tree(root: Path) -> dict[str, tuple[int, int]]:
    """Every file below a root: its inode and size."""
    files = [path for path in sorted(root.rglob("*")) if not path.is_dir()]
    return {str(path.relative_to(root)): (path.lstat().st_ino, path.lstat().st_size) for path in files}


def compacted(root: Path) -> None:
    """Compact the day in full, without grace."""
    compact_day(root, TABLE, DAY, grace_s=0)


def sound(
    root: Path,
    *,
    recorded: Iterable[str],
    kept: Iterable[str],
    recover: Callable[[Path], None] = compacted,
    published: bool = True,
    deletes: bool = False,
) -> list[str]:
    """Check what a store must be after whatever happened, recover it twice, check again; what was read.

    `published` says whether recovery publishes the day, rather than ending it; `deletes` whether it removes all rows.
    """
    recorded, kept = set(recorded), set(kept)
    read = _checked(read_ids(root), recorded=recorded, kept=set() if deletes else kept)
    assert not deletes or set(read) in (set(), recorded), "a day is deleted in one step"
    assert set(published_ids(root)) <= recorded
    recover(root)
    recovered, rest = tree(root), [] if deletes else read
    assert read_ids(root) == rest, "recovery changed what is read"
    assert published_ids(root) == (rest if published else []), "the published file is the day as it is live"
    left_over = [name for name in recovered if ".tmp-c-" in name or "_publish" in name]
    assert not left_over, f"{left_over} left over"
    recover(root)
    assert tree(root) == recovered, "a second recovery changed files"
    assert read_ids(root) == rest
    return read


def _checked(read: list[str], *, recorded: set[str], kept: set[str]) -> list[str]:
    twice = [name for name, count in Counter(read).items() if count > 1]
    assert not twice, f"read twice: {twice}"
    assert kept <= set(read), f"acknowledged and lost: {sorted(kept - set(read))}"
    assert set(read) <= recorded, f"read and never recorded: {sorted(set(read) - recorded)}"
    return read
