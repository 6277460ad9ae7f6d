"""Which files count right now.

Of a day, with `c` its highest generation, these are live: `c`, the older generations that `c` keeps, the archive
files it names, and each fragment that it doesn't cover. One listing under a shared lock decides; removal takes that
lock exclusively. A file that is gone when it is opened means that somebody committed meanwhile: look again.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from stat import S_ISREG
from typing import Final, Literal

from rpa_lab.errors import StoreError
from rpa_lab.journal.fragment import Footer, Unreadable, read_footer
from rpa_lab.journal.layout import (
    ARCHIVE,
    JOURNAL,
    QUARANTINE,
    day_folder,
    generation_name,
    parse_day,
    parse_fragment,
    parse_generation,
    parse_published,
    published_folder,
)
from rpa_lab.schema import SCHEMA_VERSION
from rpa_lab.storage.covers import Covers

__all__ = [
    "LOOKS",
    "Day",
    "Facts",
    "Kind",
    "LiveFile",
    "days_of",
    "facts_of",
    "footer_of",
    "list_day",
    "locked",
    "look",
    "newer_schema",
    "published_days",
    "quarantine",
]

LOOKS: Final = 50
"""How often to start over where a file that was listed is gone when it is opened."""

_LOCK_WAIT_S = 0.3
_SETTLED_S = 0.02
_CACHE_SIZE = 50_000

Kind = Literal["fragment", "generation", "archive", "published"]
_Identity = tuple[str, int, int, int, int]
_footers: OrderedDict[_Identity, Footer] = OrderedDict()


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
    if not (root / JOURNAL).is_dir():
        return _published(root, table, day)
    folder = day_folder(root, table, day)
    for _ in range(LOOKS):
        try:
            return _assemble(root, table, day, folder, list_day(folder))
        except FileNotFoundError:
            continue  # removed between listing and opening: somebody committed
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


def footer_of(path: Path) -> Footer:
    """A file's footer, from memory where the file is the same as when it was read.

    Raises
    ------
    Unreadable
        If it is damaged.
    FileNotFoundError
        If it is gone.
    """
    key = _identity(path)
    if key in _footers:
        _footers.move_to_end(key)
        return _footers[key]
    if not S_ISREG(path.lstat().st_mode):
        raise Unreadable(f"{path.name}: not a regular file")
    footer = read_footer(path)
    _footers[key] = footer
    if len(_footers) > _CACHE_SIZE:
        _footers.popitem(last=False)
    return footer


def quarantine(root: Path, path: Path, reason: str) -> None:
    """Write down that a file is damaged, so that it is left out by name from now on; it stays where it is."""
    _, inode, size, mtime_ns, _ = _identity(path)
    entry = {
        "file": str(path.relative_to(root)),
        "inode": inode,
        "size": size,
        "mtime_ns": mtime_ns,
        "reason": reason,
        "at": datetime.now(UTC).isoformat(),
    }
    with (root / QUARANTINE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")


def _quarantined(root: Path) -> frozenset[tuple[str, int, int, int]]:
    try:
        lines = (root / QUARANTINE).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return frozenset()
    entries = []
    for line in lines:
        try:
            entry = json.loads(line)
            entries.append((str(root / entry["file"]), entry["inode"], entry["size"], entry["mtime_ns"]))
        except (ValueError, KeyError, TypeError):
            continue  # half a line, from a process that was killed while it wrote
    return frozenset(entries)


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


class _Reader:
    """Opens the footers of one day's files, and remembers which are damaged."""

    def __init__(self, root: Path, table: str) -> None:
        self._root = root
        self._table = table
        self._known_bad = _quarantined(root)
        self.damaged: list[str] = []

    def open(self, path: Path, kind: Kind) -> LiveFile | None:
        """The file, or None where it is damaged."""
        if _identity(path)[:4] in self._known_bad:
            self.damaged.append(path.name)
            return None
        try:
            if kind == "generation":
                facts_of(path)
            footer = footer_of(path)
            if footer.table != self._table:
                raise Unreadable(f"{path.name}: it has rows of {footer.table}, not of {self._table}")
            return LiveFile(path, kind, footer)
        except Unreadable as damage:
            self.damaged.append(path.name)
            with suppress(OSError):  # a reader that may not write can still read the rest
                quarantine(self._root, path, str(damage))
            return None


def _assemble(root: Path, table: str, day: date, folder: Path, names: list[str]) -> Day:
    reader = _Reader(root, table)
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


def _identity(path: Path) -> _Identity:
    status = path.lstat()
    return (str(path), status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


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
