"""From checked rows to fragments: what `TimeSeriesStore` writes, a fragment a day, all of it or (unfit) none."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from rpa_lab.journal.encode import Checked, split_by_day, with_origin
from rpa_lab.journal.fragment import encode_parquet, publish_fragment
from rpa_lab.journal.layout import Fragment, day_folder, parse_fragment
from rpa_lab.journal.root import open_root
from rpa_lab.result import Result
from rpa_lab.schema import Table
from rpa_lab.storage.snapshot import list_day, look

__all__ = ["Writing", "Written"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written(Result):
    """What a write did: rows now in the store, rows that were there already, values that had to be corrected."""

    rows: int
    already_there: int
    corrected: int


class Writing:
    """Publishes rows into a store, under a name of its own or an importer's."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.Lock()
        self._writer, self._pid = "", 0
        self._seq: dict[tuple[str, date], int] = {}

    def publish(self, table: Table, checked: Checked, *, writer: str | None) -> tuple[int, int]:
        """Publish checked rows.

        Parameters
        ----------
        table : Table
            Whose rows they are.
        checked : Checked
            As `rpa_lab.storage.fit` gives them.
        writer : str, optional
            An importer's identity; what it has written to a day before is left as it is.

        Returns
        -------
        tuple of int
            Rows that were written, and rows of days that this importer had written before.
        """
        written = there = 0
        if not checked.rows.num_rows:
            return 0, 0
        open_root(self.root)
        for day, rows in split_by_day(table, checked.rows):
            fragment = self._next(table.name, day) if writer is None else Fragment(writer, 0)
            if writer is not None and self._holds(table.name, day, fragment):
                there += rows.num_rows
                continue
            data = encode_parquet(table, with_origin(table, rows, fragment))
            publish_fragment(day_folder(self.root, table.name, day), fragment, data)
            written += rows.num_rows
        return written, there

    def _holds(self, table: str, day: date, fragment: Fragment) -> bool:
        names = list_day(day_folder(self.root, table, day))
        return any(parse_fragment(name) == fragment for name in names) or fragment in look(self.root, table, day).covers

    def _next(self, table: str, day: date) -> Fragment:
        if self._pid != os.getpid():  # new per process, and per fork (where another thread may hold the lock for ever)
            self._lock = threading.Lock()
        with self._lock:
            if self._pid != os.getpid():
                self._writer, self._pid, self._seq = os.urandom(6).hex(), os.getpid(), {}
            seq = self._seq.get((table, day), 0)
            self._seq[table, day] = seq + 1
            return Fragment(self._writer, seq)
