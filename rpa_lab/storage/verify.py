"""Is every file what it was when it was written? Each seal and count is checked, and what should not be there named.

A seal covers every byte of its file, so one flipped bit is found. A file that is damaged is written to
`_quarantine.jsonl` and so left out of every query from then on; a sound copy put in its place counts again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import ClassVar, Literal

import polars as pl

from rpa_lab.errors import StoreError
from rpa_lab.journal.fragment import Unreadable, read_sealed
from rpa_lab.journal.layout import (
    ARCHIVE,
    JOURNAL,
    QUARANTINE,
    archive_folder,
    day_folder,
    generation_name,
    parse_day,
    parse_fragment,
    parse_generation,
    parse_published,
    published_folder,
)
from rpa_lab.journal.root import check_format
from rpa_lab.period import Span
from rpa_lab.result import Result
from rpa_lab.schema import SCHEMA_VERSION, TABLES
from rpa_lab.storage.footers import quarantine
from rpa_lab.storage.reading import Reading
from rpa_lab.storage.snapshot import Day, days_of, look, published_days

__all__ = ["Verified", "verify"]

_TABLES = {
    "table": pl.String,
    "days": pl.Int64,
    "files": pl.Int64,
    "bytes": pl.Int64,
    "live_files": pl.Int64,
    "live_rows": pl.Int64,
}
_DAMAGED = {"file": pl.String, "live": pl.Boolean, "reason": pl.String}
_QUARANTINED = {"file": pl.String, "state": pl.String, "reason": pl.String, "at": pl.String}
_LEFT_OVER = {"file": pl.String, "what": pl.String, "bytes": pl.Int64}

Place = Literal["journal", "archive", "published"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified(Result):
    """What a look at every byte of a store found; `tables` has one row per table."""

    store: str
    files: int
    rows: int
    """Live ones, as they are stored."""
    tables: pl.DataFrame
    damaged: pl.DataFrame
    """file, live (whether its rows would count), reason."""
    quarantined: pl.DataFrame
    """file, state (damaged, put right, gone), reason, at: what `_quarantine.jsonl` says, each file once."""
    left_over: pl.DataFrame
    """file, what, bytes: temps, replaced files that wait for removal, strangers. None of them is read."""
    repeated_steps: pl.DataFrame
    """step_id, n: ids that more than one step has; both are counted in every figure."""
    orphans: pl.DataFrame
    """execution_id, n_steps, first_at: steps whose execution the store doesn't hold."""
    warnings: tuple[str, ...] = ()

    _table: ClassVar[str | None] = "tables"

    @property
    def ok(self) -> bool:
        """Whether nothing is damaged."""
        return self.damaged.is_empty()


