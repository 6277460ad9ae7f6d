"""Faults that can be planted in a fleet: each with an onset, a size and a scope, and each leaving all else as it was.

``SlowStep(workflow_id="payroll", node_id="run payroll", onset_day=20, factor=1.8)`` makes that step of each run that
starts on the fleet's twenty-first day or later take 1.8 times as long; the same seed without it gives the same rows but
for these durations and the times within the run that follow from them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rpa_lab.simulate.faults.change import Fix, NullFix
    from rpa_lab.simulate.faults.duration import Drift, LongerWaits, SlowStep
    from rpa_lab.simulate.faults.failure import BadSelector, FailureBurst, Outage
    from rpa_lab.simulate.faults.fault import Fault
    from rpa_lab.simulate.faults.path import MixShift, MoreRetries, NewStep
    from rpa_lab.simulate.faults.schedule import MemoryLeak, ScheduleCollision, StoppedWorkflow

__all__ = [
    "BadSelector",
    "Drift",
    "FailureBurst",
    "Fault",
    "Fix",
    "LongerWaits",
    "MemoryLeak",
    "MixShift",
    "MoreRetries",
    "NewStep",
    "NullFix",
    "Outage",
    "ScheduleCollision",
    "SlowStep",
    "StoppedWorkflow",
]

if not TYPE_CHECKING:  # unguarded, mypy would accept any misspelt name
    _HOME = {
        "BadSelector": "failure",
        "Drift": "duration",
        "FailureBurst": "failure",
        "Fault": "fault",
        "Fix": "change",
        "LongerWaits": "duration",
        "MemoryLeak": "schedule",
        "MixShift": "path",
        "MoreRetries": "path",
        "NewStep": "path",
        "NullFix": "change",
        "Outage": "failure",
        "ScheduleCollision": "schedule",
        "SlowStep": "duration",
        "StoppedWorkflow": "schedule",
    }

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            raise AttributeError(f"module 'rpa_lab.simulate.faults' has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f"rpa_lab.simulate.faults.{_HOME[name]}"), name)
        return value

    def __dir__() -> list[str]:  # tab completion
        return __all__
