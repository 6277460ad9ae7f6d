"""Which files count right now.

Of a day, with `c` its highest generation, these are live: `c`, the older generations that `c` keeps, the archive
files it names, and each fragment that it doesn't cover. One listing under a shared lock decides; removal takes that
lock exclusively. A file that is gone when it is opened means that somebody committed meanwhile: look again.

What a day looked like is remembered. It still looks so if its folder has the same times (so nothing was added, removed
or renamed), each file that counts is the same one, and nothing has come into quarantine.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final, Literal

from rpa_lab.errors import StoreError
from rpa_lab.journal.fragment import Footer, Unreadable
from rpa_lab.journal.layout import (
    ARCHIVE,
    JOURNAL,
    QUARANTINE,
    day_name,
    generation_name,
    parse_day,
    parse_fragment,
    parse_generation,
    parse_published,
    published_folder,
)
from rpa_lab.schema import SCHEMA_VERSION
from rpa_lab.storage.covers import Covers
from rpa_lab.storage.footers import Identity, footer_of, identity_of, quarantine, quarantined

__all__ = [
    "LOOKS",
    "Day",
    "Facts",
    "Kind",
    "LiveFile",
    "days_of",
    "facts_of",
    "list_day",
    "locked",
    "look",
    "newer_schema",
    "published_days",
]

LOOKS: Final = 50
"""How often to start over where a file that was listed is gone when it is opened."""

_LOCK_WAIT_S = 0.3
_SETTLED_S = 0.02
_ALONE_S = 2.0
"""How long a folder must have been left alone to be known by its times: some file systems count in seconds."""
_DAYS_REMEMBERED = 20_000

Kind = Literal["fragment", "generation", "archive", "published"]


@dataclass(frozen=True, slots=True)
class LiveFile:
    """A file whose rows count."""

    path: Path
    kind: Kind
    footer: Footer


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One table's UTC day as it is at one moment.

    `head` is its highest generation (0: none yet), `keeps` the older ones that it keeps, `archive` the archive files
    it names, `covers` the fragments that ever went into it, `damaged` the names of what is left out. `head_damaged`
    means that the highest generation can't be read: then `files` are those of the highest one that can, and nothing may
    be compacted or removed.
    """

    table: str
    day: date
    folder: Path
    head: int = 0
    keeps: tuple[int, ...] = ()
    archive: tuple[str, ...] = ()
    covers: Covers
    files: tuple[LiveFile, ...] = ()
    warnings: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()
    head_damaged: bool = False

    @property
    def fragments(self) -> tuple[LiveFile, ...]:
        """The live fragments."""
        return tuple(file for file in self.files if file.kind == "fragment")


def days_of(root: Path, table: str) -> list[date]:
    """The UTC days that a table has, in order; symbolic links are not followed.

    Parameters
    ----------
    root : Path
        The store. One without a journal is a copy, and its published files count.
    table : str
        Its name.

    Returns
    -------
    list of date
    """
    return _days_in(root / JOURNAL / table) if (root / JOURNAL).is_dir() else published_days(root, table)


def published_days(root: Path, table: str) -> list[date]:
    """The UTC days that the published table has, in order."""
    return _days_in(root / table)


