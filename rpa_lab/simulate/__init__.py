"""A fleet of bots with known faults planted: the truth for tests, the demo and benchmarks.

Start with `fleet`; `rpa_lab.simulate.faults` has what it can plant, and `Flaws` what can be wrong with its records.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rpa_lab.simulate.faults.change import Fix, NullFix
    from rpa_lab.simulate.faults.duration import Drift, LongerWaits, SlowStep
    from rpa_lab.simulate.faults.failure import BadSelector, FailureBurst, Outage
    from rpa_lab.simulate.faults.path import MixShift, MoreRetries, NewStep
    from rpa_lab.simulate.faults.schedule import MemoryLeak, ScheduleCollision, StoppedWorkflow
    from rpa_lab.simulate.flaws import Flaws
    from rpa_lab.simulate.simulated import Fleet
    from rpa_lab.simulate.simulation import fleet

__all__ = [
    "BadSelector",
    "Drift",
    "FailureBurst",
    "Fix",
    "Flaws",
    "Fleet",
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
    "fleet",
]

if not TYPE_CHECKING:  # unguarded, mypy would accept any misspelt name
    _HOME = {
        "BadSelector": "faults.failure",
        "Drift": "faults.duration",
        "FailureBurst": "faults.failure",
        "Fix": "faults.change",
        "Flaws": "flaws",
        "Fleet": "simulated",
        "LongerWaits": "faults.duration",
        "MemoryLeak": "faults.schedule",
        "MixShift": "faults.path",
        "MoreRetries": "faults.path",
        "NewStep": "faults.path",
        "NullFix": "faults.change",
        "Outage": "faults.failure",
        "ScheduleCollision": "faults.schedule",
        "SlowStep": "faults.duration",
        "StoppedWorkflow": "faults.schedule",
        "fleet": "simulation",
    }

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            raise AttributeError(f"module 'rpa_lab.simulate' has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f"rpa_lab.simulate.{_HOME[name]}"), name)
        return value

    def __dir__() -> list[str]:  # tab completion
        return __all__
