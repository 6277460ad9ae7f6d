"""Copy what batch scripts read to another place: the published files of closed days, to a bucket or a folder.

A file that is there already, with the same name, size and seal, is not sent again; what is sent is read back whole, and
its seal checked, before the older file of the same day goes.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol

from rpa_lab.errors import InputError, RpaLabError, StoreError
from rpa_lab.journal.fragment import (
    Unreadable,
    check_bytes,
    fsync_folder,
    make_folder,
    read_footer,
    write_new,
)
from rpa_lab.journal.layout import SETTINGS, STORE, day_name, parse_published, published_folder, published_name
from rpa_lab.journal.root import refuse_newer
from rpa_lab.result import Result
from rpa_lab.schema import TABLES
from rpa_lab.storage.days import DayState, state_of
from rpa_lab.storage.footers import footer_of
from rpa_lab.storage.remote import Bucket, bucket_of, local_path
from rpa_lab.storage.snapshot import days_of

__all__ = ["Pushed", "push"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed(Result):
    """What a push did: files sent, files that were there already, older ones removed there, and bytes sent."""

    target: str
    copied: int
    already_there: int
    removed: int
    bytes: int
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        sent = f"{self.copied:,} files sent to {self.target} ({self.bytes / 1e6:,.1f} MB)"
        return f"{sent}, {self.already_there:,} there already, {self.removed:,} older ones removed"


def push(
    root: Path,
    target: str | os.PathLike[str],
    *,
    storage_options: Mapping[str, str] | None = None,
    on_day: Callable[[str, date, int, int], None] | None = None,
) -> Pushed:
    """Copy the published files of closed days, incrementally and verified.

    Parameters
    ----------
    root : Path
        The store.
    target : str or path
        ``s3://bucket/prefix``, or a folder by its path or ``file://`` URL. `Lab` reads what lies there.
    storage_options : mapping of str to str, optional
        Of a bucket, as for `TimeSeriesStore`.
    on_day : callable, optional
        Called after each day with table, day, how many are done, and how many there are.

    Returns
    -------
    Pushed
        Its warnings name the closed days that were left out, since rows of theirs wait for `rpa-lab compact`.

    Raises
    ------
    InputError
        If the target can't be a place for a copy.
    StoreError
        If the target refuses, holds another store's files, or what was sent reads back other than it was.
    """
    place = _place(root, target, storage_options)
    copied = there = removed = size = 0
    warnings: list[str] = []
    archived: dict[str, int] = {}
    todo = [(table, day) for table in TABLES for day in days_of(root, table)]
    with _said_of(place):
        for name in (STORE, SETTINGS):
            _push_text(root / name, name, place)
        for done, (table, day) in enumerate(todo, start=1):
            state = state_of(root, table, day)
            if state.closed and state.published:
                sent, gone, said = _push_day(root, table, state, place)
                copied, there, removed = copied + bool(sent), there + (sent == 0), removed + gone
                size, warnings = size + (sent or 0), warnings + said
            elif state.closed and state.archived:
                archived[table] = archived.get(table, 0) + 1
            elif state.closed and state.waiting:
                warnings.append(f"{table} {day} was left out: rows of it are not published; run rpa-lab compact first")
            elif state.closed and not state.rows and place.sizes(f"{table}/{day_name(day)}"):
                warnings.append(f"{table} {day} was deleted here and is still in the copy; remove it there")
            if on_day:
                on_day(table, day, done, len(todo))
    return Pushed(
        target=place.name,
        copied=copied,
        already_there=there,
        removed=removed,
        bytes=size,
        warnings=(*warnings, *(f"{n} archived days of {table} are not sent" for table, n in archived.items())),
    )


class _Place(Protocol):
    """Where copies go: few calls, each whole or an error."""

    name: str

    def sizes(self, folder: str) -> dict[str, int]:
        """The files of a folder, and their bytes."""

    def read(self, path: str) -> bytes | None:
        """A file's bytes; None where there is none."""

    def seal(self, path: str) -> str | None:
        """The seal that a file's footer says; None where it has none."""

    def write(self, path: str, data: bytes) -> None:
        """Put a file there, whole or not at all."""

    def remove(self, path: str) -> None:
        """Take a file away."""


class _Folder:
    def __init__(self, root: Path) -> None:
        self.root, self.name = root, str(root)

    def sizes(self, folder: str) -> dict[str, int]:
        try:
            return {entry.name: entry.stat().st_size for entry in os.scandir(self.root / folder) if entry.is_file()}
        except (FileNotFoundError, NotADirectoryError):
            return {}

    def read(self, path: str) -> bytes | None:
        try:
            return (self.root / path).read_bytes()
        except FileNotFoundError:
            return None

    def seal(self, path: str) -> str | None:
        try:
            return read_footer(self.root / path).seal
        except (Unreadable, FileNotFoundError):
            return None

    def write(self, path: str, data: bytes) -> None:
        final = self.root / path
        make_folder(final.parent)
        temp = final.parent / f".tmp-p-{secrets.token_hex(6)}"
        try:
            write_new(temp, data)
            temp.replace(final)
        except BaseException:
            with suppress(FileNotFoundError):
                temp.unlink()
            raise
        fsync_folder(final.parent)

    def remove(self, path: str) -> None:
        (self.root / path).unlink()


