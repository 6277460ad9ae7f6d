"""Faults that make a step, or the wait before it, take longer: from one day to the next, or little by little."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from rpa_lab.simulate.calendar import DAY_US
from rpa_lab.simulate.faults.fault import InNode, check_number

if TYPE_CHECKING:
    from rpa_lab.simulate.runs import Bools, Floats, Runs
    from rpa_lab.simulate.world import World

__all__ = ["Drift", "LongerWaits", "SlowStep", "scaled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowStep(InNode):
    """A step takes `factor` times as long.

    Examples
    --------
    >>> from rpa_lab.simulate import fleet
    >>> slow = SlowStep(workflow_id="order_entry", node_id="fetch order", onset_day=2, until_day=3, factor=1.8)
    >>> fleet(4, 1, faults=[slow]).truth.select("kind", "size", "unit", "scope").row(0)
    ('slow_step', 1.8, 'times as long', 'all runs')
    """

    kind: ClassVar[str] = "slow_step"
    unit: ClassVar[str] = "times as long"

    factor: float

    @property
    def size(self) -> float:
        """The factor."""
        return self.factor

    def check(self, world: World) -> None:
        """Refuse also a factor that makes no sense."""
        InNode.check(self, world)
        check_number("factor", self.factor, above=0, below=1000)

    def planted(self, runs: Runs, world: World) -> Runs:
        """The runs with the fault in them."""
        return scaled(runs, self.visits(runs, world), self.factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift(InNode):
    """A step takes longer day by day: `per_day` of its usual time more (a fraction) each day since the onset."""

    kind: ClassVar[str] = "drift"
    unit: ClassVar[str] = "of its time more a day"

    per_day: float

    @property
    def size(self) -> float:
        """The fraction a day."""
        return self.per_day

    def check(self, world: World) -> None:
        """Refuse also a drift that makes no sense."""
        InNode.check(self, world)
        check_number("per_day", self.per_day, above=0, below=100)

    def planted(self, runs: Runs, world: World) -> Runs:
        """The runs with the fault in them."""
        days = (runs.started_us - world.at_us(self.onset_day)) / DAY_US
        visits = self.visits(runs, world)
        return scaled(runs, visits, 1 + self.per_day * np.repeat(days, runs.counts)[visits])


@dataclass(frozen=True, slots=True, kw_only=True)
class LongerWaits(InNode):
    """Before a step `extra_ms` milliseconds more are waited; the step itself takes as long as ever."""

    kind: ClassVar[str] = "longer_waits"
    unit: ClassVar[str] = "ms more before each visit"

    extra_ms: float

    @property
    def size(self) -> float:
        """The milliseconds."""
        return self.extra_ms

    def check(self, world: World) -> None:
        """Refuse also a wait that makes no sense."""
        InNode.check(self, world)
        check_number("extra_ms", self.extra_ms, above=0, below=86_400_000)

    def planted(self, runs: Runs, world: World) -> Runs:
        """The runs with the fault in them."""
        gap_us = runs.gap_us.copy()
        gap_us[self.visits(runs, world)] += round(self.extra_ms * 1000)
        return replace(runs, gap_us=gap_us)


def scaled(runs: Runs, visits: Bools, factor: float | Floats) -> Runs:
    """The runs with the durations of some visits multiplied, rounded to whole microseconds."""
    duration_us = runs.duration_us.copy()
    duration_us[visits] = np.maximum(1, np.rint(duration_us[visits] * factor)).astype(np.int64)
    return replace(runs, duration_us=duration_us)
