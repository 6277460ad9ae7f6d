"""What a fault is: it strikes the runs within its window and scope, and leaves all else as it was.

`onset_day` and `until_day` count days of 24 hours from the fleet's start (20.5 is noon of the twenty-first; None: to
the end); what counts is when a run starts. With `host`, `robot` or `version` only runs on that host, by that robot or
of that version are struck. No run starts later because of a fault, as if another robot had stepped in, unless that is
what the fault is about.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np

from rpa_lab.errors import InputError, quote, unknown_name
from rpa_lab.simulate.streams import digest, stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rpa_lab.simulate.runs import Bools, Floats, Runs
    from rpa_lab.simulate.world import World

__all__ = ["Fault", "InNode", "InWorkflow", "check_number", "check_window", "in_window", "luck"]


class Fault(Protocol):
    """Something that can be planted in a fleet."""

    kind: ClassVar[str]
    """What sort of fault it is: ``slow_step``."""
    unit: ClassVar[str]
    """What its size is counted in."""

    @property
    def onset_day(self) -> float | None:
        """When it begins, in days since the fleet's start; None: to be found (see `resolved`)."""

    @property
    def until_day(self) -> float | None:
        """When it ends; None: with the fleet."""

    @property
    def node_id(self) -> str | None:
        """The step that it is about, if it is about one."""

    @property
    def size(self) -> float:
        """How large it is, in its unit."""

    @property
    def scope(self) -> str:
        """Which runs it is about."""

    @property
    def message(self) -> str | None:
        """What struck runs say, if they say something and it is known before they do."""

    def workflows(self, world: World) -> tuple[str, ...]:
        """The workflows that it is about."""

    def check(self, world: World) -> None:
        """Refuse what could not show, by an InputError or UnknownNameError."""

    def resolved(self, fleet: Mapping[str, Runs], world: World) -> Fault:
        """The same fault with its onset found, where that depends on the runs."""

    def struck(self, runs: Runs, world: World) -> Bools:
        """Which runs lie within its window and scope."""

    def plant(self, fleet: Mapping[str, Runs], world: World) -> dict[str, Runs]:
        """The runs, by workflow, with the fault in them; those of other workflows may be left out."""

    def changes(self, world: World) -> Iterator[dict[str, object]]:
        """What is written down about it in the `changes` table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InWorkflow(ABC):
    """What the faults of one workflow have in common: window, scope and how they are checked."""

    kind: ClassVar[str]
    unit: ClassVar[str]

    workflow_id: str
    onset_day: float
    until_day: float | None = None
    host: str | None = None
    robot: str | None = None
    version: str | None = None

    @property
    def node_id(self) -> str | None:
        """No step in particular."""
        return None

    @property
    def scope(self) -> str:
        """``all runs``, or those on a host, by a robot, of a version."""
        said = [f"{name} {getattr(self, name)}" for name in ("host", "robot", "version") if getattr(self, name)]
        return ", ".join(said) or "all runs"

    @property
    def message(self) -> str | None:
        """Nothing is said."""
        return None

    def workflows(self, world: World) -> tuple[str, ...]:  # noqa: ARG002
        """Its workflow."""
        return (self.workflow_id,)

    def check(self, world: World) -> None:
        """Refuse names that the fleet doesn't have, and a window outside its time."""
        plan = world.plan(self.workflow_id)
        known = {"host": world.hosts, "robot": plan.robots, "version": plan.versions}
        for name, names in known.items():
            value = getattr(self, name)
            if value is not None and value not in names:
                whose = "the fleet" if name == "host" else self.workflow_id
                raise unknown_name(f"{whose} has no {name}", value, names)
        check_window(self.onset_day, self.until_day, days=world.days)

    def resolved(self, fleet: Mapping[str, Runs], world: World) -> Fault:  # noqa: ARG002
        """Itself: its onset is known."""
        return self  # type: ignore[return-value]

    def struck(self, runs: Runs, world: World) -> Bools:
        """Which runs lie within its window and scope."""
        struck = in_window(runs, self.onset_day, self.until_day, world=world)
        if self.host is not None:
            struck &= runs.host == world.hosts.index(self.host)
        if self.robot is not None:
            struck &= runs.robot == runs.robots.index(self.robot)
        if self.version is not None:
            struck &= runs.version == runs.versions.index(self.version)
        return struck

    def plant(self, fleet: Mapping[str, Runs], world: World) -> dict[str, Runs]:
        """Its workflow's runs with the fault in them."""
        return {self.workflow_id: self.planted(fleet[self.workflow_id], world)}

    @abstractmethod
    def planted(self, runs: Runs, world: World) -> Runs:
        """The runs with the fault in them."""

    def changes(self, world: World) -> Iterator[dict[str, object]]:  # noqa: ARG002
        """Nothing: nobody knows of it."""
        yield from ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InNode(InWorkflow):
    """What the faults of one step have in common."""

    node_id: str = field()  # required: the property that it replaces would be its default

    def check(self, world: World) -> None:
        """Refuse also a step that the workflow doesn't have."""
        world.plan(self.workflow_id).process.place(self.node_id)
        InWorkflow.check(self, world)

    def visits(self, runs: Runs, world: World) -> Bools:
        """The visits of its step in the runs that are struck, made or not."""
        of_node = runs.node == runs.process.place(self.node_id)
        visits: Bools = np.repeat(self.struck(runs, world), runs.counts) & of_node
        return visits


def in_window(runs: Runs, onset_day: float, until_day: float | None, *, world: World) -> Bools:
    """Which runs start within a window."""
    inside: Bools = runs.started_us >= world.at_us(onset_day)
    if until_day is not None:
        inside &= runs.started_us < world.at_us(until_day)
    return inside


def check_window(onset_day: float, until_day: float | None, *, days: int) -> None:
    """Refuse a window that begins outside the fleet's time, or ends before it begins."""
    if not 0 <= onset_day < days:
        raise InputError(f"onset_day is {quote(onset_day)}, expected 0 or more and less than days={days}")
    if until_day is not None and not until_day > onset_day:
        raise InputError(f"until_day is {quote(until_day)}, expected more than onset_day={onset_day!r}")


def check_number(name: str, value: float, *, above: float, below: float = math.inf, most: float = math.inf) -> None:
    """Refuse a size that is no number between its bounds; at `most` is allowed, above or below is not."""
    if not (math.isfinite(value) and above < value < below and value <= most):
        bound = f"at most {most:g}" if most < math.inf else f"less than {below:g}" if below < math.inf else "finite"
        what = "a fraction, " if (above, most) == (0, 1) else ""
        raise InputError(f"{name} is {quote(value)}, expected {what}more than {above:g} and {bound}")


def luck(fault: object, runs: Runs, *, seed: int, draws: int = 1, what: str = "") -> Floats:
    """Uniform draws of a fault's own, one row a run: they belong to the runs' numbers, whichever runs there are."""
    rng = stream(seed, f"{runs.process.workflow_id} {digest(fault, digits=16)}{what}")
    drawn: Floats = rng.random((int(runs.number.max(initial=-1)) + 1, draws))[runs.number]
    return drawn
