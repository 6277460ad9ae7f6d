"""Days leave the live store: archived, where queries still find them, or deleted, where nothing does.

Either is one commit, a generation without rows. The one that archives names the file which has them now; the one that
deletes names nothing, and covers every fragment, damaged ones too. Then the day's published file goes. Rows that come
later stay live until the next run. Days go whole: with 90 days, on 2026-11-03 at 15:00 UTC the last one to go is
2026-08-04, whose youngest row is 90 days and 15 hours old.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

import pyarrow as pa

from rpa_lab.errors import DamageError, InputError, StoreError, quote
from rpa_lab.journal.fragment import Unreadable, encode_parquet, fsync_folder, make_folder, read_sealed, write_new
from rpa_lab.journal.layout import (
    JOURNAL,
    archive_folder,
    archive_name,
    day_folder,
    generation_name,
    parse_fragment,
    published_folder,
    rollup_folder,
)
from rpa_lab.journal.root import check_format
from rpa_lab.result import Result
from rpa_lab.schema import SCHEMA_VERSION, TABLES, table_named
from rpa_lab.storage.commit import Content, commit
from rpa_lab.storage.compaction import GRACE_S, clean_day, head_is_sound, read_files, sorted_rows
from rpa_lab.storage.publication import unpublish
from rpa_lab.storage.snapshot import LOOKS, Day, LiveFile, days_of, look

__all__ = ["Ended", "Retained", "Then", "archive_day", "delete_day", "refuse_copy", "retain"]

Then = Literal["archive", "delete"]

_LEVEL: Final = 15
_MOST_DAYS: Final = 36_500


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended(Result):
    """A day that left the live store: how many rows did now, and the archive file that has it, if any."""

    table: str
    day: date
    rows: int
    archive: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retained(Result):
    """What a retention policy did: rows that left, of how many days; `warnings` say which days could not go."""

    then: Then
    dry_run: bool
    rows: int
    days: int
    warnings: tuple[str, ...] = ()


def retain(
    root: Path,
    policy: Mapping[str, int],
    *,
    then: Then = "archive",
    dry_run: bool = False,
    as_of: datetime | None = None,
    grace_s: float = GRACE_S,
    on_day: Callable[[Ended], None] | None = None,
) -> Retained:
    """Archive or delete the days that are older than their table's retention period.

    A run that was interrupted is completed by the next.

    Parameters
    ----------
    root : Path
        The store.
    policy : mapping of str to int
        Days that the rows of a table stay live, 1-36500. Tables that it doesn't name are left alone.
    then : "archive" or "delete"
        What becomes of them after that. What is deleted is deleted from the archive too.
    dry_run : bool
        Whether to count only.
    as_of : datetime, optional
        What "now" is, aware; default the present. A day after tomorrow is never touched, whatever this says.
    grace_s : float
        Seconds that dead files stay on disk for who is reading them.
    on_day : callable, optional
        Called after each day that had rows to leave.

    Returns
    -------
    Retained

    Raises
    ------
    UnknownNameError
        If the policy names a table that there isn't; nothing was done then.
    InputError
        If a period is no number of days, or `then` is neither word.
    """
    periods = _checked(policy, then)
    refuse_copy(root)
    at = (as_of or datetime.now(UTC)).astimezone(UTC)
    latest = datetime.now(UTC).date() + timedelta(days=1)
    end = archive_day if then == "archive" else delete_day
    rows, touched, left = 0, 0, list[str]()
    for table, period in periods.items():
        for day in days_of(root, table):
            if day >= at.date() - timedelta(days=period) or day > latest:
                continue
            try:
                done = _expected(root, table, day, then) if dry_run else end(root, table, day, grace_s=grace_s)
            except OSError as refusal:  # one day that can't go is no reason to leave the others
                left.append(f"{table} {day} stays: {refusal}")
                continue
            rows, touched = rows + done.rows, touched + bool(done.rows)
            if done.rows and on_day:
                on_day(done)
    return Retained(then=then, dry_run=dry_run, rows=rows, days=touched, warnings=tuple(left))


def archive_day(root: Path, table: str, day: date, *, grace_s: float = GRACE_S) -> Ended:
    """Move a day's live rows to its archive file, merged with what is archived already.

    Parameters
    ----------
    root : Path
        The store.
    table, day
        Which day.
    grace_s : float
        Seconds that dead files stay on disk for who is reading them.

    Returns
    -------
    Ended

    Raises
    ------
    DamageError
        If a file that holds merged rows is damaged; the day stays as it is.
    StoreError
        If a folder is a symbolic link, or the day was written by a newer version.
    """
    moved, names = 0, tuple[str, ...]()

    def make(now: Day) -> Content | None:
        nonlocal moved, names
        moved, names = 0, now.archive
        if not _has_live_rows(now):
            return None
        if any(file.footer.version > SCHEMA_VERSION for file in now.files):
            raise StoreError("a newer rpa_lab wrote it, with columns that would be lost; upgrade rpa-lab")
        live, read = read_files(root, TABLES[table], [file for file in now.files if file.kind != "archive"])
        before, archived = read_files(root, TABLES[table], [file for file in now.files if file.kind == "archive"])
        _refuse_damage(root, now, read + archived)
        if not now.head and not read:
            return None  # nothing but damaged fragments
        whole = sorted_rows(TABLES[table], pa.concat_tables([live, before]))
        moved = sorted_rows(TABLES[table], live).num_rows if archived else whole.num_rows
        names = (_write(root, table, day, now.head + 1, whole),) if whole.num_rows else ()
        fragments = [fragment for file in read if (fragment := parse_fragment(file.path.name))]
        return Content(rows=whole.slice(0, 0), keeps=(), archive=names, covers=now.covers.plus(fragments))

    _end(root, table, day, make, grace_s=grace_s)
    archive = archive_folder(root, table, day) / names[0] if names else None
    return Ended(table=table, day=day, rows=moved, archive=archive)


def delete_day(root: Path, table: str, day: date, *, grace_s: float = GRACE_S) -> Ended:
    """Delete a day's rows, live, archived and damaged.

    Parameters
    ----------
    root : Path
        The store.
    table, day
        Which day.
    grace_s : float
        Seconds that dead files stay on disk for who is reading them.

    Returns
    -------
    Ended

    Raises
    ------
    DamageError
        If the day's highest generation is damaged; the day stays as it is.
    StoreError
        If a folder is a symbolic link.
    """
    deleted = 0

    def make(now: Day) -> Content | None:
        nonlocal deleted
        deleted = 0
        names = [*(file.path.name for file in now.files), *now.damaged]
        fragments = [fragment for name in names if (fragment := parse_fragment(name))]
        if not fragments and not now.archive and not _has_live_rows(now):
            return None
        _refuse_damage(root, now, None)
        deleted = _count(root, table, now.files)
        nothing = TABLES[table].arrow.empty_table()
        return Content(rows=nothing, keeps=(), archive=(), covers=now.covers.plus(fragments))

    _end(root, table, day, make, grace_s=grace_s)
    return Ended(table=table, day=day, rows=deleted, archive=None)


def _checked(policy: Mapping[str, int], then: str) -> dict[str, int]:
    if then not in ("archive", "delete"):
        raise InputError(f"then is {quote(then)}, expected 'archive' or 'delete'")
    if not isinstance(policy, Mapping):
        raise InputError(f"policy is {quote(policy)}, expected days by table, such as {{'steps': 90}}")
    for name, days in policy.items():
        table_named(name)
        if not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= _MOST_DAYS:
            raise InputError(f"policy of {name} is {quote(days)}, expected a whole number of days, 1 to {_MOST_DAYS}")
    return dict(policy)


def refuse_copy(root: Path) -> None:
    """A copy of the published files has nothing that could be archived, and no journal that would remember it."""
    if not (root / JOURNAL).is_dir() and any((root / name).is_dir() for name in TABLES):
        raise StoreError(f"{root} has no {JOURNAL}: it is a copy of a store's published files, and is only read")


def _end(root: Path, table: str, day: date, make: Callable[[Day], Content | None], *, grace_s: float) -> None:
    """Commit the day's end unless that is done, then complete what follows, also for a run that died before it."""
    check_format(root)
    _refuse_links(root, table, day)
    folder = day_folder(root, table, day)
    if not folder.is_dir():
        return
    ended = _commit(root, table, day, make)
    fsync_folder(folder)  # the link, before what it replaces goes
    unpublish(root, table, day, below=ended)
    clean_day(root, table, day, grace_s=grace_s)


