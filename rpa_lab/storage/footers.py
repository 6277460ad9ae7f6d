"""What is known of a file without opening it again: its footer, or that it is damaged.

A file is the same as long as its name, inode, size and times are; nobody writes into a file of a store, so another one
in its place is noticed by these, and so is damage that was done by whoever did.
"""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISREG
from typing import Final

from rpa_lab.journal.fragment import Footer, Unreadable, read_footer
from rpa_lab.journal.layout import QUARANTINE

__all__ = ["Identity", "footer_of", "identity_of", "quarantine", "quarantined"]

Identity = tuple[str, int, int, int, int]
"""Path, inode, size, time of change (ns), time of change of the inode (ns)."""

_CACHE_SIZE: Final = 50_000
_footers: OrderedDict[Identity, Footer] = OrderedDict()
_Damaged = frozenset[tuple[str, int, int, int]]
_NOTHING: Final[_Damaged] = frozenset()
_lists: dict[str, tuple[Identity, _Damaged]] = {}
"""What each store's quarantine says, and of which state of its file that is."""


def identity_of(path: str | Path) -> Identity:
    """What tells a file from another one of the same name.

    Raises
    ------
    FileNotFoundError
        If it is gone.
    """
    status = os.lstat(path)
    return (str(path), status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def footer_of(path: Path) -> Footer:
    """A file's footer, from memory where the file is the same as when it was read.

    Raises
    ------
    Unreadable
        If it is damaged.
    FileNotFoundError
        If it is gone.
    """
    key = identity_of(path)
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
    _, inode, size, mtime_ns, _ = identity_of(path)
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


def quarantined(root: Path) -> frozenset[tuple[str, int, int, int]]:
    """The files that are left out: path, inode, size, mtime_ns; the same object as long as nothing is added."""
    place = f"{root}/{QUARANTINE}"
    try:
        state = identity_of(place)
        known = _lists.get(place)
        if known and known[0] == state:
            return known[1]
        lines = Path(place).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return _NOTHING
    entries = []
    for line in lines:
        try:
            entry = json.loads(line)
            entries.append((str(root / entry["file"]), entry["inode"], entry["size"], entry["mtime_ns"]))
        except (ValueError, KeyError, TypeError):
            continue  # half a line, from a process that was killed while it wrote
    _lists[place] = state, frozenset(entries)
    return _lists[place][1]
