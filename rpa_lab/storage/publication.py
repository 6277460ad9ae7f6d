"""The tables that batch scripts read: one file a day, replaced so that a listing finds one, and never an older one.

The published file is a link to the day's highest generation, and its name bears that generation's number. It is laid
into a folder of its own, which then changes places with the day's folder in one step. So each listing finds one file,
and no name ever means other bytes than before: readers open a file by name more than once, and some keep its footer.
All under the lock of the table's folder, under which the highest generation is looked up again.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Final

from rpa_lab.errors import StoreError
from rpa_lab.journal.fragment import Unreadable, fsync_folder, make_folder
from rpa_lab.journal.layout import STAGING, generation_name, parse_published, published_folder, published_name
from rpa_lab.schema import SCHEMA_VERSION
from rpa_lab.storage.footers import footer_of
from rpa_lab.storage.snapshot import locked, look

__all__ = ["published_versions", "put_in_place", "unpublish"]

_LOCK_WAIT_S: Final = 30.0
_HERE: Final = -100  # AT_FDCWD
_SWAP: Final = 2  # RENAME_EXCHANGE of Linux, RENAME_SWAP of macOS


def put_in_place(root: Path, table: str, day: date) -> bool:
    """Make the published file of a day be its highest generation, if that is the whole day.

    Parameters
    ----------
    root : Path
        The store.
    table, day
        Which day.

    Returns
    -------
    bool
        Whether it is now; False also where another compactor commits at this moment, and will publish itself.
    """
    place = published_folder(root, table, day)
    make_folder(place.parent)
    with locked(place.parent, exclusive=True, wait=_LOCK_WAIT_S) as held:
        if not held:
            return False
        shutil.rmtree(root / STAGING / table, ignore_errors=True)  # of who died here: the lock is ours
        now = look(root, table, day)  # only the highest generation is published, so that an older one never comes back
        if now.keeps or now.head_damaged or any(file.footer.version > SCHEMA_VERSION for file in now.files):
            return False
        source, name = now.folder / generation_name(now.head), published_name(table, now.head)
        try:
            rows = footer_of(source).rows
            if rows and _names_in(place, table) != [name]:
                _put(source, root / STAGING / table / place.name, place, name)
        except FileNotFoundError:
            return False
        if not rows:
            _take(place, _names_in(place, table))
    return bool(rows)


def unpublish(root: Path, table: str, day: date, *, below: int) -> None:
    """Take away the published files of a day that an archived or deleted one left behind.

    Parameters
    ----------
    root : Path
        The store.
    table, day
        Which day.
    below : int
        The generation that ended them: files of later ones hold late rows only, and stay.

    Raises
    ------
    StoreError
        If somebody publishes this day for longer than 30 s.
    """
    place = published_folder(root, table, day)
    if not place.is_dir():
        return
    with locked(place.parent, exclusive=True, wait=_LOCK_WAIT_S) as held:
        if not held:
            raise StoreError(f"{place} is locked for 30 s already, and its published file still has rows that are gone")
        _take(place, [name for name in _names_in(place, table) if (parse_published(table, name) or 0) < below])


def published_versions(root: Path, table: str, day: date) -> set[int]:
    """The schema versions of a day's published file."""
    folder, versions = published_folder(root, table, day), set[int]()
    for name in _names_in(folder, table):
        with suppress(FileNotFoundError, Unreadable):  # just being replaced, or damaged
            versions.add(footer_of(folder / name).version)
    return versions


def _put(source: Path, staging: Path, place: Path, name: str) -> None:
    """Let the day's folder be one that holds this file alone."""
    make_folder(staging)
    try:
        os.link(source, staging / name)
    except OSError as refusal:
        if refusal.errno not in (errno.EPERM, errno.EMLINK, errno.EXDEV):
            raise
        shutil.copyfile(source, staging / name)  # another account's file may not be linked
        _fsync_file(staging / name)
    fsync_folder(staging)
    if not place.exists():
        staging.rename(place)
    elif not _exchange(staging, place):
        _replace_by_name(staging / name, place)
    fsync_folder(place)
    fsync_folder(place.parent)
    shutil.rmtree(staging, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Let two folders change places in one step; False where the system or its file system has no such call."""
    libc = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(one), os.fsencode(other)
    try:
        if sys.platform == "darwin":
            failed = libc.renamex_np(*names, _SWAP)
        else:
            failed = libc.renameat2(_HERE, names[0], _HERE, names[1], _SWAP)
    except AttributeError:
        return False
    if not failed:
        return True
    number = ctypes.get_errno()
    if number in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EPERM):
        return False
    raise OSError(number, os.strerror(number), str(one), None, str(other))


def _replace_by_name(new: Path, place: Path) -> None:
    """Where folders can't change places: the new file takes the old one's name, then its own.

    In between the old name means other bytes, which a reader that opens it twice may mistake.
    """
    standing = sorted(place.glob("*.parquet"))
    old = standing[-1] if standing else place / new.name
    if not (old.exists() and old.samefile(new)):  # renaming one link of a file over another does nothing
        new.replace(old)
    old.rename(place / new.name)
    for other in standing[:-1]:
        other.unlink()


def _take(place: Path, names: list[str]) -> None:
    for name in names:
        (place / name).unlink()
    if names:
        fsync_folder(place)


def _names_in(place: Path, table: str) -> list[str]:
    try:
        return sorted(path.name for path in place.iterdir() if parse_published(table, path.name) is not None)
    except FileNotFoundError:
        return []


def _fsync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
