"""From what a bot said to fragments on disk: counts steps, joins ends to starts, publishes, retries.

It sees the records in the order in which they were said. What couldn't be written is kept, encoded, and retried under
the same names; nothing more is taken from the buffer until then, so memory stays within the buffer's bound and one
batch.
"""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from rpa_lab.collection.buffer import Buffer, Record
from rpa_lab.journal.layout import Fragment, day_folder

__all__ = ["Flusher"]

_REMEMBERED = 10_000  # executions whose starts and step counts are kept; the oldest are forgotten first
_REMEMBERED_CHARACTERS = 8_000_000  # of their contexts together
_HEALTH_EVERY_S = 60.0
_HEALTH_WHILE_OPEN_S = 300.0


class _Open:
    """What is known of an execution whose start this process saw."""

    __slots__ = ("completed", "failed", "monotonic_ns", "next_index", "start", "steps")

    def __init__(self, start: dict[str, Any], monotonic_ns: int) -> None:
        self.start = start
        self.monotonic_ns = monotonic_ns
        self.steps = self.completed = self.failed = self.next_index = 0

    @property
    def characters(self) -> int:
        return len(self.start.get("context") or "")


class _Pending(NamedTuple):
    """An encoded fragment that is to be published."""

    table: str
    day: date
    fragment: Fragment
    data: bytes
    rows: int
    """Records of the bot in it; 0 for the collector's own."""


class Flusher:
    """Writes one collector's records; used by one thread at a time."""

    def __init__(self, root: Path, *, robot_id: str, host: str) -> None:
        self.root = root
        self.writer = os.urandom(6).hex()
        self.written = 0
        self.corrected = 0
        self._who = {"robot_id": robot_id, "host": host}
        self._seq: dict[tuple[str, date], int] = {}
        self._open = _Memory()
        self._ended = _Memory()  # for late steps and repeated ends
        self._strangers: OrderedDict[str, int] = OrderedDict()  # steps of executions whose start wasn't seen
        self._pending: list[_Pending] = []
        self._health: tuple[int, ...] = ()
        self._health_at = float("-inf")
        self._flush_ms: float | None = None

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
        self._publish()
        records = buffer.drain()
        if records:
            try:
                self._encode(records, buffer)
            except (
                BaseException
            ):  # a signal handler's SystemExit in the middle: what isn't encoded is lost, and counted
                kept = self.written + self.waiting + len(buffer) + sum(buffer.dropped.values())
                buffer.count_dropped("flush_failed", buffer.recorded - kept)
                raise
            self._publish()
            self._flush_ms = (time.perf_counter() - began) * 1000
        if self._says_health(buffer, final=final):
            self._publish()

    def give_up(self, buffer: Buffer) -> None:
        """Count what could not be written as dropped: the process is ending."""
        lost = sum(pending.rows for pending in self._pending) + len(buffer.drain())
        self._pending.clear()
        buffer.count_dropped("flush_failed", lost)

    @property
    def waiting(self) -> int:
        """Records that are encoded and not yet on disk."""
        return sum(pending.rows for pending in self._pending)

    def _encode(self, records: Any, buffer: Buffer) -> None:
        tables: dict[str, list[dict[str, Any]]] = {}
        for record in records:
            try:
                table, row = self._row(record)
            except Exception:  # noqa: BLE001 - one record that can't be understood must not take the others along
                buffer.count_dropped("invalid", 1)
            else:
                tables.setdefault(table, []).append(row)
        for table, rows in tables.items():
            try:
                refused = self._seal(table, rows, counted=True)
            except Exception:  # noqa: BLE001 - what is drained is either written or counted, whatever happens
                refused = len(rows)
            buffer.count_dropped("invalid", refused)

    def _seal(self, name: str, rows: list[dict[str, Any]], *, counted: bool) -> int:
        """Encode rows into pending fragments, one a day; returns how many rows were refused."""
        from rpa_lab.journal.encode import check, split_by_day, with_origin  # brings pyarrow, here and not earlier
        from rpa_lab.journal.fragment import encode_parquet
        from rpa_lab.schema import TABLES

        table = TABLES[name]
        columns = {c.name: [row.get(c.name) for row in rows] for c in table.columns if not c.hidden}
        checked = check(table, columns, len(rows))
        self.corrected += checked.corrected
        if checked.rows.num_rows:
            for day, part in split_by_day(table, checked.rows):
                seq = self._seq.get((name, day), 0)
                self._seq[name, day] = seq + 1
                fragment = Fragment(self.writer, seq)
                data = encode_parquet(table, with_origin(table, part, fragment))
                self._pending.append(_Pending(name, day, fragment, data, part.num_rows if counted else 0))
        return len(checked.problems)

    def _publish(self) -> None:
        if not self._pending:
            return
        from rpa_lab.journal.fragment import publish_fragment
        from rpa_lab.journal.root import open_root

        open_root(self.root)
        while self._pending:
            pending = self._pending[0]
            publish_fragment(day_folder(self.root, pending.table, pending.day), pending.fragment, pending.data)
            del self._pending[0]
            self.written += pending.rows

    def _says_health(self, buffer: Buffer, *, final: bool) -> bool:
        drops = tuple(buffer.dropped.values())
        counts = (buffer.recorded, self.written, self.corrected, *drops)
        since = time.monotonic() - self._health_at
        changed = counts != self._health
        due = changed and (since >= _HEALTH_EVERY_S or final or drops != self._health[3:])
        if not (due or (self._open and since >= _HEALTH_WHILE_OPEN_S)):
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
            **{f"dropped_{reason}": count for reason, count in buffer.dropped.items()},
        }
        self._seal("collector_health", [row], counted=False)
        self._health, self._health_at = counts, time.monotonic()
        return True

    def _known(self, execution_id: str) -> _Open | None:
        return self._open.get(execution_id) or self._ended.get(execution_id)

    def _row(self, record: Record) -> tuple[str, dict[str, Any]]:
        kind, values = record
        match kind:
            case "step":
                return "steps", self._step(values)
            case "start":
                return "executions", self._start(values)
            case "complete":
                return "executions", self._complete(values)
            case "recovery":
                row = self._timed(values)
                return "recoveries", row
            case _:
                return "resources", {**self._who, **{k: v for k, v in values.items() if v is not None}}

    def _start(self, values: dict[str, Any]) -> dict[str, Any]:
        monotonic_ns = values.pop("monotonic_ns")
        start = {**self._who, **values}
        execution_id, opened = _key(start["execution_id"]), _Open(start, monotonic_ns)
        if (before := self._known(execution_id)) is not None:  # started again: its steps go on counting
            opened.steps, opened.next_index = before.steps, before.next_index
            opened.completed, opened.failed = before.completed, before.failed
            self._ended.pop(execution_id)
        self._open.keep(execution_id, opened)
        return {**start, "status": "running"}

    def _complete(self, values: dict[str, Any]) -> dict[str, Any]:
        from rpa_lab.records import execution_status

        monotonic_ns = values.pop("monotonic_ns")
        now = values.pop("now_us")
        execution_id = _key(values["execution_id"])
        if values["status"] is None or execution_status(values["status"]) == "running":
            values["status"] = f"ended as {values['status']}"  # no word for an end: checked as an unknown one
        known = self._known(execution_id)
        if known is None:
            row = {**self._who, **values, "completed_at": now}
            if row.get("started_at") is not None:
                row["duration_ms"] = (now - _micros(row["started_at"])) / 1000
            return row
        self._open.pop(execution_id)
        self._ended.keep(execution_id, known)
        duration_ms = (monotonic_ns - known.monotonic_ns) / 1e6
        end = {k: v for k, v in values.items() if k not in ("started_at", "workflow_id")}
        return {
            **known.start,
            **end,
            "completed_at": known.start["started_at"] + round(duration_ms * 1000),
            "duration_ms": duration_ms,
            "steps_total": known.steps,
            "steps_completed": known.completed,
            "steps_failed": known.failed,
        }

    def _step(self, values: dict[str, Any]) -> dict[str, Any]:
        from rpa_lab.records import step_status

        row = self._timed(values)
        if row.get("node_id") is None or row.get("action_type") is None or row.get("status") is None:
            raise ValueError("a step needs node_id, action_type and status")  # before it is counted
        execution_id = _key(row["execution_id"])
        known = self._known(execution_id)
        if known is None:
            index = self._strangers.pop(execution_id, 0)
            self._strangers[execution_id] = index + 1
            if len(self._strangers) > _REMEMBERED:
                self._strangers.popitem(last=False)
            if row.get("step_id") is None and row.get("step_index") is None:
                # other processes may record steps of this execution too: an index of our own would clash with theirs
                row["step_id"] = f"{execution_id}:{self.writer}:{index}"
            return row
        said = row.get("step_index")
        place = said if isinstance(said, int) else known.next_index
        row["step_index"] = place
        known.next_index = max(known.next_index, place + 1)
        known.steps += 1
        status = step_status(row["status"]) or "failed"
        known.completed += status == "completed"
        known.failed += status == "failed"
        return row

    def _timed(self, values: dict[str, Any]) -> dict[str, Any]:
        """The values with the workflow and whichever of start, end and duration wasn't said."""
        row = dict(values)
        now = row.pop("now_us", None)
        known = self._known(_key(row["execution_id"]))
        if row.get("workflow_id") is None and known is not None:
            row["workflow_id"] = known.start["workflow_id"]
        duration_us = _whole_micros(row.get("duration_ms"))
        if row.get("completed_at") is None:
            started = row.get("started_at")
            said = started is not None and duration_us is not None
            row["completed_at"] = _micros(started) + (duration_us or 0) if said else now
        if row.get("started_at") is None and row["completed_at"] is not None:
            row["started_at"] = _micros(row["completed_at"]) - (duration_us or 0)
        if row.get("duration_ms") is None and row["completed_at"] is not None:
            row["duration_ms"] = (_micros(row["completed_at"]) - _micros(row["started_at"])) / 1000
        return row


