"""Real processes throughout: what they used is checked against what the kernel tells their parent, or themselves."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest

from rpa_lab.collection import process_tree
from rpa_lab.collection.process_tree import ProcessTree, TreeUse

BURN = "import os, time\nwhile sum(os.times()[:2]) < {}: pass\n"
_TICK_S = 0.02  # the kernel counts other processes' time in ticks of 10 ms, user and system each
_MB = 1_000_000


@contextmanager
def child(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A Python process, which prints a line once it has done what it should and ends when its input does."""
    command = [sys.executable, "-c", textwrap.dedent(code) + "\nprint('ready', flush=True)\ninput()\n"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([*command, *map(str, arguments)], text=True, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_this_process_is_counted_as_its_own_clock_does() -> None:
    tree = ProcessTree()
    before, clock = tree.look(), time.process_time()
    while time.process_time() < clock + 0.2:
        pass
    after = tree.look()

    assert after.cpu_s - before.cpu_s == pytest.approx(time.process_time() - clock, abs=0.05)


def test_a_child_counts_while_it_lives_with_its_time_and_memory() -> None:
    tree = ProcessTree()
    before = tree.look()
    with child(BURN.format(0.3) + "held = bytearray(os.urandom(1)) * 50_000_000") as process:
        assert said(process) == "ready"
        during = tree.look()
        own = psutil.Process(process.pid)
        used, memory = sum(own.cpu_times()[:2]), own.memory_info().rss
        parents = psutil.Process().memory_info().rss  # now: what it was before the child says nothing of what it is

    assert during.processes == before.processes + 1
    assert during.cpu_s - before.cpu_s >= used - _TICK_S >= 0.3 - _TICK_S
    assert during.memory_bytes - parents >= memory - 5 * _MB >= 45 * _MB


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of all its children's time")
def test_a_child_that_lived_between_two_looks_is_counted_in_full() -> None:
    tree = ProcessTree()
    before, children = tree.look(), children_s()
    subprocess.run([sys.executable, "-c", BURN.format(0.3)], check=True)
    after = tree.look()

    assert after.processes == before.processes
    assert after.cpu_s - before.cpu_s >= children_s() - children - _TICK_S >= 0.3 - _TICK_S


def test_a_child_that_ended_counts_once_and_not_twice() -> None:
    tree = ProcessTree()
    before, children = tree.look(), children_s()
    own_s = time.process_time()
    with child(BURN.format(0.3)) as process:
        assert said(process) == "ready"
        tree.look()
        process.communicate("\n")
        ended = tree.look()
        again = tree.look()
    spent = children_s() - children + time.process_time() - own_s

    assert 0.3 - _TICK_S <= ended.cpu_s - before.cpu_s <= spent + 3 * _TICK_S
    assert again.cpu_s - before.cpu_s <= spent + 3 * _TICK_S


def test_a_child_that_nobody_waits_for_stays_in_the_sum() -> None:
    """Where the parent inherits nothing (an orphan, other systems), what was seen of it last counts."""
    tree = ProcessTree()
    before = tree.look()
    with child(ORPHANING.format(burn=0.3)) as process:
        orphan = psutil.Process(int(said(process)))
        assert said(process) == "ready"
        wait_until(lambda: sum(orphan.cpu_times()[:2]) >= 0.3)
        during = tree.look()
        process.communicate("\n")
        alone = tree.look()  # its parent is gone, it is not
        assert orphan.is_running()
        assert alone.processes == during.processes - 1
        orphan.kill()
        wait_until(lambda: not psutil.pid_exists(orphan.pid) or orphan.status() == psutil.STATUS_ZOMBIE)
        after = tree.look()
    own_s = time.process_time()
    while time.process_time() < own_s + 0.2:
        pass

    assert during.cpu_s - before.cpu_s >= 0.3 - _TICK_S
    assert alone.cpu_s >= during.cpu_s
    assert after.cpu_s >= alone.cpu_s


@pytest.mark.skipif(sys.platform != "linux", reason="only here the kernel is known to forget such children")
def test_what_a_child_had_used_that_no_parent_inherits_is_kept_and_added_to() -> None:
    code = """
    import os, signal, subprocess, sys, time
    from rpa_lab.collection.process_tree import ProcessTree
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel forgets children at once, with their time
    tree = ProcessTree()
    before = tree.look().cpu_s - time.process_time()
    child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE)
    child.stdout.readline()
    tree.look()
    child.kill()
    while os.path.exists(f"/proc/{child.pid}"):
        time.sleep(0.01)
    assert sum(os.times()[2:4]) == 0
    for _ in range(3):  # while this process goes on working
        own_s = time.process_time()
        while time.process_time() < own_s + 0.1:
            pass
        print(tree.look().cpu_s - time.process_time() - before)
    """
    burning = BURN.format(0.3) + "print('ready', flush=True); import time; time.sleep(60)"
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code), burning]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert [float(line) for line in done.stdout.split()] == pytest.approx([0.3] * 3, abs=0.1), done.stderr


