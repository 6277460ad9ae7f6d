"""When samples are taken and what adds up, by a clock that the test moves: a day takes no time and nothing is random.

The readings are made up from that clock, so that what they should add up to is known: CPU time grows by half a second
a second, disk traffic by 1 MB a second.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from rpa_lab.collection import sampling as module
from rpa_lab.collection.gpu import GpuUse
from rpa_lab.collection.meter import Reading
from rpa_lab.collection.process_tree import TreeUse
from rpa_lab.collection.sampling import Notice, Sampling
from rpa_lab.records import ResourceMetrics

_TICK_S = 0.001  # what waking up and reading take


class Machine:
    """A clock, the sampler that lives by it, and what it wrote."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, interval_s: float = 1.0, longest_s: float = 60.0) -> None:
        self.now_s = 1_000.0
        self.readings = 0
        self.fails = False
        self.rows: list[ResourceMetrics] = []
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: self.now_s, sleep=self.sleep))
        self.sampling = Sampling(self.read, self.rows.append, interval_s=interval_s, longest_s=longest_s)
        self._waiting: list[Notice] = []

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def read(self) -> Reading:
        if self.fails:
            raise OSError("no reading")
        self.readings += 1
        self.now_s += _TICK_S
        tree = TreeUse(
            cpu_s=0.5 * self.now_s,
            memory_bytes=round(self.now_s * 1e6),
            disk_bytes=round(self.now_s * 1e6),
            processes=1,
        )
        return Reading(at_s=self.now_s, at_ms=round(self.now_s * 1000), tree=tree, host=None, gpu=GpuUse(None, None))

    def start(self, *ids: str) -> None:
        self._waiting += [Notice(True, one, f"workflow of {one}", self.now_s) for one in ids]
        self.work()

    def end(self, *ids: str) -> None:
        self._waiting += [Notice(False, one, None, self.now_s) for one in ids]
        self.work()

    def work(self) -> float | None:
        """What the thread does when it is woken."""
        if not self.sampling.distance_s():
            waiting, self._waiting = self._waiting, []
            self.sampling.take(waiting)
            self.sampling.sample()
        return self.sampling.rest_s()

    def run(self, seconds: float) -> None:
        """Let time pass; the thread wakes whenever it wanted to."""
        until = self.now_s + seconds
        while self.now_s < until:
            rest = self.sampling.rest_s()
            if self._waiting:
                rest = self.sampling.distance_s()
            if rest is None or self.now_s + rest > until:
                self.now_s = until
                return
            self.now_s += max(rest, 1e-6)
            self.work()

    def of(self, execution_id: str) -> list[ResourceMetrics]:
        return [row for row in self.rows if row.execution_id == execution_id]

    def stop(self) -> None:
        self.sampling.take(self._waiting)
        self.sampling.sample(final=True)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


def seconds(rows: Iterable[ResourceMetrics]) -> list[float]:
    return [round(row.timestamp.timestamp(), 3) for row in rows]


def test_nothing_is_read_while_nothing_is_open(machine: Machine) -> None:
    machine.run(3600)
    assert (machine.readings, machine.sampling.rest_s()) == (1, None)  # the first is Sampling's own
    machine.start("e")
    machine.run(10.5)
    machine.end("e")
    read = machine.readings
    machine.run(3600)

    assert machine.readings == read
    assert machine.sampling.rest_s() is None


def test_an_execution_is_sampled_at_its_start_each_second_and_at_its_end(machine: Machine) -> None:
    machine.run(100)
    began = machine.now_s
    machine.start("e")
    machine.run(5.5)
    machine.end("e")
    got = machine.of("e")

    assert [at - began for at in seconds(got)] == pytest.approx([0, 1, 2, 3, 4, 5, 5.5], abs=0.02)
    assert {(row.cpu_percent, row.workflow_id, row.shared_by) for row in got} == {(50.0, "workflow of e", 1)}
    assert [row.memory_mb for row in got] == pytest.approx(seconds(got), abs=0.11)  # the level at that very moment


