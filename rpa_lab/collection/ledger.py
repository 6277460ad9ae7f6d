"""From what a bot said to rows: joins ends to starts, counts steps, and fills in whichever time wasn't said.

Records come in the order in which they were said, whatever thread said them. A record is a plain tuple, its kind first,
since making one is all that a bot waits for; the functions here are the only ones that take it apart.

::

    ("start",    {column: value}, monotonic seconds)
    ("complete", {column: value}, now in microseconds, monotonic seconds)
    ("step",     now in nanoseconds or None, execution_id, node_id, action_type, target_element, duration_ms, status,
                 confidence_score, retry_count; and where one of them is there: started_at, completed_at,
                 error_details, step_id, step_index, workflow_id, application)
    ("timed",    (execution_id, workflow_id), names with BETWEEN in between, action_type, target_element,
                 began and ended in monotonic seconds, status or None, confidence_score, retry_count,
                 None or (error_details, step_id, application))        a step that was a `with` block
    ("recovery", {column: value})
    ("resource", {column: value})
"""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from time import perf_counter, time_ns
from typing import Any, Final

from rpa_lab.collection.buffer import Record
from rpa_lab.collection.nodes import node_of
from rpa_lab.collection.outcome import is_of_signal, said_of
from rpa_lab.errors import InputError, quote
from rpa_lab.records import execution_status, step_status

__all__ = ["STEP_FIELDS", "Ledger", "Rows"]

STEP_FIELDS: Final = (
    "execution_id",
    "node_id",
    "action_type",
    "target_element",
    "duration_ms",
    "status",
    "started_at",
    "completed_at",
    "confidence_score",
    "retry_count",
    "error_details",
    "step_id",
    "step_index",
    "workflow_id",
    "application",
)
"""The columns of a step's row, in the order in which they are made here."""

Rows = dict[str, dict[str, list[Any]]]
"""Values by table and column."""

_REMEMBERED: Final = 10_000  # executions whose starts and step counts are kept; the oldest are forgotten first
_REMEMBERED_CHARACTERS: Final = 8_000_000  # of what was said at their starts
_NOTHING_MORE: Final = (None,) * 7
_NO_DURATION_US: Final = 1e15  # thirty years: what is longer says nothing of when something ended


class _Known:
    """What is known of an execution whose start this process saw; `began` is None where the start was told later."""

    __slots__ = ("began", "completed", "failed", "next_index", "start", "steps", "workflow_id")

    def __init__(self, start: dict[str, Any], began: float | None) -> None:
        self.start = start
        self.began = began
        self.workflow_id = start["workflow_id"]
        self.steps = self.completed = self.failed = self.next_index = 0

    @property
    def characters(self) -> int:
        return sum(len(value) for value in self.start.values() if isinstance(value, str))


