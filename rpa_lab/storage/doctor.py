"""Is this a place where the store's promises hold, and for how long will it have room? Each check is a sentence.

What is tried is tried for real, with a file of a few bytes in the store's own folder: a hard link, a lock, a clock.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import ClassVar, Final, Literal

import polars as pl

from rpa_lab.errors import StoreError
from rpa_lab.journal.layout import JOURNAL
from rpa_lab.journal.root import check_format
from rpa_lab.result import Result
from rpa_lab.schema import SCHEMA_VERSION, TABLES
from rpa_lab.storage.compaction import MANY, is_closed
from rpa_lab.storage.snapshot import Day, days_of, look

__all__ = ["Diagnosis", "Finding", "doctor", "file_system_of", "monthly_growth"]

State = Literal["ok", "note", "bad"]

_NETWORK: Final = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "gpfs", "beegfs", "davfs")
)
_NETWORK_FUSE: Final = frozenset(("sshfs", "s3fs", "gcsfuse", "rclone", "glusterfs", "ceph", "davfs"))
_CLOCK_S: Final = 2.0
_LOW_BYTES: Final = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check: what was looked at, whether it is fine, and the sentence to read."""

    check: str
    state: State
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis(Result):
    """What was found of a store and its machine; `findings` has one row per check."""

    store: str
    findings: pl.DataFrame
    """check, state (ok, note, bad), said."""

    _table: ClassVar[str | None] = "findings"

    @property
    def ok(self) -> bool:
        """Whether nothing is bad; a note is worth reading."""
        return "bad" not in self.findings["state"].to_list()


def doctor(root: Path, *, at: datetime | None = None) -> Diagnosis:
    """Look at a store and the machine that it lies on.

    Parameters
    ----------
    root : Path
        The store; where there is none yet, the folder in which it would be made is looked at.
    at : datetime, optional
        What "now" is for closed days; default the present.

    Returns
    -------
    Diagnosis
    """
    root = root.absolute()
    place = next(folder for folder in (root, *root.parents) if folder.is_dir())
    findings = [_file_system(place), *_tried(place)]
    try:
        known = check_format(root)
        looks = [look(root, table, day) for table in TABLES for day in days_of(root, table)]
    except StoreError as trouble:
        findings.append(Finding(check="store", state="bad", said=str(trouble)))
        looks, known = [], True
    if not known and not looks:
        findings.append(Finding(check="store", state="note", said=f"there is none in {root} yet"))
    growth = monthly_growth(looks, at=at)
    findings.append(_space(place, growth))
    if looks:
        findings += [_growth(growth), _permissions(root), _versions(looks), _small_files(looks), _damage(looks)]
    rows = [[finding.check, finding.state, finding.said] for finding in findings]
    table = pl.DataFrame(rows, schema=["check", "state", "said"], orient="row")
    return Diagnosis(store=str(root), findings=table)


def file_system_of(folder: Path, mounts: str) -> str | None:
    r"""The kind of the file system that a folder lies on, by what ``/proc/mounts`` says.

    Parameters
    ----------
    folder : Path
        Absolute, links resolved.
    mounts : str
        The text of ``/proc/mounts``.

    Returns
    -------
    str or None
        None where no mount point holds the folder.

    Examples
    --------
    >>> mounts = "/dev/sda1 / ext4 rw 0 0\nhost:/x /mnt/my\\040disk nfs4 rw 0 0\n"
    >>> file_system_of(Path("/mnt/my disk/store"), mounts), file_system_of(Path("/srv"), mounts)
    ('nfs4', 'ext4')
    """
    best, kind = -1, None
    for line in mounts.splitlines():
        words = line.split(" ")
        if len(words) < 3:
            continue
        point = Path(words[1].encode().decode("unicode_escape").encode("latin-1").decode("utf-8", "replace"))
        if (folder == point or point in folder.parents) and len(point.parts) >= best:  # a later mount hides an earlier
            best, kind = len(point.parts), words[2]
    return kind


def monthly_growth(looks: list[Day], *, at: datetime | None = None) -> float | None:
    """Bytes a month at the present rate: those of the last 7 closed days, a day's average times 30.

    Parameters
    ----------
    looks : list of Day
        Of all tables.
    at : datetime, optional
        What "now" is; default the present.

    Returns
    -------
    float or None
        None where no day is closed. A store younger than a week counts its own days.
    """
    sizes: Counter[date] = Counter()
    first = min((now.day for now in looks if now.files), default=None)
    for now in looks:
        if is_closed(now, at=at):
            sizes[now.day] += _bytes(now)
    if not sizes or first is None:
        return None
    last = max(sizes)
    span = min(7, (last - first).days + 1)
    return sum(size for day, size in sizes.items() if last - day < timedelta(days=span)) / span * 30


def _bytes(now: Day) -> int:
    total = 0
    for file in now.files:
        with suppress(FileNotFoundError):
            total += file.path.lstat().st_size
    return total


def _file_system(place: Path) -> Finding:
    try:
        kind = file_system_of(place.resolve(), Path("/proc/mounts").read_text(encoding="utf-8", errors="replace"))
    except OSError:
        kind = None
    if kind is None:
        return Finding(check="file system", state="note", said="of a kind that this system doesn't say")
    if kind in _NETWORK or kind.removeprefix("fuse.") in _NETWORK_FUSE:
        said = f"{kind}, a network file system: nothing is promised where several hosts write to it"
        return Finding(check="file system", state="bad", said=said)
    return Finding(check="file system", state="ok", said=f"{kind}, on this machine")


