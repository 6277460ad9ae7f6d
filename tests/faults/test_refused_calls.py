"""The n-th call that touches the disk fails, n = 1 … until none does: nothing is lost, and nothing wrong is read."""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from rpa_lab.collection.collector import MetricsCollector
from rpa_lab.storage.store import TimeSeriesStore
from tests.faults.campaign import CAMPAIGN
from tests.faults.failpoints import Failpoint, failing
from tests.faults.jobs import JOBS, Log, record
from tests.faults.rows import TABLE, read_ids, sound

_ERRORS = (errno.EIO, errno.ENOSPC, errno.EACCES, errno.EMFILE)
_WAYS = [(error, sticky) for error in _ERRORS for sticky in (False, True)]
_MOST = 1000
_CHANGING = [name for name in JOBS if "flush" not in name]


def _failpoints() -> Iterator[list[Failpoint]]:
    """For each n the failpoints to try: in the campaign every error, else one of them in turn."""
    for at in range(1, _MOST):
        ways = _WAYS if CAMPAIGN else [_WAYS[at % len(_WAYS)]]
        yield [Failpoint(at=at, error=error, sticky=sticky) for error, sticky in ways]
    raise AssertionError(f"there was a call to refuse after {_MOST} of them")


def test_what_a_collector_recorded_is_stored_once_the_disk_works_again(
    tmp_path: Path, tell: Callable[[str], None]
) -> None:
    refused = 0
    for points in _failpoints():
        reached = False
        for number, point in enumerate(points):
            place = tmp_path / f"{point.at}-{number}"
            place.mkdir()
            root, log = place / "store", Log(place / "log")
            collector = MetricsCollector(root, flush_interval_sec=3600)
            with failing(root, point) as tally:
                record(collector, ["n0", "n1"], log)
                record(collector, ["n2"], log)
            assert set(read_ids(root)) >= log.said("kept"), f"{tally.calls[point.at - 1]}"
            assert collector.flush()
            stats = collector.stats()
            assert (stats["recorded"], stats["written"], stats["waiting"], stats["dropped"]) == (3, 3, 0, 0)
            assert sound(root, recorded=log.said("recorded"), kept=log.said("recorded")) == ["n0", "n1", "n2"]
            assert collector.close()
            reached = reached or tally.reached
        if not reached:
            break
        refused += len(points)
    tell(f"collector: {refused} refused calls, each recovered from")


def test_what_a_closing_collector_could_not_store_is_counted(tmp_path: Path) -> None:
    for points in _failpoints():
        reached = False
        for number, point in enumerate(points):
            root = tmp_path / f"{point.at}-{number}" / "store"
            root.parent.mkdir()
            log = Log(root.parent / "log")
            with failing(root, point) as tally:
                collector = MetricsCollector(root, flush_interval_sec=3600)
                record(collector, ["n0", "n1"], log)
                collector.close()
            reached = reached or tally.reached
            stats, stored = collector.stats(), read_ids(root)
            assert stats["recorded"] == stats["written"] + stats["dropped"] == 2
            assert stats["written"] <= len(stored)  # more where only the last fsync was refused: there, not promised
            assert log.said("kept") <= set(stored) <= {"n0", "n1"}
        if not reached:
            break


@pytest.mark.parametrize("name", _CHANGING)
def test_a_refused_call_loses_nothing_that_was_stored(name: str, tmp_path: Path, tell: Callable[[str], None]) -> None:
    pristine = tmp_path / "pristine" / "store"
    pristine.parent.mkdir()
    stored = sorted(JOBS[name].prepare(pristine))
    refused = 0
    for points in _failpoints():
        reached = False
        for number, point in enumerate(points):
            root = tmp_path / f"{point.at}-{number}"
            subprocess.run(["cp", "-a", str(pristine), str(root)], check=True)
            with failing(root, point) as tally, suppress(OSError):
                JOBS[name].run(root, Log(tmp_path / "log"))
            read = JOBS[name].check(root, recorded=stored, kept=stored)
            assert JOBS[name].deletes or read == stored, f"{point}: {tally.calls[point.at - 1 :][:1]}"
            reached = reached or tally.reached
        if not reached:
            break
        refused += len(points)
    tell(f"{name}: {refused} refused calls")


def test_a_reader_that_is_refused_a_call_says_so_or_reads_everything(tmp_path: Path) -> None:
    pristine = tmp_path / "pristine" / "store"
    pristine.parent.mkdir()
    stored = JOBS["removal"].prepare(pristine)
    for points in _failpoints():
        reached = False
        for number, point in enumerate(points):
            root = tmp_path / f"{point.at}-{number}"
            subprocess.run(["cp", "-a", str(pristine), str(root)], check=True)
            store = TimeSeriesStore(root, compact=False)
            with failing(root, point) as tally, suppress(OSError):
                read = sorted(store.read(TABLE)["step_id"])
                assert read == stored  # where a call is refused the reader says so, and returns nothing less
            assert sorted(store.read(TABLE)["step_id"]) == stored, f"{point}: {tally.calls[point.at - 1 :][:1]}"
            assert not store.warnings(tables=[TABLE])
            reached = reached or tally.reached
        if not reached:
            break