class Ledger:
    """What one collector knows of its executions.

    Parameters
    ----------
    writer : str
        Names the collector's process in ids that it has to make up.
    robot_id, host : str
        Who runs, and where.

    Examples
    --------
    >>> ledger = Ledger("0123456789ab", robot_id="r1", host="vm")
    >>> start = {"execution_id": "e", "workflow_id": "invoices", "started_at": 1_000_000}
    >>> step = ("step", 1_500_000_000, "e", "open", "click", None, 250.0, "completed", None, 0)
    >>> rows, refused = ledger.rows([("start", start, 7.0), step])
    >>> rows["steps"]["started_at"], rows["steps"]["step_index"], refused
    ([1250000], [0], [])
    """

    def __init__(self, writer: str, *, robot_id: str, host: str) -> None:
        self.writer = writer
        self.who = {"robot_id": robot_id, "host": host}
        self._open = _Memory()
        self._ended = _Memory()  # for late steps and repeated ends
        self.corrected: list[str] = []  # values that were no times, since the last look
        self._strangers: OrderedDict[str, int] = OrderedDict()  # steps of executions whose start wasn't seen

    @property
    def any_open(self) -> bool:
        """Whether an execution is open."""
        return bool(self._open.kept)

    def rows(self, records: list[Record]) -> tuple[Rows, list[str]]:
        """The records as columns, by table.

        Parameters
        ----------
        records : list of tuple
            As described above, in the order in which they were said.

        Returns
        -------
        tuple of (dict, list of str)
            Values by table and column, and why each record that can't be understood can't be.
        """
        steps: list[tuple[Any, ...]] = []
        others: dict[str, list[dict[str, Any]]] = {}
        refused: list[str] = []
        for record in records:
            try:
                kind = record[0]
                if kind == "timed":
                    steps.append(self._step(self._said(record)))
                elif kind == "step":
                    steps.append(self._step(record))
                else:
                    table, row = self._other(kind, record)
                    others.setdefault(table, []).append(row)
            except BaseException as mistake:  # one record that can't be understood must not take others along
                if is_of_signal(mistake) or isinstance(mistake, KeyboardInterrupt | SystemExit):
                    raise
                refused.append(said_of(mistake)[0])
        rows = {table: _columns(said) for table, said in others.items()}
        if steps:
            rows["steps"] = dict(zip(STEP_FIELDS, map(list, zip(*steps, strict=True)), strict=True))
        return rows, refused

    def _other(self, kind: str, record: Record) -> tuple[str, dict[str, Any]]:
        match kind:
            case "start":
                return "executions", self._start(record)
            case "complete":
                return "executions", self._complete(record)
            case "recovery":
                return "recoveries", self._recovery(record[1])
            case _:
                return "resources", self._resource(record[1])

    def _step(self, record: Record) -> tuple[Any, ...]:
        _, now_ns, execution_id, node_id, action_type, target, duration_ms, status, confidence, retries = record[:10]
        started, completed, details, step_id, index, workflow_id, application = record[10:] or _NOTHING_MORE
        if node_id is None or action_type is None or execution_id is None:  # before it is counted
            names = {"execution_id": execution_id, "node_id": node_id, "action_type": action_type}
            lacking = ", ".join(name for name, value in names.items() if value is None)
            raise InputError(f"steps: {lacking} is None, expected a string")
        if status is None:
            status = "None"  # which is no status: checked as an unknown one
        now = now_ns // 1000 if now_ns is not None else None
        started, completed, duration_ms = self._times(started, completed, duration_ms, now)
        key = execution_id if type(execution_id) is str else str(execution_id)
        known = self._known(key)
        if known is None:
            if step_id is None and index is None:
                # other processes may record steps of this execution too: an index of our own would clash with theirs
                step_id = f"{key}:{self.writer}:{self._count_stranger(key)}"
        else:
            if workflow_id is None:
                workflow_id = known.workflow_id
            if type(index) is not int:
                index = known.next_index
            if index >= known.next_index:
                known.next_index = index + 1
            known.steps += 1
            said = status if status == "completed" else step_status(status) or "failed"
            if said == "completed":
                known.completed += 1
            elif said == "failed":
                known.failed += 1
        return (
            execution_id,
            node_id,
            action_type,
            target,
            duration_ms,
            status,
            started,
            completed,
            confidence,
            retries,
            details,
            step_id,
            index,
            workflow_id,
            application,
        )

    def _said(self, record: Record) -> Record:
        """A step that was a `with` block as one that was told: its times on the clock by which its run started."""
        _, ids, names, action_type, target, began, ended, status, confidence, retries, more = record
        execution_id, workflow_id = ids
        known = self._known(execution_id)
        if known is None or known.began is None:
            start, at = time_ns() // 1000, perf_counter()
        else:
            start, at = known.start["started_at"], known.began
        details, step_id, application = more or (None, None, None)
        started = start + round((began - at) * 1e6)
        return (
            "step",
            None,
            execution_id,
            node_of(names),
            action_type,
            target,
            (ended - began) * 1000,
            status or "completed",
            confidence,
            retries,
            started,
            None,
            details,
            step_id,
            None,
            workflow_id,
            application,
        )

    def _count_stranger(self, execution_id: str) -> int:
        index = self._strangers.pop(execution_id, 0)
        self._strangers[execution_id] = index + 1
        if len(self._strangers) > _REMEMBERED:
            self._strangers.popitem(last=False)
        return index

    def _start(self, record: Record) -> dict[str, Any]:
        _, values, began = record
        started = self._micros("started_at", values["started_at"])
        start = {**self.who, **values, "started_at": time_ns() // 1000 if started is None else started}
        key, now_known = str(start["execution_id"]), _Known(start, began)
        if (before := self._known(key)) is not None:  # started again: its steps go on counting
            now_known.steps, now_known.next_index = before.steps, before.next_index
            now_known.completed, now_known.failed = before.completed, before.failed
            self._ended.pop(key)
        self._open.keep(key, now_known)
        return {**start, "status": "running"}

    def _complete(self, record: Record) -> dict[str, Any]:
        _, values, now, monotonic = record
        status = values["status"]
        if status is None or execution_status(status) == "running":
            status = f"no end: {status}"  # checked as an unknown one
        row = {**self.who, **values, "status": status}
        key = str(values["execution_id"])
        known = self._known(key)
        if known is not None:
            self._open.pop(key)
            self._ended.keep(key, known)
            for name in ("started_at", "workflow_id"):
                row.pop(name)
            row = {**known.start, **row}
            row |= {"steps_total": known.steps, "steps_completed": known.completed, "steps_failed": known.failed}
            if row["completed_at"] is None and row["duration_ms"] is None and known.began is not None:
                row["duration_ms"] = (monotonic - known.began) * 1000
        if row["started_at"] is None:
            ended = None if row["completed_at"] is None else self._micros("completed_at", row["completed_at"])
            return {**row, "completed_at": now if ended is None else ended}
        return self._timed(row, now)

    def _recovery(self, values: dict[str, Any]) -> dict[str, Any]:
        row = dict(values)
        known = self._known(str(row["execution_id"]))
        if row["workflow_id"] is None and known is not None:
            row["workflow_id"] = known.workflow_id
        return self._timed(row, row.pop("now_us", None))

    def _timed(self, row: dict[str, Any], now: int | None) -> dict[str, Any]:
        times = self._times(row["started_at"], row["completed_at"], row["duration_ms"], now)
        return {**row, **dict(zip(("started_at", "completed_at", "duration_ms"), times, strict=True))}

    def _resource(self, values: dict[str, Any]) -> dict[str, Any]:
        return {**self.who, **{name: value for name, value in values.items() if value is not None}}

    def _times(self, started: Any, completed: Any, duration_ms: Any, now: int | None) -> tuple[Any, Any, Any]:
        """Start, end and duration, times in microseconds; whichever wasn't said follows from the others, or is now."""
        if started is not None:
            started = self._micros("started_at", started)
        if completed is not None:
            completed = self._micros("completed_at", completed)
        duration_us = _whole_micros(duration_ms)
        if completed is None:
            if started is not None and duration_us is not None:
                completed = started + duration_us
            else:
                completed = now if now is not None else time_ns() // 1000
        if started is None:
            started = completed - (duration_us or 0)
        if duration_ms is None:
            duration_ms = (completed - started) / 1000
        return started, completed, duration_ms

    def _micros(self, name: str, at: Any) -> int | None:
        """A time as microseconds; None, and counted, where it is none."""
        if type(at) is int:
            return at
        from rpa_lab.journal.encode import to_micros  # brings pyarrow, in the flusher's thread and not earlier

        micros = None
        with suppress(TypeError, ValueError, OverflowError):
            micros = to_micros(at)
        if micros is None:
            self.corrected.append(f"{name} is {quote(at)}, expected a time")
        return micros

    def _known(self, key: str) -> _Known | None:
        return self._open.kept.get(key) or self._ended.kept.get(key)


class _Memory:
    """Executions by id, the oldest forgotten where there are too many or their contexts take too much room."""

    def __init__(self) -> None:
        self.kept: OrderedDict[str, _Known] = OrderedDict()
        self._characters = 0

    def pop(self, key: str) -> None:
        gone = self.kept.pop(key, None)
        self._characters -= gone.characters if gone else 0

    def keep(self, key: str, one: _Known) -> None:
        self.pop(key)
        self.kept[key] = one
        self._characters += one.characters
        while len(self.kept) > _REMEMBERED or (self._characters > _REMEMBERED_CHARACTERS and len(self.kept) > 1):
            self.pop(next(iter(self.kept)))


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _whole_micros(duration_ms: Any) -> int | None:
    """A duration as microseconds; None where it is missing or no duration (which is then counted when checked)."""
    if duration_ms is None:
        return None
    try:
        duration_us = float(duration_ms) * 1000
        return round(duration_us) if 0 <= duration_us < _NO_DURATION_US else None
    except (TypeError, ValueError, OverflowError):
        return None
