"""A fleet of bots with known faults planted: the truth for tests, the demo and benchmarks.

Start with `fleet`; `SlowStep` and `FailureBurst` are the faults that it can plant.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rpa_lab.simulate.faults import FailureBurst, SlowStep
    from rpa_lab.simulate.simulation import Fleet, fleet

__all__ = ["FailureBurst", "Fleet", "SlowStep", "fleet"]

if not TYPE_CHECKING:  # unguarded, mypy would accept any misspelt name
    _HOME = {
        "FailureBurst": "faults",
        "Fleet": "simulation",
        "SlowStep": "faults",
        "fleet": "simulation",
    }

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            raise AttributeError(f"module 'rpa_lab.simulate' has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f"rpa_lab.simulate.{_HOME[name]}"), name)
        return value

    def __dir__() -> list[str]:  # tab completion
        return __all__