@pytest.mark.parametrize("lasting_s", [0.05, 0.3, 36.0, 180.0, 600.0, 7200.0])
def test_the_traffic_of_the_samples_is_what_was_moved_while_it_ran(machine: Machine, lasting_s: float) -> None:
    machine.run(100)
    machine.start("e")
    machine.run(lasting_s)
    machine.end("e")
    machine.run(1)

    assert sum(row.disk_io_mb or 0 for row in machine.of("e")) == pytest.approx(lasting_s, abs=0.11)


@pytest.mark.parametrize("lasting_s", [5.0, 36.0, 180.0, 600.0])
def test_a_long_execution_has_few_samples_and_no_gap_longer_than_a_tenth_of_its_age(
    machine: Machine, lasting_s: float
) -> None:
    machine.run(100)
    began = machine.now_s
    machine.start("e")
    machine.run(lasting_s)
    machine.end("e")
    at = seconds(machine.of("e"))

    assert len(at) <= 2 + min(lasting_s, 10 + 10 * math.log(max(lasting_s / 10, 1)) + 1)
    for earlier, later in pairwise(at):
        assert later - earlier <= max(1.0, 0.1 * (later - began)) + 0.02


def test_a_day_long_execution_is_sampled_every_minute(machine: Machine) -> None:
    machine.start("e")
    machine.run(24 * 3600)
    at = seconds(machine.of("e"))

    assert 1440 <= len(at) <= 1500
    assert max(later - earlier for earlier, later in pairwise(at)) <= 60.02


def test_an_interval_that_shall_not_grow_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, interval_s=2.0, longest_s=2.0)
    machine.start("e")
    machine.run(1000)

    assert len(machine.of("e")) == pytest.approx(500, abs=2)


def test_what_is_open_together_is_sampled_together_and_shared(machine: Machine) -> None:
    machine.run(100)
    machine.start("outer")
    machine.run(2.5)
    machine.start("inner")
    machine.run(2.5)
    machine.end("inner")
    machine.run(2.5)
    machine.end("outer")

    at = Counter(seconds(machine.rows))
    assert all(at[second] == row.shared_by for row, second in zip(machine.rows, seconds(machine.rows), strict=True))
    assert [row.shared_by for row in machine.of("inner")] == [2] * 4
    assert [row.shared_by for row in machine.of("outer")] == [1, 1, 1, 2, 2, 2, 2, 1, 1, 1]
    assert sum(row.disk_io_mb or 0 for row in machine.of("outer")) == pytest.approx(7.5, abs=0.1)
    assert sum(row.disk_io_mb or 0 for row in machine.of("inner")) == pytest.approx(2.5, abs=0.1)


def test_fifty_that_start_at_once_cost_one_reading_and_one_more_for_what_followed(machine: Machine) -> None:
    machine.run(100)
    ids = [f"e{n}" for n in range(50)]
    machine.start(*ids)
    machine.run(0.5)

    assert machine.readings == 1 + 2
    assert [row.execution_id for row in machine.rows] == ids
    assert [row.shared_by for row in machine.rows] == list(range(1, 51))
    machine.end(*ids)
    assert machine.readings == 1 + 3
    assert [len(machine.of(one)) for one in ids] == [2] * 50
    assert [machine.of(one)[1].shared_by for one in ids] == list(range(50, 0, -1))


def test_a_rush_of_short_executions_costs_ten_readings_a_second_and_each_has_its_two_rows(machine: Machine) -> None:
    machine.run(100)
    read = machine.readings
    for number in range(2_000):
        machine.start(f"e{number}")
        machine.sleep(0.001)
        machine.end(f"e{number}")
    machine.run(1)

    assert machine.readings - read <= 2_000 * 0.001 / 0.1 + 3
    for number in range(2_000):
        first, last = machine.of(f"e{number}")
        assert first.timestamp < last.timestamp
        assert (first.shared_by, last.shared_by) == (1, 1)
        assert (first.cpu_percent, last.cpu_percent) == (50.0, 50.0)


