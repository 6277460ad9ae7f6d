"""From what waits in memory to fragments on disk: encodes, publishes, retries.

What couldn't be written is kept, encoded, and retried under the same names; nothing more is taken from the buffer until
then, and its places in the buffer stay taken: memory stays within the buffer's bound.
"""

from __future__ import annotations

import os
import time
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rpa_lab.collection.buffer import REASONS, Buffer
from rpa_lab.collection.outcome import is_of_signal, said_of
from rpa_lab.journal.layout import Fragment, day_folder

if TYPE_CHECKING:
    import pyarrow as pa

    from rpa_lab.collection.ledger import Ledger, Rows
    from rpa_lab.journal.redact import Redactor

__all__ = ["Flusher"]

_HEALTH: Final = "collector_health"
_HEALTH_EVERY_S: Final = 60.0
_HEALTH_WHILE_OPEN_S: Final = 300.0
_CHUNK: Final = 500
"""Records that are taken apart at a time: Python code, during which the bot's own waits."""
_CHUNKS: Final = 8
"""As many of them are checked together, by Arrow: that costs by the call rather than by the row."""
_PAUSE_S: Final = 0.0005
"""Between two chunks, so that the bot's code goes on."""
_BATCH: Final = 100_000
"""The most records of a fragment."""


class _Pending(NamedTuple):
    """An encoded fragment that is to be published."""

    table: str
    day: date
    fragment: Fragment
    data: bytes
    rows: int
    """Records of the bot in it; 0 for the collector's own."""


