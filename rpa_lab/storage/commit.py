"""Change a day by one commit: the next generation, made visible by one exclusive link; then remove what it made dead.

The order of steps is the protocol, each one there because leaving it out loses data in some interleaving: the temp
bears its target and exists before the listing; one listing gives the number and the inputs; the folder is fsynced
before the link; removal judges by one generation, takes temps first, and all under the folder's lock.
"""

from __future__ import annotations

import os
import secrets
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa

from rpa_lab.journal.fragment import Unreadable, encode_parquet, fsync_folder, read_sealed
from rpa_lab.journal.layout import (
    ARCHIVE,
    day_folder,
    generation_name,
    generation_temp,
    parse_fragment,
    parse_generation,
    parse_temp_target,
)
from rpa_lab.schema import TABLES
from rpa_lab.storage.covers import Covers
from rpa_lab.storage.snapshot import Day, Facts, facts_of, list_day, locked, look

__all__ = ["Content", "commit", "remove_dead"]

_LOCK_WAIT_S = 30.0
_ABANDONED_TEMP_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a commit makes of a day: the new generation's rows, and what its footer says of the other files."""

    rows: pa.Table
    keeps: tuple[int, ...]
    archive: tuple[str, ...]
    covers: Covers


def commit(root: Path, table: str, day: date, make: Callable[[Day], Content | None]) -> int | None:
    """Publish the next generation of a day.

    Parameters
    ----------
    root : Path
        The store.
    table, day
        Which day.
    make : callable
        From the day as it is to what it shall be; None if there is nothing to do. A `FileNotFoundError` of its means
        that somebody else committed meanwhile.

    Returns
    -------
    int or None
        The number of the new generation; None where there was nothing to do or somebody else won.
    """
    folder = day_folder(root, table, day)
    target = _highest(list_day(folder)) + 1
    temp = folder / generation_temp(target, secrets.token_hex(6))
    try:
        os.close(os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640))
        try:
            return target if _publish(root, table, day, folder, temp, target, make) else None
        finally:
            with suppress(FileNotFoundError):
                temp.unlink()
    except (FileNotFoundError, FileExistsError):
        return None  # the folder or the temp was swept, or the name is taken: somebody else won


def remove_dead(root: Path, table: str, day: date, *, grace_s: float) -> int:
    """Remove what the highest generation published longer ago than the grace made dead.

    Parameters
    ----------
    root : Path
        The store.
    table, day
        Which day.
    grace_s : float
        Seconds that files stay readable for who listed them before.

    Returns
    -------
    int
        How many files were removed.
    """
    folder = day_folder(root, table, day)
    archive = root / ARCHIVE / table / folder.name
    archived = _names_in(archive)
    try:
        judge = _judge(folder, list_day(folder), grace_s)
        if judge is None or look(root, table, day).head_damaged:
            return 0
        facts = facts_of(folder / generation_name(judge))
        with locked(folder, exclusive=True, wait=_LOCK_WAIT_S) as held:
            return _remove(folder, archive, archived, judge, facts) if held else 0
    except (FileNotFoundError, Unreadable):
        return 0  # the judge went with a later commit, whose own run removes; or it can't be trusted


def _remove(folder: Path, archive: Path, archived: list[str], judge: int, facts: Facts) -> int:
    """Remove what is dead by the judge; the folder's lock is held."""
    names = os.listdir(folder)  # noqa: PTH208 - names, not paths
    fsync_folder(folder)
    dead = [folder / name for name in names if (target := parse_temp_target(name)) and target <= judge]
    for path in dead:  # first, and if one can't be removed stop: its owner could still link it over a freed name
        _unlink(path)
    rest = [
        folder / name
        for name in names
        if ((number := parse_generation(name)) and number < judge and number not in facts.keeps)
        or ((fragment := parse_fragment(name)) and fragment in facts.covers)
        or (name.startswith(".tmp-f-") and _age(folder / name) > _ABANDONED_TEMP_S)
    ]
    rest += [archive / name for name in archived if _archived_number(name) <= judge and name not in facts.archive]
    for path in rest:
        _unlink(path)
    return len(dead) + len(rest)


def _publish(
    root: Path, table: str, day: date, folder: Path, temp: Path, target: int, make: Callable[[Day], Content | None]
) -> bool:
    now = look(root, table, day)
    if now.head != target - 1 or now.head_damaged:
        return False
    content = make(now)
    if content is None:
        return False
    facts = {
        "keeps": ",".join(map(str, content.keeps)).encode(),
        "archive": ",".join(content.archive).encode(),
        "covers": content.covers.pack(),
    }
    data = encode_parquet(TABLES[table], content.rows, compacted=True, facts=facts)
    with open(os.open(temp, os.O_WRONLY), "wb") as file:  # not created again: a swept temp is a lost race
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    try:
        _, written = read_sealed(temp, TABLES[table])
    except Unreadable as damage:
        raise OSError(f"{temp} reads back other than it was written: {damage}") from damage
    if written.num_rows != content.rows.num_rows:
        raise OSError(f"{temp} has {written.num_rows} rows, {content.rows.num_rows} were written")
    fsync_folder(folder)  # what is kept may be another's link, not on disk yet
    os.link(temp, folder / generation_name(target))
    return True


def _judge(folder: Path, names: list[str], grace_s: float) -> int | None:
    """The highest generation published longer ago than the grace; the link sets a file's ctime."""
    numbers = sorted((number for name in names if (number := parse_generation(name))), reverse=True)
    for number in numbers:
        try:
            if time.time() - (folder / generation_name(number)).lstat().st_ctime >= grace_s:
                return number
        except FileNotFoundError:
            continue
    return None


def _highest(names: list[str]) -> int:
    return max((number for name in names if (number := parse_generation(name))), default=0)


def _names_in(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names, not paths
    except (FileNotFoundError, NotADirectoryError):
        return []


def _archived_number(name: str) -> int:
    """The generation that an archive file was written for: ``a-<gen:08d>-<12hex>.parquet``."""
    return int(name[2:10]) if name.startswith("a-") and name[2:10].isdigit() else sys.maxsize


def _age(path: Path) -> float:
    try:
        return time.time() - path.lstat().st_mtime
    except FileNotFoundError:
        return 0.0


def _unlink(path: Path) -> None:
    with suppress(FileNotFoundError):
        path.unlink()