def _days_in(place: Path) -> list[date]:
    try:
        with os.scandir(place) as entries:
            found = [parse_day(entry.name) for entry in entries if entry.is_dir(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(day for day in found if day)


def look(root: Path, table: str, day: date) -> Day:
    """One table's UTC day as it is now.

    Raises
    ------
    StoreError
        If it changed under each of 50 looks.
    """
    place = f"{root}/{JOURNAL}/{table}/{day_name(day)}"
    before = _looks.get(place)
    if before and before.is_still_so(root):
        return before.day
    if not (root / JOURNAL).is_dir():
        return _published(root, table, day)
    folder = Path(place)
    for _ in range(LOOKS):
        at, times, reader = time.time_ns(), _times(folder), _Reader(root, table)
        try:
            now = _assemble(reader, day, folder, list_day(folder))
        except FileNotFoundError:
            continue  # removed between listing and opening: somebody committed
        alone = times and at - max(times[2:]) > _ALONE_S * 1e9 and times == _times(folder)
        if alone and not now.damaged:
            if len(_looks) >= _DAYS_REMEMBERED:
                _looks.clear()
            _looks[place] = _Look(now, times, tuple(reader.opened), reader.known_bad)
        return now
    raise StoreError(f"{folder} changed during each of {LOOKS} looks at it; is its clock or its file system sound?")


def list_day(folder: Path) -> list[str]:
    """The names in a day's folder, as they are at one moment; none where there is no such folder."""
    try:
        with locked(folder, exclusive=False, wait=_LOCK_WAIT_S) as held:
            if held:
                return os.listdir(folder)  # noqa: PTH208 - names, not paths
        return _list_settled(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []


@contextmanager
def locked(folder: Path, *, exclusive: bool, wait: float) -> Iterator[bool]:
    """Hold the folder's lock for a moment; gives False where it can't be had in `wait` seconds."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)  # anew each time: a lock belongs to the open file
    try:
        kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
        until = time.monotonic() + wait
        held = False
        while not held:
            try:
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
                held = True
            except BlockingIOError:
                if time.monotonic() >= until:
                    break
                time.sleep(0.005)
            except OSError:
                break  # no locks here, however long one waits
        yield held
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a generation's footer says of the other files: which it keeps, names and covers."""

    keeps: tuple[int, ...]
    archive: tuple[str, ...]
    covers: Covers


def facts_of(path: Path) -> Facts:
    """What a generation says of the other files.

    Raises
    ------
    Unreadable
        If it is damaged.
    FileNotFoundError
        If it is gone.
    """
    said = footer_of(path).facts
    try:
        return Facts(
            keeps=tuple(int(kept) for kept in said["keeps"].decode().split(",") if kept),
            archive=tuple(name for name in said["archive"].decode().split(",") if name),
            covers=Covers.unpack(said["covers"]),
        )
    except (KeyError, ValueError) as damage:
        raise Unreadable(f"{path.name}: its footer doesn't say what it keeps, names and covers") from damage


@dataclass(frozen=True, slots=True)
class _Look:
    """How a day looked, and what shows that it still does."""

    day: Day
    times: tuple[int, ...]
    opened: tuple[Identity, ...]
    known_bad: frozenset[tuple[str, int, int, int]]

    def is_still_so(self, root: Path) -> bool:
        try:
            descriptor = os.open(self.day.folder, os.O_RDONLY | os.O_DIRECTORY)
            try:  # locked as for a listing: who removes has it, and network file systems ask their server again
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
                same = _times(descriptor) == self.times
            finally:
                os.close(descriptor)
            return (
                same
                and all(identity_of(file[0]) == file for file in self.opened)
                and quarantined(root) is self.known_bad
            )
        except OSError:
            return False  # gone, or locked: look


_looks: dict[str, _Look] = {}


def _times(folder: Path | int) -> tuple[int, ...]:
    """What changes whenever a folder's entries do; nothing where there is no such folder."""
    try:
        now = os.stat(folder)  # noqa: PTH116
    except (FileNotFoundError, NotADirectoryError):
        return ()
    return (now.st_dev, now.st_ino, now.st_mtime_ns, now.st_ctime_ns)


class _Reader:
    """Opens the footers of one day's files, and remembers which these were and which are damaged."""

    def __init__(self, root: Path, table: str) -> None:
        self.root = root
        self.table = table
        self.known_bad = quarantined(root)
        self.opened: list[Identity] = []
        self.damaged: list[str] = []

    def open(self, path: Path, kind: Kind) -> LiveFile | None:
        """The file, or None where it is damaged."""
        identity = identity_of(path)
        if identity[:4] in self.known_bad:
            self.damaged.append(path.name)
            return None
        self.opened.append(identity)
        try:
            if kind == "generation":
                facts_of(path)
            footer = footer_of(path)
            if footer.table != self.table:
                raise Unreadable(f"{path.name}: it has rows of {footer.table}, not of {self.table}")
            return LiveFile(path, kind, footer)
        except Unreadable as damage:
            self.damaged.append(path.name)
            with suppress(OSError):  # a reader that may not write can still read the rest
                quarantine(self.root, path, str(damage))
            return None


def _assemble(reader: _Reader, day: date, folder: Path, names: list[str]) -> Day:
    root, table = reader.root, reader.table
    generations = sorted((number for name in names if (number := parse_generation(name))), reverse=True)
    head, facts, live = 0, Facts((), (), Covers()), list[LiveFile]()
    for number in generations:
        path = folder / generation_name(number)
        file = reader.open(path, "generation")
        if file is None:
            continue
        facts = facts_of(path)
        try:
            older = [reader.open(folder / generation_name(kept), "generation") for kept in facts.keeps]
            older += [reader.open(root / ARCHIVE / table / folder.name / name, "archive") for name in facts.archive]
        except FileNotFoundError:
            if number == generations[0]:
                raise  # the head is sound, so the file went with a later commit: look again
            facts = Facts((), (), Covers())
        else:
            head, live = number, [file, *(one for one in older if one)]
            break
    for name in sorted(names):
        fragment = parse_fragment(name)
        if fragment and fragment not in facts.covers and (file := reader.open(folder / name, "fragment")):
            live.append(file)
    return Day(
        table=table,
        day=day,
        folder=folder,
        head=head,
        keeps=facts.keeps,
        archive=facts.archive,
        covers=facts.covers,
        files=tuple(live),
        warnings=_damage(day, reader.damaged, len(live) + len(reader.damaged)) + newer_schema(day, live),
        damaged=tuple(reader.damaged),
        head_damaged=bool(generations) and head != generations[0],
    )


def _published(root: Path, table: str, day: date) -> Day:
    folder, reader = published_folder(root, table, day), _Reader(root, table)
    names = [name for name in list_day(folder) if parse_published(table, name)]
    files = list[LiveFile]()
    for name in sorted(names, reverse=True):  # two stand there while one replaces the other: the newer one counts
        if not files and (file := reader.open(folder / name, "published")):
            files.append(file)
    warnings = _damage(day, reader.damaged, len(names)) + newer_schema(day, files)
    return Day(table=table, day=day, folder=folder, covers=Covers(), files=tuple(files), warnings=warnings)


def newer_schema(day: date, files: Iterable[LiveFile]) -> tuple[str, ...]:
    """What to say of a day's files that a newer version of this package wrote, with columns that this one may not know.

    Parameters
    ----------
    day : date
        Whose files they are.
    files : iterable of LiveFile
        Those that count.

    Returns
    -------
    tuple of str
        One sentence, or none.
    """
    newer = [file.footer.version for file in files if file.footer.version > SCHEMA_VERSION]
    if not newer:
        return ()
    said = f"{len(newer)} files are of schema version {max(newer)}, read for the columns of version {SCHEMA_VERSION}"
    return (f"{day}: {said}; upgrade rpa-lab to see the others",)


def _damage(day: date, damaged: list[str], total: int) -> tuple[str, ...]:
    if not damaged:
        return ()
    return (f"{day}: {len(damaged)} of {total} files are damaged and left out (see {QUARANTINE})",)


def _list_settled(folder: Path) -> list[str]:
    """A listing that nothing came between: the folder's time is the same before and after, and had settled before.

    Two listings that agree prove nothing, and wait for ever under steady flushes.
    """
    until = time.monotonic() + 30
    while time.monotonic() < until:
        before = os.stat(folder).st_mtime_ns  # noqa: PTH116
        if time.time_ns() - before < _SETTLED_S * 1e9:
            time.sleep(_SETTLED_S)
            continue
        names = os.listdir(folder)  # noqa: PTH208
        if os.stat(folder).st_mtime_ns == before:  # noqa: PTH116
            return names
    raise StoreError(f"{folder}: no lock and no quiet moment to be had in 30 s; is it on a network file system?")
