"""Faults that make runs fail: in a burst, over several workflows at once, or because a selector goes bad."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from rpa_lab.errors import InputError, quote, unknown_name
from rpa_lab.simulate.calendar import DAY_US
from rpa_lab.simulate.faults.fault import InNode, check_number, check_window, in_window, luck
from rpa_lab.simulate.messages import failure_trace
from rpa_lab.simulate.recovery import HEALED_SHARE, HEALING
from rpa_lab.simulate.runs import Message, attempts_us

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rpa_lab.simulate.faults.fault import Fault
    from rpa_lab.simulate.runs import Bools, Ints, Runs
    from rpa_lab.simulate.world import World

__all__ = ["BadSelector", "FailureBurst", "Outage"]

_ELEMENT_WAIT_US = 10_000_000
_MOST_RETRIES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureBurst(InNode):
    """A share of the runs that start in a window fail at one step, all with the same message.

    `share` is a fraction 0-1 of the runs that reach the step.

    Examples
    --------
    >>> from datetime import date
    >>> from rpa_lab.simulate import fleet
    >>> where = {"workflow_id": "order_entry", "node_id": "fetch order", "onset_day": 1.3, "until_day": 1.6}
    >>> burst = FailureBurst(**where, share=1, message="ConnectionError: no route to host")
    >>> runs = fleet(3, 1, end=date(2026, 11, 5), faults=[burst]).executions
    >>> runs.filter(error_message=burst.message)["status"].unique().to_list()
    ['failed']
    """

    kind: ClassVar[str] = "failure_burst"
    unit: ClassVar[str] = "of the runs that reach the step"

    until_day: float
    share: float
    message: str = field()  # required, as `InNode.node_id` is

    @property
    def size(self) -> float:
        """The share."""
        return self.share

    def check(self, world: World) -> None:
        """Refuse also a share that makes no sense."""
        InNode.check(self, world)
        check_number("share", self.share, above=0, most=1)

    def planted(self, runs: Runs, world: World) -> Runs:
        """The runs with the fault in them."""
        at = runs.first_visits(self.visits(runs, world) & runs.made())
        chance = luck(self, runs, seed=world.seed)[:, 0]
        return _failed(runs, at[chance[runs.run()[at]] < self.share], self.message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """An application answers nobody: runs fail at their first step that uses it, in all workflows or in some."""

    kind: ClassVar[str] = "outage"
    unit: ClassVar[str] = "of the runs that reach the application"

    application: str
    onset_day: float
    until_day: float
    message: str
    share: float = 1.0
    workflow_ids: tuple[str, ...] | None = None

    @property
    def node_id(self) -> None:
        """No step in particular."""
        return

    @property
    def size(self) -> float:
        """The share."""
        return self.share

    @property
    def scope(self) -> str:
        """``application SAP GUI``."""
        return f"application {self.application}"

    def workflows(self, world: World) -> tuple[str, ...]:
        """Those named, else all that use the application."""
        if self.workflow_ids is not None:
            return self.workflow_ids
        return tuple(
            name
            for name, plan in world.plans.items()
            if any(node.application == self.application for node in plan.process.nodes)
        )

    def check(self, world: World) -> None:
        """Refuse names that the fleet doesn't have, a window outside its time, and a share that makes no sense."""
        for name in self.workflow_ids or ():
            nodes = world.plan(name).process.nodes
            if self.application not in (used := {node.application for node in nodes}):
                raise unknown_name(f"{name} uses no application", self.application, used)
        if not self.workflows(world):
            known = {node.application for plan in world.plans.values() for node in plan.process.nodes}
            raise unknown_name("the fleet uses no application", self.application, known)
        check_window(self.onset_day, self.until_day, days=world.days)
        check_number("share", self.share, above=0, most=1)

    def resolved(self, fleet: Mapping[str, Runs], world: World) -> Fault:  # noqa: ARG002
        """Itself: its onset is known."""
        return self

    def struck(self, runs: Runs, world: World) -> Bools:
        """Which runs lie within its window."""
        return in_window(runs, self.onset_day, self.until_day, world=world)

    def plant(self, fleet: Mapping[str, Runs], world: World) -> dict[str, Runs]:
        """Their runs with the fault in them."""
        return {name: self._planted(fleet[name], world) for name in self.workflows(world)}

    def _planted(self, runs: Runs, world: World) -> Runs:
        uses = np.asarray([node.application == self.application for node in runs.process.nodes])[runs.node]
        at = runs.first_visits(uses & np.repeat(self.struck(runs, world), runs.counts) & runs.made())
        chance = luck(self, runs, seed=world.seed)[:, 0]
        return _failed(runs, at[chance[runs.run()[at]] < self.share], self.message)

    def changes(self, world: World) -> Iterator[dict[str, object]]:  # noqa: ARG002
        """Nothing: nobody changed it."""
        yield from ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BadSelector(InNode):
    """What a step clicks or reads is not found in a fraction `share` of its visits, more and more over `ramp_days`.

    Each attempt in vain waits ten seconds. Three of four visits heal at the second attempt, with less confidence and
    with a recovery on record; the others fail the run after the third.
    """

    kind: ClassVar[str] = "bad_selector"
    unit: ClassVar[str] = "of the visits in the end"

    share: float
    ramp_days: float = 0.0

    @property
    def size(self) -> float:
        """The fraction of visits in the end."""
        return self.share

    def check(self, world: World) -> None:
        """Refuse also a step that has no selector, and numbers that make no sense."""
        InNode.check(self, world)
        process = world.plan(self.workflow_id).process
        known = [node.node_id for node in process.nodes if node.action.family in HEALING]
        if self.node_id not in known:
            raise InputError(
                f"node_id is {quote(self.node_id)}, which finds nothing on a screen; "
                f"expected one of {', '.join(known) or 'none'}"
            )
        check_number("share", self.share, above=0, most=1)
        if not 0 <= self.ramp_days < float("inf"):
            raise InputError(f"ramp_days is {quote(self.ramp_days)}, expected 0 or more")

    def planted(self, runs: Runs, world: World) -> Runs:
        """The runs with the fault in them."""
        since = (runs.started_us - world.at_us(self.onset_day)) / DAY_US
        share = self.share * (np.minimum(1, since / self.ramp_days) if self.ramp_days else np.ones(len(since)))
        chance = luck(self, runs, seed=world.seed, draws=int(runs.counts.max(initial=1)))
        missed = self.visits(runs, world) & runs.made() & ~runs.failing()
        missed &= chance[runs.run(), runs.position()] < np.repeat(share, runs.counts)
        lost = missed & (runs.heal >= HEALED_SHARE)
        own_us, retries = runs.own_us(), runs.retries.copy()
        retries[missed] = np.maximum(retries[missed], 1)
        retries[lost] = _MOST_RETRIES
        duration_us = runs.duration_us.copy()
        vain = np.where(lost, 1 + _MOST_RETRIES, 1)[missed]
        spent = attempts_us(own_us[missed], retries[missed]) + _ELEMENT_WAIT_US * vain
        duration_us[missed] = np.rint(spent).astype(np.int64)
        node = runs.process.nodes[runs.process.place(self.node_id)]
        said = f"ElementNotFound: no element matches {node.target_element} after {_ELEMENT_WAIT_US // 1_000_000} s"
        return _failed(replace(runs, retries=retries, duration_us=duration_us), runs.first_visits(lost), said)


def _failed(runs: Runs, at: Ints, message: str) -> Runs:
    """The runs, of which some end at these visits and say why."""
    run = runs.run()[at]
    stop, failure, cancelled = runs.stop.copy(), runs.failure.copy(), runs.cancelled.copy()
    stop[run] = runs.position()[at] + 1
    cancelled[run] = False
    messages = list(runs.messages)
    for place in np.unique(runs.node[at]).tolist():
        trace = failure_trace(message, runs.process, runs.process.nodes[place])
        failure[run[runs.node[at] == place]] = len(messages)
        messages.append(Message(line=message, trace=trace, exception_kind="application"))
    return replace(runs, messages=tuple(messages), stop=stop, failure=failure, cancelled=cancelled)
