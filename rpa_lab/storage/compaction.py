"""Fragments to generations to tables: many small files become one, sorted, folded and published.

A compaction merges what no generation covers with those kept generations that `tiers` says, so a row is rewritten
O(log n) times. A full one keeps nothing and is published: batch scripts read one file a
day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow as pa

from rpa_lab.journal.fragment import Unreadable, check_seal, read_sealed
from rpa_lab.journal.layout import (
    generation_name,
    parse_fragment,
    parse_generation,
    published_folder,
    published_name,
)
from rpa_lab.schema import SCHEMA_VERSION, TABLES, Table, table_named
from rpa_lab.storage.commit import Content, commit, remove_dead
from rpa_lab.storage.fold import fold
from rpa_lab.storage.footers import quarantine
from rpa_lab.storage.publication import published_versions, put_in_place
from rpa_lab.storage.rollup import keep_rollup, sweep_rollups
from rpa_lab.storage.snapshot import (
    Day,
    LiveFile,
    days_of,
    look,
    published_days,
)
from rpa_lab.storage.tiers import taken_along

__all__ = [
    "GRACE_S",
    "MANY",
    "Compacted",
    "clean_day",
    "compact",
    "compact_day",
    "head_is_sound",
    "is_closed",
    "publish",
    "read_files",
    "sorted_rows",
    "try_day",
]

GRACE_S: Final = 600.0
MANY: Final = 64
_QUIET: Final = timedelta(minutes=10)

_agreeing: set[tuple[Path, str, int]] = set()
"""Tables whose published files were all seen to have this version's schema."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compacted:
    """What a compaction did with one day of one table."""

    table: str
    day: date
    generation: int | None
    """The new generation; None where nothing was to be merged, or somebody else did it."""
    merged: int
    """Files that became one."""
    published: bool
    removed: int
    refused: str | None = None
    """Why the system wouldn't let it be done, if so; the other days are."""


def compact(
    root: Path,
    *,
    tables: Iterable[str] | None = None,
    full: bool = True,
    grace_s: float = GRACE_S,
    on_day: Callable[[Compacted, int, int], None] | None = None,
) -> list[Compacted]:
    """Compact every day of a store.

    Parameters
    ----------
    root : Path
        The store.
    tables : iterable of str, optional
        Which; default all.
    full : bool
        Whether each day becomes one file and is published.
    grace_s : float
        Seconds that dead files stay for who is reading them.
    on_day : callable, optional
        Called after each day with what was done, how many days are done, and how many there are.

    Returns
    -------
    list of Compacted
        One for each table and day.

    Raises
    ------
    UnknownNameError
        If there is no such table.
    """
    names = [table_named(name).name for name in tables] if tables else list(TABLES)
    todo = [(name, day) for name in names for day in days_of(root, name)]
    done = []
    for table, day in todo:
        done.append(try_day(root, table, day, full=full, grace_s=grace_s))
        if on_day:
            on_day(done[-1], len(done), len(todo))
    return done


def try_day(root: Path, table: str, day: date, *, full: bool, grace_s: float) -> Compacted:
    """The same as `compact_day`; where the system refuses, that is said and not raised."""
    try:
        return compact_day(root, table, day, full=full, grace_s=grace_s)
    except OSError as refusal:
        return Compacted(
            table=table, day=day, generation=None, merged=0, published=False, removed=0, refused=str(refusal)
        )


def compact_day(
    root: Path,
    table: str,
    day: date,
    *,
    full: bool = True,
    grace_s: float = GRACE_S,
    on_file: Callable[[int, int], None] | None = None,
) -> Compacted:
    """Compact one day of one table; publish it where the compaction is full.

    Parameters
    ----------
    root : Path
        The store.
    table, day
        Which day.
    full : bool
        Whether it shall become one file.
    grace_s : float
        Seconds that dead files stay for who is reading them.
    on_file : callable, optional
        Called after each file that was read, with how many have been and how many there are.

    Returns
    -------
    Compacted
    """
    generation, merged = _merge(root, table, day, full=full, on_file=on_file)
    published = full and publish(root, table, day)
    if full:
        keep_rollup(root, table, day)
    removed = clean_day(root, table, day, grace_s=grace_s)
    return Compacted(table=table, day=day, generation=generation, merged=merged, published=published, removed=removed)


def clean_day(root: Path, table: str, day: date, *, grace_s: float) -> int:
    """Remove a day's dead files and the rollups of these.

    Parameters
    ----------
    root : Path
        The store.
    table, day
        Which day.
    grace_s : float
        Seconds that dead files stay for who is reading them.

    Returns
    -------
    int
        How many files were removed, rollups not counted.
    """
    removed = remove_dead(root, table, day, grace_s=grace_s)
    with suppress(OSError):  # they cost a little room, until the next run
        sweep_rollups(root, table, day)
    return removed


def is_closed(now: Day, *, at: datetime | None = None) -> bool:
    """Whether a day is closed: its UTC end and its last fragment are both more than ten minutes old.

    Parameters
    ----------
    now : Day
        The day.
    at : datetime, optional
        When; default the present.

    Returns
    -------
    bool
    """
    at = at or datetime.now(UTC)
    end = datetime.combine(now.day + timedelta(days=1), datetime.min.time(), UTC)
    times = []
    for file in now.fragments:
        with suppress(FileNotFoundError):
            times.append(file.path.lstat().st_mtime)
    last = datetime.fromtimestamp(max(times, default=0), UTC)
    return at - end > _QUIET and at - last > _QUIET