def _commit(root: Path, table: str, day: date, make: Callable[[Day], Content | None]) -> int:
    """The generation that ended the day: committed now, or (where there is nothing to do) the one that stands."""
    stands = None

    def noted(now: Day) -> Content | None:
        nonlocal stands
        content = make(now)
        stands = now.head if content is None else None
        return content

    for _ in range(LOOKS):
        if look(root, table, day).head_damaged:
            raise DamageError(f"the highest generation in {day_folder(root, table, day)} is damaged")
        number = commit(root, table, day, noted)
        if number is not None:
            return number
        if stands is not None:
            return stands
    raise StoreError(f"somebody else changed {day_folder(root, table, day)} during each of {LOOKS} attempts")


def _has_live_rows(now: Day) -> bool:
    return any(file.kind != "archive" and (file.kind == "fragment" or file.footer.rows) for file in now.files) or bool(
        now.keeps
    )


def _refuse_damage(root: Path, now: Day, read: list[LiveFile] | None) -> None:
    """Refuse to build upon a damaged head, and (given what could be read) to leave out rows that were merged before."""
    if not head_is_sound(root, now):
        raise DamageError(f"{now.folder / generation_name(now.head)} is damaged")
    if read is None or not now.head:
        return
    sound = {file.path.name for file in read}
    needed = [*map(generation_name, (now.head, *now.keeps)), *now.archive]
    damaged = [name for name in needed if name not in sound]
    if damaged:
        raise DamageError(f"{', '.join(damaged)} of {now.folder.name} is damaged")