class _Memory:
    """Executions by id, the oldest forgotten where there are too many or their contexts take too much room."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, _Open] = OrderedDict()
        self._characters = 0

    def __bool__(self) -> bool:
        return bool(self._kept)

    def get(self, execution_id: str) -> _Open | None:
        return self._kept.get(execution_id)

    def pop(self, execution_id: str) -> None:
        gone = self._kept.pop(execution_id, None)
        self._characters -= gone.characters if gone else 0

    def keep(self, execution_id: str, one: _Open) -> None:
        self.pop(execution_id)
        self._kept[execution_id] = one
        self._characters += one.characters
        while len(self._kept) > _REMEMBERED or (self._characters > _REMEMBERED_CHARACTERS and len(self._kept) > 1):
            self.pop(next(iter(self._kept)))


def _key(execution_id: object) -> str:
    return execution_id if isinstance(execution_id, str) else str(execution_id)


def _micros(at: Any) -> int:
    if isinstance(at, int):
        return at
    from rpa_lab.journal.encode import to_micros

    micros = to_micros(at)
    if micros is None:
        raise ValueError(f"{at!r} is no time")
    return micros


def _whole_micros(duration_ms: Any) -> int | None:
    """A duration as microseconds; None where it is missing or no duration (which is then counted when checked)."""
    try:
        return round(float(duration_ms) * 1000) if 0 <= float(duration_ms) < float("inf") else None
    except (TypeError, ValueError, OverflowError):
        return None
