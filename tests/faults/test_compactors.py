"""Several compactors of one day at once, and one that sleeps at any of its steps while the others go on."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import psutil
import pytest

from rpa_lab.journal.fragment import publish_fragment
from rpa_lab.journal.layout import Fragment, generation_name
from rpa_lab.schema import TABLES
from rpa_lab.storage import commit as protocol
from rpa_lab.storage.commit import Content, commit, remove_dead
from rpa_lab.storage.compaction import compact_day
from rpa_lab.storage.snapshot import Day, locked
from tests.faults.campaign import CAMPAIGN, cut
from tests.faults.children import do, start, stop_at
from tests.faults.jobs import JOBS
from tests.faults.rows import DAY, TABLE, WRITER, folder_of, names_in, published_ids, put, read_ids, sound

_SLEEPERS = [name for name in JOBS if "flush" not in name and (CAMPAIGN or name in ("full compaction", "archive"))]


def _stopped(child: ForkServerProcess) -> bool:
    """Wait until a child is stopped (True) or has ended."""
    process = psutil.Process(child.pid)
    while child.exitcode is None:
        try:
            if process.status() == psutil.STATUS_STOPPED:
                return True
        except psutil.NoSuchProcess:
            break
        time.sleep(0.001)
    return False


@pytest.mark.parametrize("count", [2, 3, 4, 5, 6, 7, 8] if CAMPAIGN else [2, 8])
def test_compactors_at_once_lose_nothing_and_count_nothing_twice(count: int, tmp_path: Path) -> None:
    for turn in range(cut(1, 10)):
        root = tmp_path / str(turn)
        names = sorted(f"s{n:02}" for n in range(40))
        for n, name in enumerate(names):
            put(root, [name], seq=n)
        children = [
            start(do, root, "tiered compaction" if n % 2 else "full compaction", tmp_path / "log") for n in range(count)
        ]
        for child in children:
            child.join(60)
            assert child.exitcode == 0
        assert sound(root, recorded=names, kept=names) == names


@pytest.mark.parametrize("name", _SLEEPERS)
def test_who_sleeps_at_any_step_while_others_commit_twice_does_no_harm(
    name: str, tmp_path: Path, tell: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rpa_lab.storage.publication._LOCK_WAIT_S", 0.2)  # a sleeper may hold the lock
    """The others' second commit removes what the first one was: the name that the sleeper wants is free again."""
    pristine = tmp_path / "pristine"
    stored = JOBS[name].prepare(pristine)
    steps = 0
    for at in range(1, 200):
        root = tmp_path / str(at)
        subprocess.run(["cp", "-a", str(pristine), str(root)], check=True)
        child = start(stop_at, root, name, tmp_path / "log", at)
        stopped = _stopped(child)
        if stopped:
            recorded = list(stored)
            holds_lock = _is_locked(root)
            for n in range(20, 22):
                put(root, [f"s{n}"], seq=n)
                recorded.append(f"s{n}")
                if not holds_lock:  # who sleeps with the lock is waited for
                    compact_day(root, TABLE, DAY, grace_s=0)
            if child.pid:
                os.kill(child.pid, signal.SIGCONT)
        child.join(60)
        assert child.exitcode == 0
        if not stopped:
            break
        late = {"s20", "s21"} & set(read_ids(root))
        assert JOBS[name].deletes or late == {"s20", "s21"}
        if JOBS[name].deletes:
            JOBS[name].recover(root)
            assert read_ids(root) == []
        else:
            JOBS[name].check(root, recorded=recorded, kept=recorded)
        steps += 1
    assert steps >= 3
    tell(f"{name}: slept at each of its {steps} changes of the disk")


def _is_locked(root: Path) -> bool:
    """Whether somebody holds a lock that a compaction of the day needs."""
    folders = [folder_of(root), root / TABLE / folder_of(root).name]
    for folder in filter(Path.is_dir, folders):
        with locked(folder, exclusive=True, wait=0) as held:
            if not held:
                return True
    return False


def test_who_comes_second_while_the_first_ones_grace_runs_finds_the_name_taken(root: Path) -> None:
    put(root, ["s0"], seq=0)
    put(root, ["s1"], seq=1)
    inner: list[int | None] = []

    def make(now: Day) -> Content:
        inner.append(compact_day(root, TABLE, DAY, grace_s=600).generation)
        return Content(
            rows=TABLES[TABLE].arrow.empty_table(),
            keeps=(),
            archive=(),
            covers=now.covers.plus([Fragment(WRITER, 0), Fragment(WRITER, 1)]),
        )

    assert commit(root, TABLE, DAY, make) is None
    assert inner == [1]
    assert read_ids(root) == ["s0", "s1"]


def test_a_late_retry_counts_once_however_many_generations_later(root: Path) -> None:
    data = put(root, ["s0"], seq=0)
    for n in range(1, 4):
        compact_day(root, TABLE, DAY, grace_s=0)
        put(root, [f"s{n}"], seq=n)
    publish_fragment(folder_of(root), Fragment(WRITER, 0), data)

    assert read_ids(root) == ["s0", "s1", "s2", "s3"]
    compact_day(root, TABLE, DAY, grace_s=0)
    assert read_ids(root) == published_ids(root) == ["s0", "s1", "s2", "s3"]


def test_nothing_is_removed_while_somebody_lists(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "_LOCK_WAIT_S", 0.05)
    put(root, ["s0"], seq=0)
    compact_day(root, TABLE, DAY, grace_s=600)
    with locked(folder_of(root), exclusive=False, wait=0) as held:
        assert held
        assert remove_dead(root, TABLE, DAY, grace_s=0) == 0
        assert len(names_in(folder_of(root))) == 2
    assert remove_dead(root, TABLE, DAY, grace_s=0) == 1
    assert names_in(folder_of(root)) == [generation_name(1)]
