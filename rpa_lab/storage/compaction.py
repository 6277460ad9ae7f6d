"""Fragments to generations to tables: many small files become one, sorted, folded and published.

A compaction merges what no generation covers with those kept generations that are not larger than what is merged so
far, so a row is rewritten O(log n) times. A full one keeps nothing and is published: batch scripts read one file a
day.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow as pa

from rpa_lab.journal.fragment import Unreadable, check_seal, fsync_folder, make_folder, read_sealed
from rpa_lab.journal.layout import (
    generation_name,
    parse_fragment,
    parse_generation,
    parse_published,
    published_folder,
    published_name,
)
from rpa_lab.schema import TABLES, Table, table_named
from rpa_lab.storage.commit import Content, commit, remove_dead
from rpa_lab.storage.fold import fold
from rpa_lab.storage.snapshot import Day, LiveFile, days_of, footer_of, locked, look, quarantine

__all__ = ["GRACE_S", "MANY", "Compacted", "compact", "compact_day", "follow", "is_closed"]

GRACE_S: Final = 600.0
MANY: Final = 64
_QUIET: Final = timedelta(minutes=10)


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
        done.append(compact_day(root, table, day, full=full, grace_s=grace_s))
        if on_day:
            on_day(done[-1], len(done), len(todo))
    return done


def compact_day(root: Path, table: str, day: date, *, full: bool = True, grace_s: float = GRACE_S) -> Compacted:
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

    Returns
    -------
    Compacted
    """
    merged = 0

    def merge(now: Day) -> Content | None:
        nonlocal merged
        chosen = _choose(now, full=full)
        if not chosen:
            return None
        rows, read = _read(root, TABLES[table], chosen)
        if not read or not _head_is_sound(root, now):
            return None
        merged = len(read)
        gone = {parse_generation(file.path.name) for file in read}
        fragments = [fragment for file in read if (fragment := parse_fragment(file.path.name))]
        live = {parse_generation(file.path.name) for file in now.files if file.kind == "generation"}
        return Content(
            rows=sorted_rows(TABLES[table], rows),
            keeps=tuple(sorted(number for number in live - gone if number)),
            archive=now.archive,
            covers=now.covers.plus(fragments),
        )

    generation = commit(root, table, day, merge) if _choose(look(root, table, day), full=full) else None
    published = full and publish(root, table, day)
    removed = remove_dead(root, table, day, grace_s=grace_s)
    return Compacted(
        table=table,
        day=day,
        generation=generation,
        merged=merged if generation else 0,
        published=published,
        removed=removed,
    )


def follow(
    root: Path,
    *,
    grace_s: float = GRACE_S,
    every_s: float = 10.0,
    on_day: Callable[[Compacted], None] | None = None,
    until: Callable[[], bool] = lambda: False,
) -> None:
    """Keep a store compact: a day whenever it has 64 live fragments, a closed day in full.

    Parameters
    ----------
    root : Path
        The store.
    grace_s : float
        Seconds that dead files stay for who is reading them.
    every_s : float
        Seconds between two looks at it.
    on_day : callable, optional
        Called after each day that was compacted.
    until : callable
        Asked before each look whether to stop.
    """
    while not until():
        for table in TABLES:
            for day in days_of(root, table):
                now = look(root, table, day)
                closed = is_closed(now)
                if len(now.fragments) >= MANY or (closed and (now.fragments or now.keeps)):
                    done = compact_day(root, table, day, full=closed, grace_s=grace_s)
                    if on_day:
                        on_day(done)
        time.sleep(every_s)


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
    make_folder(folder)
    with locked(folder, exclusive=True, wait=30.0) as held:
        if not held:
            return False
        now = look(root, table, day)  # only the highest generation is published, so that an older one never comes back
        if now.keeps or now.head_damaged:
            return False
        source, name = now.folder / generation_name(now.head), published_name(table, now.head)
        rows = footer_of(source).rows
        if rows:
            _put(source, folder, name, table)
        for other in _published_names(folder, table):
            if other != name or not rows:
                (folder / other).unlink()
        for temp in folder.glob(".tmp-p-*"):  # of who died here: the lock is ours
            temp.unlink()
        fsync_folder(folder)
    return bool(rows)


def sorted_rows(table: Table, rows: pa.Table) -> pa.Table:
    """The rows as a compacted file has them: executions folded, sorted by workflow and time."""
    frame = pl.from_arrow(rows, schema=pl.Schema(table.arrow))
    if not isinstance(frame, pl.DataFrame):
        raise TypeError(f"expected a table of rows, not {type(frame).__name__}")
    lazy = fold(frame.lazy()) if table.name == "executions" else frame.lazy()
    ordered = lazy.select(table.arrow.names).sort(*table.sort, maintain_order=True).collect()
    return ordered.to_arrow().cast(table.arrow)


def _choose(now: Day, *, full: bool) -> list[LiveFile]:
    """The files to merge: all fragments, and of the generations all or those no larger than what is merged so far."""
    fragments = list(now.fragments)
    generations = sorted((f for f in now.files if f.kind == "generation"), key=lambda f: (f.footer.rows, f.path.name))
    if full:
        return [*generations, *fragments] if fragments or len(generations) > 1 else []
    chosen, size = fragments, sum(file.footer.rows for file in fragments)
    if not fragments:
        return []
    for generation in generations:
        if generation.footer.rows <= size:
            chosen.append(generation)
            size += generation.footer.rows
    return chosen


def _read(root: Path, table: Table, files: list[LiveFile]) -> tuple[pa.Table, list[LiveFile]]:
    """The rows of those files whose seals are right, and which these are; the others go to quarantine."""
    parts, good = [table.arrow.empty_table()], []
    for file in files:
        try:
            _, rows = read_sealed(file.path, table)
        except Unreadable as damage:
            quarantine(root, file.path, str(damage))
        else:
            parts.append(rows)
            good.append(file)
    return pa.concat_tables(parts), good


def _head_is_sound(root: Path, now: Day) -> bool:
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


def _put(source: Path, folder: Path, name: str, table: str) -> None:
    """Give the published file its new content and name so that a listing always finds one."""
    standing = _published_names(folder, table)
    if standing == [name]:
        return
    old = folder / (standing[-1] if standing else name)
    if not (old.exists() and old.samefile(source)):  # renaming one link of a file over another does nothing
        temp = folder / f".tmp-p-{secrets.token_hex(6)}"
        try:
            os.link(source, temp)
        except OSError as refusal:
            if refusal.errno not in (errno.EPERM, errno.EMLINK, errno.EXDEV):
                raise
            shutil.copyfile(source, temp)  # another account's file may not be linked
            _fsync_file(temp)
        temp.replace(old)
    old.rename(folder / name)


def _published_names(folder: Path, table: str) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if parse_published(table, path.name) is not None)


def _fsync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
