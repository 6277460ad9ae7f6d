"""Keep a store compact while bots write to it: `rpa-lab compact --follow`.

A day is compacted whenever it has 64 live fragments, and in full once it is closed. A day that is one published file,
with nothing dead beside it, is not opened again until a name comes to its folder or goes from it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Final

from rpa_lab.journal.layout import (
    day_folder,
    parse_fragment,
    parse_generation,
    parse_temp_target,
    published_folder,
    published_name,
)
from rpa_lab.schema import TABLES
from rpa_lab.storage.compaction import GRACE_S, MANY, Compacted, clean_day, is_closed, try_day
from rpa_lab.storage.snapshot import Day, days_of, list_day, look

__all__ = ["follow"]

_SETTLED_NS: Final = 1_000_000_000


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
    quiet: dict[tuple[str, date], int] = {}
    while not until():
        for table in TABLES:
            for day in days_of(root, table):
                changed_ns = _changed_ns(root, table, day)
                if quiet.get((table, day)) == changed_ns:
                    continue
                now = look(root, table, day)
                closed = is_closed(now)
                if len(now.fragments) >= MANY or (closed and not _is_finished(root, now)):
                    done = try_day(root, table, day, full=closed, grace_s=grace_s)
                    if on_day and (done.generation or done.published or done.refused):
                        on_day(done)
                elif _holds_dead(now):
                    clean_day(root, table, day, grace_s=grace_s)
                elif closed and time.time_ns() - changed_ns > _SETTLED_NS:
                    quiet[table, day] = changed_ns
        time.sleep(every_s)


def _is_finished(root: Path, now: Day) -> bool:
    """Whether a closed day is one published file, or can't become one here."""
    if now.head_damaged:
        return True
    if now.fragments or now.keeps:
        return False
    rows = sum(file.footer.rows for file in now.files if file.kind == "generation")
    return not rows or (published_folder(root, now.table, now.day) / published_name(now.table, now.head)).exists()


def _holds_dead(now: Day) -> bool:
    """Whether files lie in a day's folder that its highest generation made dead."""
    return any(
        ((number := parse_generation(name)) and number < now.head and number not in now.keeps)
        or ((fragment := parse_fragment(name)) and fragment in now.covers)
        or ((target := parse_temp_target(name)) and target <= now.head)
        for name in list_day(now.folder)
    )


def _changed_ns(root: Path, table: str, day: date) -> int:
    """When a name last came to a day's folder or went from it, nanoseconds since 1970."""
    try:
        return day_folder(root, table, day).stat().st_mtime_ns
    except FileNotFoundError:
        return 0
