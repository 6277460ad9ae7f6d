"""kill -9 at every change that a job makes on disk, each write torn in its middle; and at random, among a crowd."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import crowd
from tests.faults.campaign import SEED, cut
from tests.faults.children import die_at, start
from tests.faults.jobs import JOBS, Log
from tests.faults.rows import sound

_MOST = 200


@pytest.mark.parametrize("name", JOBS)
def test_killed_at_any_change_of_the_disk_nothing_acknowledged_is_lost(
    name: str, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    pristine = tmp_path / "pristine" / "store"
    pristine.parent.mkdir()
    stored = JOBS[name].prepare(pristine)
    kills = 0
    for at in range(1, _MOST):
        place = tmp_path / f"at{at}"
        place.mkdir()
        root, log = place / "store", Log(place / "log")
        if pristine.exists():
            subprocess.run(["cp", "-a", str(pristine), str(root)], check=True)  # keeps hard links
        child = start(die_at, root, name, log.path, at)
        child.join(60)
        assert child.exitcode in (0, -signal.SIGKILL), f"{name} at {at} ended with {child.exitcode}"
        recorded = {*stored, *log.said("recorded")}
        read = JOBS[name].check(root, recorded=recorded, kept={*stored, *log.said("kept")})
        if child.exitcode == 0:
            assert set(read) == (set() if JOBS[name].deletes else recorded)
            break
        kills += 1
    assert 3 <= kills < _MOST - 1
    tell(f"{name}: killed at each of its {kills} changes of the disk")


def test_killed_at_random_among_writers_compactors_and_readers_nothing_is_lost_or_twice(
    tmp_path: Path, tell: Callable[[str], None]
) -> None:
    chance, rounds, kills, stored, kept = random.Random(SEED), cut(3, 300), 0, 0, 0
    for number in range(rounds):
        place = tmp_path / str(number)
        place.mkdir()
        root, wrong = place / "store", place / "wrong"
        parts: list[tuple[Callable[..., None], tuple[object, ...]]] = [
            *((crowd.write, (root, place, f"w{n}")) for n in range(3)),
            *((crowd.compact, (root, f"c{number}-{n}")) for n in range(2)),
            (crowd.read, (root, place, wrong)),
            (crowd.glob, (root, wrong)),
        ]
        crew = [start(target, *args) for target, args in parts]
        for turn in range(8):
            time.sleep(chance.random() / 5)
            which = chance.randrange(5)  # readers are left alive
            crew[which].kill()
            crew[which].join()
            assert crew[which].exitcode == -signal.SIGKILL, f"round {number}: {parts[which]} ended by itself"
            kills += 1
            target, args = parts[which]
            again = (root, place, f"w{which}-{turn}") if target is crowd.write else args
            crew[which] = start(target, *again)
        for child in crew:
            child.kill()
            child.join()
            assert child.exitcode == -signal.SIGKILL, f"round {number}: a part ended by itself"
            kills += 1
        assert not wrong.exists(), f"round {number}: {wrong.read_text(encoding='utf-8')}"
        read = sound(root, recorded=crowd.said(place, "recorded"), kept=crowd.said(place, "kept"))
        stored += len(read)
        kept += len(crowd.said(place, "kept"))
        assert crowd.said(place, "kept"), "nothing was flushed: the round says nothing"
    tell(f"{rounds} random rounds, {kills} kills, {kept} steps acknowledged, {stored} stored, each read once")
