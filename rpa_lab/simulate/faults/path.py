"""Faults that make runs take other steps, or the same ones more often: each step is as fast as ever."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from scipy.special import ndtri

from rpa_lab.errors import InputError, quote, unknown_name
from rpa_lab.records import split_node_path
from rpa_lab.simulate.draw import is_lucky
from rpa_lab.simulate.faults.fault import InNode, InWorkflow, check_number, luck
from rpa_lab.simulate.process import ACTIONS, Node
from rpa_lab.simulate.runs import attempts_us

if TYPE_CHECKING:
    from rpa_lab.simulate.runs import Runs
    from rpa_lab.simulate.world import World

__all__ = ["MixShift", "MoreRetries", "NewStep"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MoreRetries(InNode):
    """A fraction `share` of the visits of a step needs one more attempt, and the pause before it.

    Visits at which a run fails for good are left as they are.
    """

    kind: ClassVar[str] = "more_retries"
    unit: ClassVar[str] = "of the visits"

    share: float

    @property
    def size(self) -> float:
        """The fraction."""
        return self.share

    def check(self, world: World) -> None:
        """Refuse also a share that makes no sense."""
        InNode.check(self, world)
        check_number("share", self.share, above=0, most=1)

    def planted(self, runs: Runs, world: World) -> Runs:
        """The runs with the fault in them."""
        chance = luck(self, runs, seed=world.seed, draws=int(runs.counts.max(initial=1)))
        visits = self.visits(runs, world) & ~runs.failing()
        visits &= chance[runs.run(), runs.position()] < self.share
        own_us, retries = runs.own_us(), runs.retries.copy()
        retries[visits] += 1
        duration_us = runs.duration_us.copy()
        duration_us[visits] = np.rint(attempts_us(own_us[visits], retries[visits])).astype(np.int64)
        return replace(runs, retries=retries, duration_us=duration_us)


@dataclass(frozen=True, slots=True, kw_only=True)
class MixShift(InNode):
    """A larger fraction `share` of the runs takes an optional step: no step is slower, yet the average run is.

    The runs that took it before still do. One that takes it for the shift alone does not fail at it.
    """

    kind: ClassVar[str] = "mix_shift"
    unit: ClassVar[str] = "of the runs take it"

    share: float

    @property
    def size(self) -> float:
        """The fraction that takes the step."""
        return self.share

    def check(self, world: World) -> None:
        """Refuse also a step that is not optional, and a share that is not larger than before."""
        InNode.check(self, world)
        process = world.plan(self.workflow_id).process
        usual = process.nodes[process.place(self.node_id)].share
        if usual == 1:
            known = [node.node_id for node in process.nodes if node.share < 1]
            raise InputError(
                f"node_id is {quote(self.node_id)}, which each run of {self.workflow_id} takes; "
                f"expected an optional step: {', '.join(known) or 'it has none'}"
            )
        check_number("share", self.share, above=usual, most=1)

    def planted(self, runs: Runs, world: World) -> Runs:
        """The runs with the fault in them."""
        place = runs.process.place(self.node_id)
        lucky = is_lucky(runs.process, runs.number, place, share=self.share, seed=world.seed)
        return replace(runs, taken=runs.taken | (self.visits(runs, world) & np.repeat(lucky, runs.counts)))


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStep(InNode):
    """Each run takes one more step, called `node_id`, right after its last visit of another; `median_ms` as a rule."""

    kind: ClassVar[str] = "new_step"
    unit: ClassVar[str] = "ms as a rule"

    after: str
    median_ms: float
    action_type: str = "query"
    application: str = "Compliance database"
    target_element: str = "new_check"

    @property
    def size(self) -> float:
        """The new step's median."""
        return self.median_ms

    def check(self, world: World) -> None:
        """Refuse a step that is not new, one after a step that doesn't exist, and a time that makes no sense."""
        process = world.plan(self.workflow_id).process
        if self.node_id in [node.node_id for node in process.nodes]:
            raise InputError(f"node_id is {quote(self.node_id)}, which {self.workflow_id} has; expected a new name")
        if not all(name.strip() for name in split_node_path(self.node_id)):
            raise InputError(f"node_id is {quote(self.node_id)}, expected names joined by ' > '")
        process.place(self.after)
        if self.action_type not in ACTIONS:
            raise unknown_name("there is no action_type", self.action_type, ACTIONS)
        InWorkflow.check(self, world)
        check_number("median_ms", self.median_ms, above=0, below=86_400_000)

    def planted(self, runs: Runs, world: World) -> Runs:
        """The runs with the fault in them."""
        node = Node(
            node_id=self.node_id,
            action_type=self.action_type,
            application=self.application,
            target_element=self.target_element,
            median_ms=self.median_ms,
        )
        position = runs.position()
        last = np.full(len(runs.number), -1, np.int64)
        of_node = runs.node == runs.process.place(self.after)
        np.maximum.at(last, runs.run()[of_node], position[of_node])
        struck = self.struck(runs, world)
        at = (runs.first + last + 1)[struck]
        speed, gap, doubt, heal = luck(self, runs, seed=world.seed, draws=4)[struck].T
        own_us = self.median_ms * 1000 * np.exp(ndtri(speed) * node.action.spread)
        longer = runs.insert(
            at,
            node=np.full(len(at), len(runs.process.nodes), np.int16),
            taken=np.ones(len(at), np.bool_),
            gap_us=np.rint(2000 + 20_000 * gap).astype(np.int64),
            duration_us=np.maximum(1, np.rint(own_us)).astype(np.int64),
            retries=np.zeros(len(at), np.int8),
            doubt=(0.04 * doubt).astype(np.float32),
            heal=heal.astype(np.float32),
        )
        passed = (runs.stop > last + 1) | ((runs.failure < 0) & ~runs.cancelled)
        process = replace(runs.process, nodes=(*runs.process.nodes, node))
        return replace(longer, process=process, stop=runs.stop + (struck & passed))