class _Remote:
    def __init__(self, bucket: Bucket) -> None:
        self.bucket, self.name = bucket, bucket.uri

    def sizes(self, folder: str) -> dict[str, int]:
        return {entry.base_name: entry.size for entry in self.bucket.listed(folder) if entry.size is not None}

    def read(self, path: str) -> bytes | None:
        return self.bucket.read(path)

    def seal(self, path: str) -> str | None:
        try:
            with self.bucket.files.open_input_file(self._full(path)) as opened:
                return read_footer(Path(path), opened=opened).seal
        except (Unreadable, FileNotFoundError):
            return None

    def write(self, path: str, data: bytes) -> None:
        with self.bucket.files.open_output_stream(self._full(path)) as file:
            file.write(data)

    def remove(self, path: str) -> None:
        self.bucket.files.delete_file(self._full(path))

    def _full(self, path: str) -> str:
        return f"{self.bucket.path}/{path}"


@contextmanager
def _said_of(place: _Place) -> Iterator[None]:
    """What the target refuses is an error that names it."""
    try:
        yield
    except RpaLabError:
        raise
    except OSError as refusal:
        first = (str(refusal).splitlines() or ["no reason given"])[0][:300]
        raise StoreError(f"the push to {place.name} stopped: {first}; what was sent stays, push again") from refusal


def _place(root: Path, target: str | os.PathLike[str], storage_options: Mapping[str, str] | None) -> _Place:
    folder = local_path(target)
    if folder is None:
        return _Remote(bucket_of(os.fspath(target), storage_options=storage_options))
    folder, own = folder.absolute().resolve(), root.absolute().resolve()
    if folder == own or own in folder.parents or folder in own.parents:
        raise InputError(f"target is {folder}, which overlaps the store {own}; expected a folder elsewhere")
    if (folder / "_journal").exists():
        raise InputError(f"target {folder} is a store that bots write to; expected an empty folder or an earlier copy")
    return _Folder(folder)


def _push_text(source: Path, name: str, place: _Place) -> None:
    """Copy the store's format, which must be one that we know at the target, and its settings."""
    there = place.read(name)
    if name == STORE and there is not None:
        refuse_newer(there, place=f"{place.name}/{name}")
    if source.is_file() and (data := source.read_bytes()) != there:
        place.write(name, data)


def _push_day(root: Path, table: str, state: DayState, place: _Place) -> tuple[int | None, int, list[str]]:
    """Bytes that were sent (0: it was there; None: left alone), older files removed, and warnings."""
    folder, name = f"{table}/{day_name(state.day)}", published_name(table, state.generation)
    source = published_folder(root, table, state.day) / name
    listed = place.sizes(folder)
    there = {other: number for other in listed if (number := parse_published(table, other)) is not None}
    if newer := [other for other, number in there.items() if number > state.generation]:
        said = f"{place.name}/{folder}/{max(newer)} is newer than the store's {name}, and was left alone"
        return None, 0, [f"{said}; was the store restored from a backup, or is this another store's copy?"]
    path, sent = f"{folder}/{name}", 0
    try:
        footer, size = footer_of(source), source.stat().st_size
        if listed.get(name) != size or place.seal(path) != footer.seal:
            data = source.read_bytes()
            check_bytes(data, name=name)
            _refuse_another(place, path, name)
            place.write(path, data)
            _check(place, path, name, footer.seal, size)
            sent = size
    except Unreadable as damage:
        return None, 0, [f"{table} {state.day} was left out: it is damaged ({damage})"]
    except FileNotFoundError:
        return None, 0, [f"{table} {state.day} was left out: it is being published anew just now; push again"]
    older = [other for other in there if other != name]
    for other in older:
        place.remove(f"{folder}/{other}")
    return sent, len(older), []


def _refuse_another(place: _Place, path: str, name: str) -> None:
    """A generation never changes: a sound file of this name with other bytes is another store's."""
    data = place.read(path)
    if data is None:
        return
    with suppress(Unreadable):
        check_bytes(data, name=name)
        raise StoreError(f"{place.name}/{path} is another store's file; push to a place of its own, or empty this one")


def _check(place: _Place, path: str, name: str, seal: str, size: int) -> None:
    back = place.read(path) or b""
    try:
        right = len(back) == size and check_bytes(back, name=name).seal == seal
    except Unreadable:
        right = False
    if not right:
        place.remove(path)
        raise StoreError(f"{place.name}/{path} reads back other than it was sent ({len(back)} of {size} bytes)")