ORPHANING = """
import subprocess, sys
burn = "import os, time\\nwhile sum(os.times()[:2]) < {burn}: pass\\ntime.sleep(60)"
print(subprocess.Popen([sys.executable, "-c", burn], stdout=subprocess.DEVNULL).pid, flush=True)
"""


def wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_while_processes_come_and_go_the_sum_is_the_kernels_and_never_falls() -> None:
    tree = ProcessTree()
    looks, children, own_s = [tree.look()], children_s(), time.process_time()
    running: list[subprocess.Popen[bytes]] = []
    ended: list[subprocess.Popen[bytes]] = []
    try:
        for turn in range(24):
            if turn % 3 == 0:
                running.append(subprocess.Popen([sys.executable, "-c", BURN.format(0.2) + "time.sleep(60)"]))
            if turn % 6 == 0:
                subprocess.run([sys.executable, "-c", ""], check=True)
            if turn % 4 == 3:
                ended.append(running.pop(0))
                ended[-1].kill()
                if turn % 8 == 3:  # the others are zombies until the end
                    ended[-1].wait()
            looks.append(tree.look())
    finally:
        for process in running:
            process.kill()
        for process in (*running, *ended):
            process.wait()
    looks.append(tree.look())
    spent = time.process_time() - own_s + children_s() - children  # all were waited for at last

    if sys.platform == "linux":
        assert looks[-1].cpu_s - looks[0].cpu_s == pytest.approx(spent, abs=0.2)
    for earlier, later in pairwise(looks):
        assert later.cpu_s >= earlier.cpu_s
        assert later.disk_bytes is not None
        assert later.disk_bytes >= (earlier.disk_bytes or 0)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_a_child_wrote_counts_also_when_it_is_gone(tmp_path: Path) -> None:
    tree = ProcessTree()
    before = tree.look().disk_bytes
    code = f"""
    import os
    with open({str(tmp_path / "big")!r}, "wb") as file:
        file.write(bytes(8_000_000))
        os.fsync(file.fileno())
    print(*[line.split()[1] for line in open("/proc/self/io") if line.startswith(("read_bytes", "write_bytes"))])
    """
    with child(code) as process:
        traffic = sum(map(int, said(process).split()))
        assert said(process) == "ready"
        during = tree.look().disk_bytes
        process.communicate("\n")
        after = tree.look().disk_bytes
    if traffic < 8_000_000:
        pytest.skip("temporary files are in memory here")

    assert before is not None
    assert during is not None
    assert after is not None
    assert 0.99 * traffic <= during - before <= after - before <= traffic + 2 * _MB


