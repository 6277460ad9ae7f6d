"""What somebody changed, and wrote down: a fix that made a step faster, and one that only seemed to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from rpa_lab.errors import InputError
from rpa_lab.simulate.calendar import DAY_US
from rpa_lab.simulate.faults.duration import scaled
from rpa_lab.simulate.faults.fault import InNode, InWorkflow, check_number
from rpa_lab.simulate.releases import change
from rpa_lab.simulate.streams import digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rpa_lab.simulate.runs import Runs
    from rpa_lab.simulate.world import World

__all__ = ["Fix", "NullFix"]

_LEAST_RUNS = 5
_EARLIEST, _LATEST = 0.25, 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix(InNode):
    """A step is `percent` % faster from a day on, and the change is written down."""

    kind: ClassVar[str] = "fix"
    unit: ClassVar[str] = "% faster"

    percent: float

    @property
    def size(self) -> float:
        """The percentage."""
        return self.percent

    def check(self, world: World) -> None:
        """Refuse also a percentage that makes no sense."""
        InNode.check(self, world)
        check_number("percent", self.percent, above=0, below=100)

    def planted(self, runs: Runs, world: World) -> Runs:
        """The runs with the fix in them."""
        return scaled(runs, self.visits(runs, world), 1 - self.percent / 100)

    def changes(self, world: World) -> Iterator[dict[str, object]]:
        """The fix, at its onset."""
        yield _fix(self, world, onset_day=self.onset_day, text=f"{self.node_id}: made faster")


@dataclass(frozen=True, slots=True, kw_only=True)
class NullFix(InWorkflow):
    """Something is written down as a fix and changes nothing; right after the slowest day things get better anyway.

    Without `onset_day` it comes at the end of the local day on which the workflow's runs took longest on average, among
    the days from a quarter to four fifths of the fleet's time.
    """

    kind: ClassVar[str] = "null_fix"
    unit: ClassVar[str] = "% faster"

    onset_day: float | None = None  # type: ignore[assignment]

    @property
    def size(self) -> float:
        """Nothing."""
        return 0.0

    def check(self, world: World) -> None:
        """Refuse also a window without a beginning."""
        if self.onset_day is None:
            if self.until_day is not None:
                raise InputError("null_fix has until_day and no onset_day; expected both, onset_day alone, or neither")
            replace(self, onset_day=0.0).check(world)
            return
        InWorkflow.check(self, world)

    def resolved(self, fleet: Mapping[str, Runs], world: World) -> NullFix:
        """The same, right after the peak."""
        if self.onset_day is not None:
            return self
        runs = fleet[self.workflow_id]
        ended = (runs.failure < 0) & ~runs.cancelled
        day = world.here.day_of(runs.started_us)[ended]
        days = len(world.here.days)
        counts = np.bincount(day, minlength=days)
        means = np.bincount(day, np.log(runs.length_us()[ended]), minlength=days) / np.maximum(counts, 1)
        means[counts < min(_LEAST_RUNS, counts.max(initial=0))] = -np.inf
        first, last = int(_EARLIEST * days), max(int(_EARLIEST * days) + 1, int(_LATEST * days))
        peak = first + int(np.argmax(means[first:last]))
        onset_us = min(int(world.here.midnights_us[peak + 1]), world.end_us - 1)
        return replace(self, onset_day=max(0.0, (onset_us - world.start_us) / DAY_US))

    def planted(self, runs: Runs, world: World) -> Runs:  # noqa: ARG002
        """The runs as they were."""
        return runs

    def changes(self, world: World) -> Iterator[dict[str, object]]:
        """The fix, at its onset."""
        text = f"{self.workflow_id}: cleaned up, should be faster"
        yield _fix(self, world, onset_day=self.onset_day or 0.0, text=text)


def _fix(fault: Fix | NullFix, world: World, *, onset_day: float, text: str) -> dict[str, object]:
    plan = world.plans[fault.workflow_id]
    change_id = f"{plan.id_prefix}-fix-{digest(fault, digits=6)}"
    return change(change_id, world.at_us(onset_day), fault.workflow_id, kind="fix", text=text, host=fault.host)