def _tried(place: Path) -> Iterator[Finding]:
    """What a file of a few bytes shows: writing, the clock, hard links and locks."""
    probe = place / f".tmp-doctor-{secrets.token_hex(6)}"
    twin = probe.with_name(probe.name + "-link")
    try:
        try:
            probe.write_bytes(b"probe")
        except OSError as refusal:
            said = f"{place} can't be written by this account ({refusal.strerror}); queries work, recording doesn't"
            yield Finding(check="writing", state="note", said=said)
            return
        yield Finding(check="writing", state="ok", said="this account may")
        yield _clock(probe.stat().st_mtime, time.time())
        try:
            os.link(probe, twin)
        except OSError as refusal:
            said = f"hard links are refused ({refusal.strerror}); compaction can't commit without"
            yield Finding(check="hard links", state="bad", said=said)
        else:
            right = twin.samefile(probe)
            said = "work" if right else "make copies"
            yield Finding(check="hard links", state="ok" if right else "bad", said=said)
        yield _locks(place)
    finally:
        for path in (probe, twin):
            with suppress(OSError):
                path.unlink()


def _clock(written: float, now: float) -> Finding:
    off = written - now
    if abs(off) <= _CLOCK_S:
        return Finding(check="clock", state="ok", said="the disk's and this machine's agree")
    said = f"a new file is {abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} this machine's clock; set the clocks"
    return Finding(check="clock", state="bad", said=said)


def _locks(place: Path) -> Finding:
    held, other = (os.open(place, os.O_RDONLY | os.O_DIRECTORY) for _ in range(2))
    try:
        fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return Finding(check="locks", state="ok", said="work")
        return Finding(check="locks", state="bad", said="flock excludes nobody here; a reader may miss a day's rows")
    except OSError as refusal:
        said = f"flock is refused ({refusal.strerror}); readers wait for a quiet moment instead"
        return Finding(check="locks", state="note", said=said)
    finally:
        os.close(held)
        os.close(other)


def _space(place: Path, growth: float | None) -> Finding:
    free = shutil.disk_usage(place).free
    if free < max(_LOW_BYTES, growth or 0):
        return Finding(check="free space", state="bad", said=f"{_size(free)}, less than a month's growth or 1 GB")
    lasts = f", about {free / growth:,.0f} months at the present rate" if growth else ""
    return Finding(check="free space", state="ok", said=f"{_size(free)}{lasts}")


def _growth(growth: float | None) -> Finding:
    if growth is None:
        return Finding(check="growth", state="note", said="unknown until a day is closed")
    return Finding(check="growth", state="ok", said=f"{_size(growth)} a month, by the last 7 closed days")


def _permissions(root: Path) -> Finding:
    """Whether this account may read and write what others made."""
    folders = [root, *(place / table for place in (root / JOURNAL, root) for table in TABLES)]
    shut = [folder for folder in folders if folder.is_dir() and not os.access(folder, os.R_OK | os.X_OK)]
    if shut:
        return Finding(check="permissions", state="bad", said=f"this account may not read {shut[0]}")
    fixed = [folder for folder in folders if folder.is_dir() and not os.access(folder, os.W_OK)]
    if fixed:
        return Finding(check="permissions", state="note", said=f"this account may read, but not write {fixed[0]}")
    return Finding(check="permissions", state="ok", said="this account may read and write")


def _versions(looks: list[Day]) -> Finding:
    counts = Counter(file.footer.version for now in looks for file in now.files)
    said = ", ".join(f"{count:,} files of version {version}" for version, count in sorted(counts.items()))
    if max(counts, default=0) > SCHEMA_VERSION:
        said += (
            f"; this rpa_lab knows up to {SCHEMA_VERSION}: upgrade it to see every column, and to compact those days"
        )
        return Finding(check="schema", state="bad", said=said)
    if counts and min(counts) < SCHEMA_VERSION:
        said += f"; rpa-lab compact publishes them as version {SCHEMA_VERSION}"
        return Finding(check="schema", state="note", said=said)
    return Finding(check="schema", state="ok", said=said or "no files yet")


def _small_files(looks: list[Day]) -> Finding:
    total = sum(len(now.fragments) for now in looks)
    most = max(looks, key=lambda now: len(now.fragments))
    if len(most.fragments) <= MANY:
        return Finding(check="small files", state="ok", said=f"{total:,} wait for compaction")
    said = f"{total:,} wait for compaction, {len(most.fragments):,} of {most.table} {most.day}; run rpa-lab compact"
    return Finding(check="small files", state="note", said=said)


def _damage(looks: list[Day]) -> Finding:
    said = [f"{now.table} {warning}" for now in looks for warning in now.warnings if "damaged" in warning]
    if said:
        more = f" (and {len(said) - 1} more days)" if len(said) > 1 else ""
        return Finding(check="damage", state="bad", said=f"{said[0]}{more}; rpa-lab verify names each")
    return Finding(check="damage", state="ok", said="none known; rpa-lab verify reads every byte")


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:,.0f} {unit}" if unit == "B" else f"{count:,.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"
