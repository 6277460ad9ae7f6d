"""A store's whole life as a state machine, with a dictionary as the model.

Recording, flushing, compacting, archiving, retaining, late retries and kills come in any order; after each of them a
reader must see the executions that were acknowledged and not deleted, each once. A kill is an operation of the file
system that raises, after which none works any more until the operation has ended: nothing can be tidied up.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rpa_lab import ArchiveStorage, MetricsCollector, TimeSeriesStore
from rpa_lab.journal.layout import archive_folder, parse_fragment, parse_generation, parse_temp_target
from rpa_lab.storage.compaction import compact, compact_day
from rpa_lab.storage.retention import archive_day, delete_day
from rpa_lab.storage.snapshot import look

_TODAY = datetime.now(UTC).date()
_DAYS = (_TODAY - timedelta(days=9), _TODAY - timedelta(days=5), _TODAY - timedelta(days=4))
_ALL = (*_DAYS, _TODAY, _TODAY + timedelta(days=1))
_AS_OF = datetime.combine(_TODAY, datetime.min.time(), UTC)
_CALLS = ("fsync", "link", "unlink", "replace", "rename", "mkdir", "open")
_FAR = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))

days = st.sampled_from(_DAYS)
ends = st.sampled_from(["archive", "delete"])


class Killed(BaseException):
    """The process died here; nothing that catches errors catches this."""


@contextmanager
def killed_at(call: int) -> Iterator[None]:
    """Raise at the n-th call that changes the file system, and at each later one."""
    left = call

    def dying(real: Callable[..., Any], name: str) -> Callable[..., Any]:
        def dies(*args: Any, **more: Any) -> Any:
            nonlocal left
            if name == "open" and not args[1] & (os.O_CREAT | os.O_WRONLY):
                return real(*args, **more)
            left -= 1
            if left < 0:
                raise Killed
            return real(*args, **more)

        return dies

    with pytest.MonkeyPatch.context() as patch:
        for name in _CALLS:
            patch.setattr(os, name, dying(getattr(os, name), name))
        yield


class Lifecycle(RuleBasedStateMachine):
    """`model` has the day of each execution that a reader must see; `waiting` what is recorded and not flushed yet."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="rpa-lab-lifecycle-")) / "store"
        self.model: dict[str, date] = {}
        self.waiting: dict[str, date] = {}
        self.deleted: set[str] = set()
        self.published: dict[Path, bytes] = {}
        self.count = 0
        self.archive = ArchiveStorage(self.root, grace_s=0)

    @initialize()
    def start(self) -> None:
        self.store = TimeSeriesStore(self.root, compact=False)
        self.collector = MetricsCollector(self.root, flush_interval_sec=3600)

    def teardown(self) -> None:
        self.collector.close()
        shutil.rmtree(self.root.parent)

    @rule(number=st.integers(1, 3))
    def record(self, number: int) -> None:
        for name in self._names(number):
            self.collector.record_execution_start(name, "w")
            self.collector.record_execution_complete(name, "completed")
            self.waiting[name] = _TODAY

    @rule()
    def flush(self) -> None:
        assert self.collector.flush()
        self.model |= self.waiting
        self.waiting = {}

    @rule(day=days, number=st.integers(1, 3))
    def write(self, day: date, number: int) -> None:
        names = self._names(number)
        self.store.write_frame("executions", _runs(names, day))
        self.model |= dict.fromkeys(names, day)

    @rule(day=days, full=st.booleans())
    def compact(self, day: date, full: bool) -> None:
        compact_day(self.root, "executions", day, full=full, grace_s=0)

    @rule(day=days)
    def archive_one(self, day: date) -> None:
        if day in self.model.values():
            assert self.archive.archive_data([], day, table="executions")
            assert self._live(day) == set()

    @rule(day=days, number=st.integers(1, 2))
    def archive_given(self, day: date, number: int) -> None:
        names = self._names(number)
        self.archive.archive_data(_runs(names, day), day, table="executions")
        self.model |= dict.fromkeys(names, day)
        assert self._live(day) == set()

    @rule(then=ends, period=st.integers(3, 10))
    def retain(self, then: Any, period: int) -> None:
        old = {name for name, day in self.model.items() if day < _TODAY - timedelta(days=period)}
        live = {name for name in old if name in self._live(self.model[name])}
        gone = self.archive.apply_retention_policy({"executions": period}, then=then, as_of=_AS_OF)
        if then == "archive":
            assert gone == len(live)
        else:
            assert gone == len(old)
            self._delete(old)
        assert not old & self._published()

    @precondition(lambda self: self.published)
    @rule(data=st.data())
    def late_retry(self, data: st.DataObject) -> None:
        """A writer that slept repeats what it has published: under the same name, the same bytes."""
        path = data.draw(st.sampled_from(sorted(self.published)))
        path.write_bytes(self.published[path])

    @rule(day=days, what=st.sampled_from(["write", "tiered", "full", "archive", "delete"]), call=st.integers(0, 30))
    def kill(self, day: date, what: str, call: int) -> None:
        before = {name for name, its in self.model.items() if its == day}
        names = self._names(1)
        work: dict[str, Callable[[], Any]] = {
            "write": lambda: TimeSeriesStore(self.root).write_frame("executions", _runs(names, day)),
            "tiered": lambda: compact_day(self.root, "executions", day, full=False, grace_s=0),
            "full": lambda: compact_day(self.root, "executions", day, full=True, grace_s=0),
            "archive": lambda: archive_day(self.root, "executions", day, grace_s=0),
            "delete": lambda: delete_day(self.root, "executions", day, grace_s=0),
        }
        died = False
        try:
            with killed_at(call):
                work[what]()
        except Killed:
            died = True
        after = {name for name, its in self._read().items() if its == day}
        if what == "write" and (not died or after != before):
            self.model |= dict.fromkeys(names, day)
        if what == "delete" and (not died or after != before):  # all of the day or nothing of it
            self._delete(before)

    @rule()
    def finish(self) -> None:
        """The next run completes what was interrupted: each live row is published, and nothing dead is left over."""
        compact(self.root, grace_s=0)
        assert self._published() == set(self.model) - self._archived()
        for day in _ALL:
            now = look(self.root, "executions", day)
            names = os.listdir(now.folder) if now.folder.exists() else []
            kept = archive_folder(self.root, "executions", day)
            beside = os.listdir(kept) if kept.exists() else []
            assert [name for name in names if parse_fragment(name)] == []
            assert [number for name in names if (number := parse_generation(name))] == [now.head][: now.head]
            assert all(target > now.head for name in names if (target := parse_temp_target(name)))
            assert all(int(name[2:10]) > now.head for name in beside if name not in now.archive)

    @invariant()
    def a_reader_sees_what_was_acknowledged_each_once(self) -> None:
        assert self._read() == self.model

    @invariant()
    def archived_and_live_rows_are_all_there_are(self) -> None:
        live = {name for day in _ALL for name in self._live(day)}
        assert self._archived() | live == set(self.model)
        assert not self._archived() & live

    @invariant()
    def scripts_never_see_what_they_should_not(self) -> None:
        assert self._published() <= set(self.model) | self.deleted

    def _names(self, number: int) -> list[str]:
        self.count += number
        return [f"e{self.count - n}" for n in range(number)]

    def _delete(self, names: set[str]) -> None:
        self.deleted |= names
        self.model = {name: day for name, day in self.model.items() if name not in names}

    def _read(self) -> dict[str, date]:
        self._remember()
        rows = self.store.read("executions")
        assert rows["execution_id"].is_unique().all()
        days_seen = (min(day, _TODAY) for day in rows["started_at"].dt.date())  # midnight may pass while this runs
        seen = dict(zip(rows["execution_id"], days_seen, strict=True))
        stored = [file.path for day in _ALL for file in look(self.root, "executions", day).files]
        ended = [name for path in stored for name in _ended(path)]
        assert len(ended) == len(set(ended))  # folding hides what is stored twice
        return seen

    def _live(self, day: date) -> set[str]:
        files = look(self.root, "executions", day).files
        return {name for file in files if file.kind != "archive" for name in _ended(file.path)}

    def _archived(self) -> set[str]:
        return set(self.archive.query_archive(*_FAR)["execution_id"])

    def _published(self) -> set[str]:
        return {name for path in self.root.glob("executions/*/*.parquet") for name in _ended(path)}

    def _remember(self) -> None:
        for path in self.root.glob("_journal/executions/*/f-*.parquet"):
            if parse_fragment(path.name):
                self.published.setdefault(path, path.read_bytes())


def _runs(names: list[str], day: date) -> pl.DataFrame:
    at = datetime.combine(day, datetime.min.time(), UTC)
    return pl.DataFrame(
        {"execution_id": name, "workflow_id": "w", "started_at": at, "status": "completed"} for name in names
    )


def _ended(path: Path) -> list[str]:
    return pl.read_parquet(path, glob=False).filter(pl.col("status") == "completed")["execution_id"].to_list()


Lifecycle.TestCase.settings = settings(
    max_examples=max(15, settings().max_examples // 20),
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestLifecycle = Lifecycle.TestCase