@dataclass
class _Found:
    damaged: list[tuple[str, bool, str]] = field(default_factory=list)
    left_over: list[tuple[str, str, int]] = field(default_factory=list)
    counts: dict[str, list[int]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def verify(root: Path, *, on_day: Callable[[str, date, int, int], None] | None = None) -> Verified:
    """Check every seal and count of a store; bots may go on writing, compactors compacting.

    Parameters
    ----------
    root : Path
        The store.
    on_day : callable, optional
        Called after each day with table, day, how many are done, and how many there are.

    Returns
    -------
    Verified

    Raises
    ------
    StoreError
        If there is no store, or a newer rpa_lab wrote it.
    """
    root = root.absolute()
    if not check_format(root) and not any(days_of(root, table) for table in TABLES):
        raise StoreError(f"{root} holds no store; expected a folder that a collector or an import wrote to")
    found = _Found()
    todo = [(table, day) for table in TABLES for day in _every_day(root, table)]
    for done, (table, day) in enumerate(todo, start=1):
        _verify_day(root, table, day, found)
        if on_day:
            on_day(table, day, done, len(todo))
    found.left_over += _strangers(root)
    repeated, orphans = _steps(root)
    tables = pl.DataFrame([[name, *counts] for name, counts in found.counts.items()], schema=_TABLES, orient="row")
    return Verified(
        store=str(root),
        files=int(tables["files"].sum()),
        rows=int(tables["live_rows"].sum()),
        tables=tables,
        damaged=pl.DataFrame(found.damaged, schema=_DAMAGED, orient="row"),
        quarantined=pl.DataFrame(_quarantined(root, found), schema=_QUARANTINED, orient="row"),
        left_over=pl.DataFrame(found.left_over, schema=_LEFT_OVER, orient="row").sort("file"),
        repeated_steps=repeated,
        orphans=orphans,
        warnings=tuple(found.warnings),
    )


def _every_day(root: Path, table: str) -> list[date]:
    """The days of which anything lies somewhere."""
    archived = {day for name in _names(root / ARCHIVE / table) if (day := parse_day(name))}
    return sorted({*days_of(root, table), *published_days(root, table), *archived})


def _verify_day(root: Path, table: str, day: date, found: _Found) -> None:
    before = len(found.damaged)
    sound: dict[Path, int] = {}
    count = total = 0
    inodes = set[int]()
    for path, place in list(_files(root, table, day)):
        try:
            status = path.lstat()
            size = status.st_size
            what = _not_ours(table, path.name, place)
            if what:
                found.left_over.append((str(path.relative_to(root)), what, size))
                continue
            footer, _ = read_sealed(path, TABLES[table])
        except FileNotFoundError:
            continue  # replaced meanwhile: a later commit has its rows
        except Unreadable as damage:
            found.damaged.append((str(path.relative_to(root)), False, _reason(damage)))
            with suppress(OSError):  # a copy that may not be written can still be verified
                _quarantine_once(root, path, str(damage))
        else:
            sound[path] = size
            if footer.version > SCHEMA_VERSION:
                found.warnings.append(f"{path.relative_to(root)} is of the newer schema version {footer.version}")
        count, total = count + 1, total + size * (status.st_ino not in inodes)
        inodes.add(status.st_ino)  # a published file is its generation under a second name
    try:
        now = look(root, table, day)
    except StoreError as trouble:
        found.damaged.append((str(day_folder(root, table, day).relative_to(root)), True, str(trouble)))
        return
    _mark_live(found, before, now, root)
    live = {file.path for file in now.files}
    for path, size in sound.items():
        if path not in live and (what := _replaced(root, now, path)):
            found.left_over.append((str(path.relative_to(root)), what, size))
    counts = found.counts.setdefault(table, [0, 0, 0, 0, 0])
    added = (1, count, total, len(live), sum(file.footer.rows for file in now.files))
    found.counts[table] = [old + new for old, new in zip(counts, added, strict=True)]


def _files(root: Path, table: str, day: date) -> Iterator[tuple[Path, Place]]:
    places: tuple[tuple[Path, Place], ...] = (
        (day_folder(root, table, day), "journal"),
        (archive_folder(root, table, day), "archive"),
        (published_folder(root, table, day), "published"),
    )
    for folder, place in places:
        for name in sorted(_names(folder)):
            yield folder / name, place


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names, not paths
    except (FileNotFoundError, NotADirectoryError):
        return []


def _not_ours(table: str, name: str, place: Place) -> str | None:
    """What a file is that no reader opens; None where its name is one of a store's files."""
    if name.startswith(".tmp-"):
        return "temp of a writer or compactor that is at work, or died"
    known = {
        "journal": parse_fragment(name) is not None or parse_generation(name) is not None,
        "archive": name.startswith("a-") and name.endswith(".parquet"),
        "published": parse_published(table, name) is not None,
    }
    return None if known[place] else "not a file of the store"


def _mark_live(found: _Found, before: int, now: Day, root: Path) -> None:
    """Say which of the damaged files are missing from what is read."""
    at = len(root.parts)
    for index in range(before, len(found.damaged)):
        file, _, reason = found.damaged[index]
        name, top = Path(file).name, (root / file).parts[at]
        fragment, generation = parse_fragment(name), parse_generation(name)
        live = (
            (top == JOURNAL and fragment is not None and fragment not in now.covers)
            or (generation is not None and (generation >= now.head or generation in now.keeps))
            or name in now.archive
            or (top not in (JOURNAL, ARCHIVE) and not (root / JOURNAL).is_dir())
        )
        found.damaged[index] = (file, live, reason)


def _replaced(root: Path, now: Day, path: Path) -> str | None:
    """Why a sound file of the store doesn't count any more."""
    name, head = path.name, generation_name(now.head)
    if path.parent == now.folder and (fragment := parse_fragment(name)):
        return f"merged into {head}; removed at the next compaction" if fragment in now.covers else None
    if path.parent == now.folder and (number := parse_generation(name)):
        return f"replaced by {head}" if number < now.head and number not in now.keeps else None
    if path.parent.parent.parent == root / ARCHIVE:
        return f"archive file that {head} doesn't name" if name not in now.archive else None
    number = parse_published(now.table, name)
    if number is None or number == now.head or not (root / JOURNAL).is_dir():
        return None
    return f"published, but {head} is newer; rpa-lab compact publishes it"


def _strangers(root: Path) -> list[tuple[str, str, int]]:
    """Folders among the tables' days that aren't days, and links, which no reader follows."""
    found = []
    for place in (root / JOURNAL, root / ARCHIVE, root):
        for table in TABLES:
            for name in _names(place / table):
                path = place / table / name
                if path.is_symlink() or not path.is_dir() or parse_day(name) is None:
                    what = "symbolic link, not followed" if path.is_symlink() else "not a day of the store"
                    found.append((str(path.relative_to(root)), what, path.lstat().st_size))
    return found


def _quarantine_once(root: Path, path: Path, reason: str) -> None:
    """Write a damaged file down, unless it is written down as it is now."""
    status = path.lstat()
    for entry in _entries(root):
        same = (entry.get("inode"), entry.get("size"), entry.get("mtime_ns"))
        if entry.get("file") == str(path.relative_to(root)) and same == (
            status.st_ino,
            status.st_size,
            status.st_mtime_ns,
        ):
            return
    quarantine(root, path, reason)


def _entries(root: Path) -> list[dict[str, object]]:
    try:
        lines = (root / QUARANTINE).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    entries = []
    for line in lines:
        with suppress(ValueError):  # half a line, of who was killed while it wrote
            entry = json.loads(line)
            if isinstance(entry, dict) and isinstance(entry.get("file"), str):
                entries.append(entry)
    return entries


def _quarantined(root: Path, found: _Found) -> list[tuple[str, str, str, str]]:
    damaged = {file for file, _, _ in found.damaged}
    last = {str(entry["file"]): entry for entry in _entries(root)}
    return [
        (
            file,
            "damaged" if file in damaged else "put right" if (root / file).exists() else "gone",
            str(entry.get("reason", "")),
            str(entry.get("at", "")),
        )
        for file, entry in sorted(last.items())
    ]


def _steps(root: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The step ids that repeat, and the executions that steps speak of and the store doesn't hold."""
    reading = Reading(root, compact=False)
    always = Span(datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))

    def repeated() -> pl.LazyFrame:
        steps = reading.rows("steps", always, as_of=always.start)
        counted = steps.group_by("step_id").agg(n=pl.len().cast(pl.Int64))
        return counted.filter(pl.col("n") > 1).sort("n", "step_id", descending=[True, False])

    def orphans() -> pl.LazyFrame:
        held = reading.stored("executions", always).select("execution_id").unique()
        steps = reading.stored("steps", always)
        alone = steps.join(held, on="execution_id", how="anti").group_by("execution_id")
        return alone.agg(n_steps=pl.len().cast(pl.Int64), first_at=pl.col("started_at").min()).sort("execution_id")

    return reading.collect(repeated), reading.collect(orphans)


def _reason(damage: Exception) -> str:
    return str(damage).partition(": ")[2] or str(damage)