def publish(root: Path, table: str, day: date) -> bool:
    """Make the published table's file of a day be its highest generation, if that is the whole day.

    Parameters
    ----------
    root : Path
        The store.
    table, day
        Which day.

    Returns
    -------
    bool
        Whether the published file is now that generation.
    """
    now = look(root, table, day)
    if not now.head or now.keeps or now.head_damaged:
        return False
    folder = published_folder(root, table, day)
    if not (folder / published_name(table, now.head)).exists() and not _one_schema(root, table, day):
        return False
    return put_in_place(root, table, day)


def _one_schema(root: Path, table: str, day: date) -> bool:
    """Publish the other days anew where an older version did, since plain globs fail on mixed schemas.

    False where a newer version publishes here: then it is not ours to publish.
    """
    known = (root, table, SCHEMA_VERSION)
    if known in _agreeing:
        return True
    for other in published_days(root, table):
        versions = published_versions(root, table, other) if other != day else set()
        if any(version > SCHEMA_VERSION for version in versions):
            return False
        if any(version < SCHEMA_VERSION for version in versions):
            _merge(root, table, other, full=True)
            put_in_place(root, table, other)
    _agreeing.add(known)
    return True


def sorted_rows(table: Table, rows: pa.Table) -> pa.Table:
    """The rows as a compacted file has them: executions folded, sorted by workflow and time.

    Steps stand run by run, in the order of the runs' starts: two runs at once are not mixed, so what their steps share
    or count up is stored once and not at every turn.
    """
    frame = pl.from_arrow(rows, schema=pl.Schema(table.arrow))
    if not isinstance(frame, pl.DataFrame):
        raise TypeError(f"expected a table of rows, not {type(frame).__name__}")
    lazy = fold(frame.lazy()) if table.name == "executions" else frame.lazy()
    if table.name == "steps":
        lazy = lazy.with_columns(_run=pl.col("started_at").min().over("workflow_id", "execution_id"))
        order = ("workflow_id", "_run", "execution_id", *table.sort[1:])
    else:
        order = table.sort
    ordered = lazy.sort(*order, maintain_order=True).select(table.arrow.names).collect()
    return ordered.to_arrow().cast(table.arrow)


def _merge(
    root: Path, table: str, day: date, *, full: bool, on_file: Callable[[int, int], None] | None = None
) -> tuple[int | None, int]:
    """Commit what is to be merged of a day; the new generation, and how many files became one."""
    merged = 0

    def merge(now: Day) -> Content | None:
        nonlocal merged
        chosen = _choose(now, full=full)
        if not chosen:
            return None
        rows, read = read_files(root, TABLES[table], chosen, on_file=on_file)
        if not read or not head_is_sound(root, now):
            return None
        merged = len(read)
        gone = {parse_generation(file.path.name) for file in read}
        fragments = [fragment for file in read if (fragment := parse_fragment(file.path.name))]
        standing = {number for number in (*now.keeps, now.head) if number}  # damaged ones too: they stay, and are named
        return Content(
            rows=sorted_rows(TABLES[table], rows),
            keeps=tuple(sorted(standing - gone)),
            archive=now.archive,
            covers=now.covers.plus(fragments),
        )

    generation = commit(root, table, day, merge) if _choose(look(root, table, day), full=full) else None
    return generation, merged if generation else 0


def _choose(now: Day, *, full: bool) -> list[LiveFile]:
    """The files to merge: all fragments, and of the generations all or those no larger than what is merged so far."""
    fragments = list(now.fragments)
    generations = sorted((f for f in now.files if f.kind == "generation"), key=lambda f: (f.footer.rows, f.path.name))
    if any(file.footer.version > SCHEMA_VERSION for file in now.files):
        return []  # merged here, it would lose the columns that only a newer version knows
    if full:
        older = any(file.footer.version < SCHEMA_VERSION for file in generations)
        return [*generations, *fragments] if fragments or len(generations) > 1 or older else []
    rows = sum(file.footer.rows for file in fragments)
    return [*fragments, *taken_along(generations, rows=rows)] if fragments else []


def read_files(
    root: Path, table: Table, files: list[LiveFile], *, on_file: Callable[[int, int], None] | None = None
) -> tuple[pa.Table, list[LiveFile]]:
    """The rows of those files whose seals are right, and which these are; the others go to quarantine."""
    parts, good = [table.arrow.empty_table()], []
    for at, file in enumerate(files, 1):
        try:
            _, rows = read_sealed(file.path, table)
        except Unreadable as damage:
            quarantine(root, file.path, str(damage))
        else:
            parts.append(rows)
            good.append(file)
        if on_file:
            on_file(at, len(files))
    return pa.concat_tables(parts), good


def head_is_sound(root: Path, now: Day) -> bool:
    """Whether the head's seal is right: its footer says what else counts, so a damaged one must not be built upon."""
    if not now.head:
        return True
    path = now.folder / generation_name(now.head)
    try:
        check_seal(path)
    except Unreadable as damage:
        quarantine(root, path, str(damage))
        return False
    return True
