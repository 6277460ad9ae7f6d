"""Faults of schedule and machines: work that isn't started, workflows that wait for each other, and leaks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from rpa_lab.errors import InputError, quote
from rpa_lab.simulate.calendar import HOUR_US
from rpa_lab.simulate.dispatch import dispatch
from rpa_lab.simulate.faults.duration import scaled
from rpa_lab.simulate.faults.fault import InWorkflow, check_number, check_window, in_window
from rpa_lab.simulate.resources import hours_leaked
from rpa_lab.simulate.runs import Leak

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rpa_lab.simulate.faults.fault import Fault
    from rpa_lab.simulate.runs import Bools, Ints, Runs
    from rpa_lab.simulate.world import World

__all__ = ["MemoryLeak", "ScheduleCollision", "StoppedWorkflow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppedWorkflow(InWorkflow):
    """Nothing of a workflow runs: what would have started in the window is missing, and never made up for."""

    kind: ClassVar[str] = "stopped_workflow"
    unit: ClassVar[str] = "of the runs missing"

    @property
    def size(self) -> float:
        """All of them."""
        return 1.0

    def planted(self, runs: Runs, world: World) -> Runs:
        """The runs with the fault in them."""
        return runs.where(~self.struck(runs, world))


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryLeak(InWorkflow):
    """Robots lose memory: `mb_per_hour` since their last restart, which is once a day.

    With `slowdown_per_gb` steps take longer too: this fraction of their time for each GB (1000 MB) that was lost when
    their run started. What samples of memory show needs ``resources=True``.
    """

    kind: ClassVar[str] = "memory_leak"
    unit: ClassVar[str] = "MB an hour"

    mb_per_hour: float
    slowdown_per_gb: float = 0.0

    @property
    def size(self) -> float:
        """The MB an hour."""
        return self.mb_per_hour

    def check(self, world: World) -> None:
        """Refuse also numbers that make no sense."""
        InWorkflow.check(self, world)
        check_number("mb_per_hour", self.mb_per_hour, above=0, below=1_000_000)
        if not 0 <= self.slowdown_per_gb < 100:
            raise InputError(f"slowdown_per_gb is {quote(self.slowdown_per_gb)}, expected 0 or more and less than 100")

    def planted(self, runs: Runs, world: World) -> Runs:
        """The runs with the fault in them."""
        numbers = runs.number[self.struck(runs, world)]
        leak = Leak(mb_per_hour=self.mb_per_hour, since_us=world.at_us(self.onset_day), numbers=numbers)
        leaking = replace(runs, leaks=(*runs.leaks, leak))
        if not self.slowdown_per_gb:
            return leaking
        hours = hours_leaked(leak, runs, np.arange(len(runs.number)), runs.started_us)
        factor = np.repeat(1 + self.slowdown_per_gb * self.mb_per_hour * hours / 1000, runs.counts)
        return scaled(leaking, np.ones(len(factor), np.bool_), factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleCollision:
    """Several workflows are moved to the same hour of the day, on the robots of the first: they wait for each other.

    Within the window all of a day's runs are queued in that hour by the clock (`hour`, 0-23), each at its own minute.
    They take turns on the first workflow's robots. Where these are on one host the load slows steps by `factor`.
    """

    kind: ClassVar[str] = "schedule_collision"
    unit: ClassVar[str] = "times as long, and later"

    workflow_ids: tuple[str, ...]
    onset_day: float
    until_day: float | None = None
    hour: int = 2
    factor: float = 1.15

    @property
    def node_id(self) -> None:
        """No step in particular."""
        return

    @property
    def message(self) -> None:
        """Nothing is said."""
        return

    @property
    def size(self) -> float:
        """The factor."""
        return self.factor

    @property
    def scope(self) -> str:
        """``robots of bank_reconciliation``."""
        return f"robots of {self.workflow_ids[0]}"

    def workflows(self, world: World) -> tuple[str, ...]:  # noqa: ARG002
        """Those that collide."""
        return self.workflow_ids

    def check(self, world: World) -> None:
        """Refuse workflows that the fleet doesn't have, a window outside its time, and numbers that make no sense."""
        if len(set(self.workflow_ids)) < 2 or len(set(self.workflow_ids)) < len(self.workflow_ids):
            raise InputError(f"workflow_ids are {quote(self.workflow_ids)}, expected two or more different workflows")
        for name in self.workflow_ids:
            world.plan(name)
        check_window(self.onset_day, self.until_day, days=world.days)
        if type(self.hour) is not int or not 0 <= self.hour < 24:
            raise InputError(f"hour is {quote(self.hour)}, expected a whole number from 0 to 23")
        check_number("factor", self.factor, above=0, below=1000)

    def resolved(self, fleet: Mapping[str, Runs], world: World) -> Fault:  # noqa: ARG002
        """Itself: its onset is known."""
        return self

    def struck(self, runs: Runs, world: World) -> Bools:
        """Which runs lie within its window."""
        return in_window(runs, self.onset_day, self.until_day, world=world)

    def plant(self, fleet: Mapping[str, Runs], world: World) -> dict[str, Runs]:
        """Their runs with the fault in them."""
        robots, hosts = world.plans[self.workflow_ids[0]].robots, world.plans[self.workflow_ids[0]].hosts
        moved = {name: self._moved(fleet[name], world) for name in self.workflow_ids}
        struck = {name: np.flatnonzero(self.struck(fleet[name], world)) for name in self.workflow_ids}
        queued_us = np.concatenate([moved[name].queued_us[struck[name]] for name in self.workflow_ids])
        length_us = np.concatenate([moved[name].length_us()[struck[name]] for name in self.workflow_ids])
        order = np.argsort(queued_us, kind="stable")
        started_us, robot = np.empty_like(queued_us), np.empty_like(queued_us)
        started_us[order] = dispatch(queued_us[order], length_us[order], robots=len(robots))
        robot[order] = np.arange(len(order)) % len(robots)
        after = 0
        for name in self.workflow_ids:
            rows = slice(after, after + len(struck[name]))
            after = rows.stop
            moved[name] = _on_robots(moved[name], struck[name], started_us[rows], robot[rows], robots, hosts)
        return moved

    def _moved(self, runs: Runs, world: World) -> Runs:
        """The runs, queued in the hour of the collision, and slowed by the load."""
        struck = self.struck(runs, world)
        hours_us = world.here.hours_us[:, self.hour]
        queued_us = runs.queued_us.copy()
        queued_us[struck] = hours_us[world.here.day_of(queued_us[struck])] + queued_us[struck] % HOUR_US
        return scaled(replace(runs, queued_us=queued_us), np.repeat(struck, runs.counts), self.factor)

    def changes(self, world: World) -> Iterator[dict[str, object]]:  # noqa: ARG002
        """Nothing: nobody knows of it."""
        yield from ()


def _on_robots(
    runs: Runs, which: Ints, started_us: Ints, robot: Ints, robots: tuple[str, ...], hosts: tuple[int, ...]
) -> Runs:
    """The runs, of which some are done by these robots, by number, from these times on."""
    names = tuple(dict.fromkeys((*runs.robots, *robots)))
    place = np.asarray([names.index(name) for name in robots])
    starts, of_robot, host = runs.started_us.copy(), runs.robot.copy(), runs.host.copy()
    starts[which], of_robot[which], host[which] = started_us, place[robot], np.asarray(hosts)[robot]
    return replace(runs, robots=names, started_us=starts, robot=of_robot, host=host)