class Flusher:
    """Writes one collector's records; used by one thread at a time.

    Parameters
    ----------
    root : Path
        Root folder of the store.
    robot_id, host : str
        Who runs, and where.
    mode : int, optional
        Permissions of the files that it makes; default: 0640 less the umask.
    redactor : Redactor, optional
        Takes out secrets; default: the usual patterns.
    """

    def __init__(
        self, root: Path, *, robot_id: str, host: str, mode: int | None = None, redactor: Redactor | None = None
    ) -> None:
        self.root = root
        self.writer = os.urandom(6).hex()
        self.written = 0
        self.corrected = 0
        self.why: str | None = None  # the last record or value that couldn't be kept couldn't be for this
        self._who = {"robot_id": robot_id, "host": host}
        self._mode = mode
        self._redactor = redactor
        self._seq: dict[tuple[str, date], int] = {}
        self._parts: dict[str, list[pa.Table]] = {}
        self._pending: list[_Pending] = []
        self._health: tuple[int, ...] = ()
        self._health_at = float("-inf")
        self._flush_ms: float | None = None

    @cached_property
    def _ledger(self) -> Ledger:
        from rpa_lab.collection.ledger import Ledger  # in the flusher's thread and not at a bot's start

        return Ledger(self.writer, **self._who)

    @property
    def waiting(self) -> int:
        """Records that are encoded and not yet on disk."""
        parts = [part for name, some in list(self._parts.items()) if name != _HEALTH for part in list(some)]
        checked: int = sum(part.num_rows for part in parts)
        return checked + sum(pending.rows for pending in list(self._pending))

    def flush(self, buffer: Buffer, *, final: bool = False) -> None:
        """Write all that waits, and what an earlier flush couldn't.

        Parameters
        ----------
        buffer : Buffer
            Where the records wait.
        final : bool
            Whether this is the last one, which says the counts in any case.

        Raises
        ------
        OSError
            If the disk refuses; what wasn't written is kept for the next flush.
        """
        began = time.perf_counter()
        until = buffer.drained + len(buffer)  # what comes meanwhile is the next flush's
        try:
            self._publish(buffer)
            while self._parts or buffer.drained < until:
                self.encode(buffer)
                self._seal_parts(buffer)
                self._publish(buffer)
                self._flush_ms = (time.perf_counter() - began) * 1000
            if self._says_health(buffer, final=final):
                self._publish(buffer)
        finally:  # a signal handler's exception in the middle: what isn't encoded is lost, and counted
            buffer.count_dropped("flush_failed", buffer.drained - buffer.lost - self.written - self.waiting)

    def encode(self, buffer: Buffer, *, explain: bool = False) -> list[str]:
        """Turn what waits into checked rows, without writing them.

        Parameters
        ----------
        buffer : Buffer
            Where the records wait.
        explain : bool
            Whether to say what is wrong with them; it is counted in any case.

        Returns
        -------
        list of str
            Why records, or values of them, can't be kept.
        """
        from rpa_lab.journal import encode, fragment, redact  # noqa: F401 - here, before anything is taken: it may fail

        wrong: list[str] = []
        taken = 0
        while taken < _BATCH and len(buffer):
            rows: Rows = {}
            counts: dict[str, int] = {}
            for _ in range(_CHUNKS):
                records = buffer.drain(_CHUNK)
                taken += len(records)
                some, refused = self._ledger.rows(records)
                buffer.count_dropped("invalid", len(refused))
                self.corrected += len(self._ledger.corrected)
                wrong += [*refused, *self._ledger.corrected]
                self._ledger.corrected.clear()
                _extend(rows, some, counts)
                if not len(buffer):
                    break
                time.sleep(_PAUSE_S)
            for table, columns in rows.items():
                wrong += self._check(buffer, table, columns, counts[table], explain=explain)
        if wrong:
            self.why = wrong[0]
        return wrong

    def give_up(self, buffer: Buffer) -> None:
        """Count what could not be written as dropped: the process is ending."""
        lost = self.waiting
        while records := buffer.drain(_BATCH):
            lost += len(records)
        self._pending.clear()
        self._parts.clear()
        buffer.count_dropped("flush_failed", lost)
        buffer.release()

    def _check(
        self, buffer: Buffer, name: str, columns: dict[str, list[Any]], count: int, *, explain: bool = False
    ) -> list[str]:
        from rpa_lab.journal.encode import check, wrong_values  # brings pyarrow, here and not earlier
        from rpa_lab.journal.redact import HOUSE
        from rpa_lab.schema import TABLES

        try:
            checked = check(TABLES[name], columns, count, redactor=self._redactor or HOUSE)
        except Exception as mistake:  # what is drained is either kept or counted, whatever happens
            if is_of_signal(mistake):
                raise
            if name != _HEALTH:
                refused = isinstance(mistake, MemoryError | OSError)
                buffer.count_dropped("flush_failed" if refused else "invalid", count)
            return [f"{name}: {said_of(mistake)[0]}"]
        buffer.count_dropped("invalid", len(checked.problems))
        self.corrected += checked.corrected
        if checked.rows.num_rows:
            self._parts.setdefault(name, []).append(checked.rows)
        said = wrong_values(TABLES[name], checked, columns) if explain else checked.problems[:1]
        return [f"{name}, {wrong}" for wrong in said]

    def _seal_parts(self, buffer: Buffer) -> None:
        """Encode the checked rows into pending fragments, one for each table and day."""
        while self._parts:
            name = next(iter(self._parts))
            try:
                self._pending += self._sealed(name, self._parts[name])
            except (MemoryError, OSError):
                raise
            except Exception as mistake:  # rows that can't be encoded must not stop all that come later
                if is_of_signal(mistake):
                    raise
                self.why = f"{name}: {said_of(mistake)[0]}"
                if name != _HEALTH:
                    buffer.count_dropped("invalid", sum(part.num_rows for part in self._parts[name]))
            del self._parts[name]
        if not self._pending:
            buffer.release()  # nothing of what was drained was any good

    def _sealed(self, name: str, parts: list[pa.Table]) -> list[_Pending]:
        import pyarrow as pa

        from rpa_lab.journal.encode import split_by_day, with_origin
        from rpa_lab.journal.fragment import encode_parquet
        from rpa_lab.schema import TABLES

        table, sealed = TABLES[name], []
        for day, part in split_by_day(table, pa.concat_tables(parts)):
            fragment = Fragment(self.writer, self._seq.get((name, day), 0))
            data = encode_parquet(table, with_origin(table, part, fragment))
            sealed.append(_Pending(name, day, fragment, data, 0 if name == _HEALTH else part.num_rows))
        for pending in sealed:
            self._seq[name, pending.day] = pending.fragment.seq + 1
        return sealed

    def _publish(self, buffer: Buffer) -> None:
        if not self._pending:
            return
        from rpa_lab.journal.fragment import publish_fragment
        from rpa_lab.journal.root import open_root

        open_root(self.root, mode=self._mode)
        refusal: OSError | None = None
        for pending in list(self._pending):
            folder = day_folder(self.root, pending.table, pending.day)
            try:
                publish_fragment(folder, pending.fragment, pending.data, mode=self._mode)
            except OSError as mistake:  # another table's folder may be in order
                if is_of_signal(mistake):
                    raise
                refusal = refusal or mistake
                continue
            self._pending.remove(pending)
            self.written += pending.rows
        if refusal is not None:
            raise refusal
        if not self._parts:
            buffer.release()

    def _says_health(self, buffer: Buffer, *, final: bool) -> bool:
        drops = tuple(buffer.dropped[reason] for reason in REASONS)
        counts = (buffer.recorded, self.written, self.corrected, *drops)
        if not counts[0]:
            return False  # a bot that says nothing leaves nothing
        since = time.monotonic() - self._health_at
        changed = counts != self._health
        due = changed and (since >= _HEALTH_EVERY_S or final or drops != self._health[3:])
        if not (due or (self._ledger.any_open and since >= _HEALTH_WHILE_OPEN_S)):
            return False
        row = {
            "timestamp": time.time_ns() // 1000,
            "writer": self.writer,
            **self._who,
            "pid": os.getpid(),
            "recorded": buffer.recorded,
            "written": self.written,
            "corrected": self.corrected,
            "flush_ms": self._flush_ms,
            **{f"dropped_{reason}": count for reason, count in zip(REASONS, drops, strict=True)},
        }
        self._check(buffer, _HEALTH, {name: [value] for name, value in row.items()}, 1)
        self._seal_parts(buffer)
        self._health, self._health_at = counts, time.monotonic()
        return True


def _extend(rows: Rows, more: Rows, counts: dict[str, int]) -> None:
    """Put columns below those that are there; a column that one of both lacks is null there."""
    for table, columns in more.items():
        there, before = rows.setdefault(table, {}), counts.get(table, 0)
        count = len(next(iter(columns.values())))
        for name in {**there, **columns}:
            values = there.setdefault(name, [None] * before)
            values += columns.get(name) or [None] * count
        counts[table] = before + count
