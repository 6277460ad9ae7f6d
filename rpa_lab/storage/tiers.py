"""Which generations a compaction takes along: those that make a row climb, so that few rewrites suffice.

A generation of n rows stands on level floor(log4 n). Whatever is merged ends on a higher level than each generation
that went into it, or is on its first: so in a day of a million rows no row is rewritten more than 11 times, where
batches of 1,000 arrive not more than 7 times, and at most three generations stand on a level.
"""

from __future__ import annotations

from collections.abc import Sequence

from rpa_lab.storage.snapshot import LiveFile

__all__ = ["level", "taken_along"]

_FEW = 3


def level(rows: int) -> int:
    """The level of so many rows.

    Examples
    --------
    >>> [level(rows) for rows in (0, 1, 3, 4, 15, 16, 1_000_000)]
    [0, 0, 0, 1, 1, 2, 9]
    """
    return max(0, (rows.bit_length() - 1) // 2)


def taken_along(generations: Sequence[LiveFile], *, rows: int) -> list[LiveFile]:
    """The generations that are merged with so many new rows.

    All those of a lower level than what is merged so far, and those of its own level where they are three or more.

    Parameters
    ----------
    generations : sequence of LiveFile
        Those that are live.
    rows : int
        How many rows are merged anyway.

    Returns
    -------
    list of LiveFile
    """
    taken: list[LiveFile] = []
    rest = list(generations)
    while True:
        now = level(rows)
        lower = [file for file in rest if level(file.footer.rows) < now]
        same = [file for file in rest if level(file.footer.rows) == now]
        more = lower or (same if len(same) >= _FEW else [])
        if not more:
            return taken
        taken += more
        rest = [file for file in rest if file not in more]
        rows += sum(file.footer.rows for file in more)
