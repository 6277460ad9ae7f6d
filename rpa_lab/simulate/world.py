"""The world that a fleet lives in: its time, its machines, and who works for which workflow. Nothing here is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rpa_lab.errors import unknown_name
from rpa_lab.simulate.calendar import DAY_US

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from rpa_lab.simulate.conditions import Conditions
    from rpa_lab.simulate.local_time import LocalTime
    from rpa_lab.simulate.process import Process
    from rpa_lab.simulate.releases import Release

__all__ = ["Plan", "World"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one workflow is run: its robots by name, the host of each by number, its releases, and how its ids begin."""

    process: Process
    robots: tuple[str, ...]
    hosts: tuple[int, ...]
    releases: tuple[Release, ...]
    id_prefix: str

    @property
    def versions(self) -> tuple[str, ...]:
        """Its versions, oldest first."""
        return (self.process.version, *(release.version for release in self.releases))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class World:
    """All that the parts of a simulation share; times are microseconds since 1970 UTC."""

    seed: int
    start: datetime
    start_us: int
    end_us: int
    days: int
    closed: frozenset[date]
    here: LocalTime
    conditions: Conditions
    plans: Mapping[str, Plan]

    @property
    def hosts(self) -> tuple[str, ...]:
        """The machines."""
        return self.conditions.hosts

    def plan(self, workflow_id: str) -> Plan:
        """How a workflow is run.

        Raises
        ------
        UnknownNameError
            If the fleet has no such workflow.
        """
        if workflow_id not in self.plans:
            raise unknown_name("the fleet has no workflow", workflow_id, self.plans)
        return self.plans[workflow_id]

    def at_us(self, day: float) -> int:
        """When so many days of 24 hours have passed since the start."""
        return self.start_us + round(day * DAY_US)