def test_one_that_starts_right_after_a_reading_begins_with_that(machine: Machine) -> None:
    machine.run(100)
    machine.start("before")
    machine.run(3.5)
    machine.end("before")
    machine.run(0.15)
    ended = machine.of("before")[-1].timestamp
    machine.start("after")
    machine.run(0.5)
    machine.start("close")
    machine.run(0.02)
    machine.start("closer")
    read = machine.readings
    machine.run(0.5)

    assert machine.of("after")[0].timestamp > ended
    assert machine.of("closer")[0].timestamp == machine.of("close")[0].timestamp
    assert machine.readings == read + 1


def test_readings_keep_their_distance_however_often_the_thread_is_woken(machine: Machine) -> None:
    machine.run(100)
    machine.start("e")
    read = machine.readings
    for number in range(9):
        machine.sleep(0.01)
        machine.sampling.take([Notice(True, f"e{number}", "w", machine.now_s)])
        machine.sampling.sample()

    assert machine.readings == read
    machine.run(0.1)
    assert machine.readings == read + 1


def test_a_young_execution_is_sampled_often_however_old_another_one_is(machine: Machine) -> None:
    machine.start("old")
    machine.run(3600.5)
    machine.start("young")
    began = machine.now_s
    machine.run(5.5)

    assert [at - began for at in seconds(machine.of("young"))] == pytest.approx([0, 1, 2, 3, 4, 5], abs=0.02)
    assert seconds(machine.of("old"))[-5:] == seconds(machine.of("young"))[-5:]


def test_one_that_began_and_ended_before_the_thread_woke_has_two_rows(machine: Machine) -> None:
    machine.run(100)
    began = machine.now_s
    machine.sampling.take([Notice(True, "e", "w", began), Notice(False, "e", None, began)])
    machine.work()
    machine.run(1)
    first, last = machine.of("e")

    assert first.timestamp < last.timestamp
    assert last.timestamp.timestamp() - began < 0.2


def test_what_is_said_twice_or_of_nothing_known_means_nothing(machine: Machine) -> None:
    machine.run(100)
    machine.end("never begun")
    machine.start("e")
    machine.run(0.4)
    machine.start("e")
    machine.run(0.4)
    machine.end("e", "e")
    machine.run(5)

    assert len(machine.of("e")) == len(machine.rows) == 2


def test_the_same_id_again_is_sampled_again(machine: Machine) -> None:
    for _ in range(3):
        machine.run(10)
        machine.start("e")
        machine.run(0.5)
        machine.end("e")

    assert len(machine.of("e")) == 6


def test_what_is_open_when_sampling_stops_gets_its_last_sample_at_once(machine: Machine) -> None:
    machine.run(100)
    machine.start("old")
    machine.run(0.5)
    machine.start("new")
    before = machine.now_s
    machine.stop()

    assert machine.now_s - before < 0.05
    assert [row.shared_by for row in machine.of("old")] == [1, 2, 2]
    assert [row.shared_by for row in machine.of("new")] == [2, 2]
    assert machine.sampling.rest_s() is None


def test_a_reading_that_fails_loses_what_ended_then_and_no_more(machine: Machine) -> None:
    machine.run(100)
    machine.start("lost", "kept")
    machine.run(0.5)
    machine.fails = True
    with pytest.raises(OSError, match="no reading"):
        machine.end("lost")
    machine.fails = False
    machine.run(1.7)
    machine.end("kept")

    assert len(machine.of("lost")) == 1
    assert len(machine.of("kept")) == 3
    assert sum(row.disk_io_mb or 0 for row in machine.of("kept")) == pytest.approx(2.2, abs=0.1)


def test_many_at_once_write_no_more_than_a_thousand_rows_a_second(machine: Machine) -> None:
    machine.run(100)
    machine.start(*(f"e{n}" for n in range(1_000)))
    machine.run(5)
    before = len(machine.rows)
    for number in range(200):
        machine.start(f"more {number}")
        machine.run(0.05)

    assert len(machine.rows) - before <= 1_000 * 10 + 2_500


def test_no_more_than_ten_thousand_are_remembered(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_OPEN", 3)
    machine.run(100)
    machine.start(*"abcde")
    machine.run(0.5)
    machine.end(*"abcde")

    assert {row.execution_id for row in machine.rows} == set("cde")
    assert max(_shares(machine.rows)) == 4


def _shares(rows: list[Any]) -> list[int]:
    return [row.shared_by for row in rows]