def _write(root: Path, table: str, day: date, number: int, rows: pa.Table) -> str:
    """Write an archive file that the generation of that number is to name; it is on disk, and reads back the same."""
    folder = archive_folder(root, table, day)
    make_folder(folder)
    path = folder / archive_name(number, secrets.token_hex(6))
    try:
        write_new(path, encode_parquet(TABLES[table], rows, compacted=True, level=_LEVEL))
        _, written = read_sealed(path, TABLES[table])
        if not written.equals(rows):
            raise StoreError(f"{path} reads back other than it was written; nothing was archived")
        fsync_folder(folder)
    except BaseException as failure:
        with suppress(OSError):
            path.unlink()
        if isinstance(failure, Unreadable):
            raise StoreError(f"{path} reads back other than it was written: {failure}") from failure
        raise
    return path.name


def _count(root: Path, table: str, files: tuple[LiveFile, ...]) -> int:
    """How many rows a reader sees in these files; only executions must be read for that: they fold."""
    if table != "executions":
        return sum(file.footer.rows for file in files)
    rows, _ = read_files(root, TABLES[table], list(files))
    return len(sorted_rows(TABLES[table], rows))


def _expected(root: Path, table: str, day: date, then: Then) -> Ended:
    """What would leave."""
    _refuse_links(root, table, day)
    now = look(root, table, day)
    if now.head_damaged:
        raise DamageError(f"the highest generation in {now.folder} is damaged")
    files = tuple(file for file in now.files if then == "delete" or file.kind != "archive")
    return Ended(table=table, day=day, rows=_count(root, table, files), archive=None)


def _refuse_links(root: Path, table: str, day: date) -> None:
    places = [make(root, table, day) for make in (day_folder, archive_folder, rollup_folder, published_folder)]
    for folder in places:
        for place in (folder, *folder.parents):
            if root in place.parents and place.is_symlink():
                raise StoreError(f"{place} is a symbolic link, and none is followed")