def test_a_new_child_is_found_without_reading_every_process_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = ProcessTree()
    before = tree.look()
    monkeypatch.setattr(psutil.Process, "children", lambda *_, **__: pytest.fail("all processes were read"))
    with child("import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'input()'])") as process:
        assert said(process) == "ready"
        assert tree.look().processes == before.processes + 2  # its own child is as new as itself


def test_where_some_process_of_the_host_cant_be_read_the_others_are(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise psutil.AccessDenied(1)

    monkeypatch.setattr(psutil.Process, "children", refuse)
    with child("") as process:
        assert said(process) == "ready"
        assert ProcessTree().look().processes >= 2


@pytest.mark.parametrize("refusal", [psutil.AccessDenied, psutil.ZombieProcess])
def test_a_child_that_cant_be_read_for_now_has_used_what_it_had_used(
    monkeypatch: pytest.MonkeyPatch, refusal: type[psutil.Error]
) -> None:
    tree, real = ProcessTree(), psutil.Process.cpu_times
    with child(BURN.format(0.2)) as process:
        assert said(process) == "ready"
        before = tree.look()

        def refuse(one: psutil.Process) -> Any:
            if one.pid == process.pid:
                raise refusal(one.pid)
            return real(one)

        monkeypatch.setattr(psutil.Process, "cpu_times", refuse)
        refused = tree.look()
        monkeypatch.undo()
        after = tree.look()

    assert refused.processes == after.processes == before.processes
    assert 0 <= refused.cpu_s - before.cpu_s < 0.15
    assert 0 <= after.cpu_s - before.cpu_s < 0.15


def test_what_a_process_had_used_before_it_was_found_is_not_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_tree, "_CLOCKS_DIFFER_S", -1.0)  # so that two seconds need not pass
    tree, pids = ProcessTree(), psutil.pids
    with child(BURN.format(0.4)) as process:
        assert said(process) == "ready"
        monkeypatch.setattr(psutil, "pids", lambda: [pid for pid in pids() if pid != process.pid])
        monkeypatch.setattr(psutil.Process, "children", lambda *_, **__: [])
        before = tree.look()
        hidden = tree.look()
        monkeypatch.undo()
        monkeypatch.setattr(process_tree, "_CLOCKS_DIFFER_S", -1.0)
        found = tree.look()

    assert hidden.processes == before.processes == found.processes - 1
    assert 0 <= found.cpu_s - hidden.cpu_s < 0.2


def test_an_id_that_was_given_to_another_process_is_not_taken_for_the_old_one() -> None:
    tree = ProcessTree()
    with child("") as process:
        assert said(process) == "ready"
        tree.look()
        last = tree._last
        assert last is not None
        older = last.members[process.pid]._replace(own_s=1_000.0)  # as if one with that id had used more

        assert process_tree._read(psutil.Process(process.pid), older) is None
        assert process_tree._lost({process.pid: older}, {})[0] == pytest.approx(1_000 + older.inherited_s)


def test_a_look_within_a_look_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a signal handler may do it: both are right, and so is the next."""
    tree, real = ProcessTree(), os.times
    inner: list[TreeUse] = []
    before = tree.look()

    def interrupted() -> Any:
        monkeypatch.undo()
        inner.append(tree.look())
        return real()

    monkeypatch.setattr(os, "times", interrupted)
    outer = tree.look()
    after = tree.look()

    assert before.cpu_s <= inner[0].cpu_s <= after.cpu_s
    assert before.cpu_s <= outer.cpu_s <= after.cpu_s


def test_a_look_that_another_one_overtook_falls_behind_in_nothing() -> None:
    tree = ProcessTree()
    tree.look()
    last = tree._last
    assert last is not None
    ahead = TreeUse(cpu_s=last.use.cpu_s + 100, memory_bytes=1, disk_bytes=10**15, processes=1)
    tree._last = last._replace(use=ahead)

    assert (tree.look().cpu_s, tree.look().disk_bytes) == (ahead.cpu_s, ahead.disk_bytes)
