"""Every interleaving of the storage protocol keeps its promises, and no rule of it is there for nothing.

Whoever changes the protocol changes the model first: a step of it, or a rule in `setups`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.faults.campaign import CAMPAIGN
from tests.faults.model import explore
from tests.faults.setups import AS_WRITTEN, NOT_NEEDED, RULES, Setup

_SMALL = (
    "covers forget",
    "reader, retention, compactor",
    "power, archive, compactor",
    "rename for link",
    "kept looked up",
)
_LIMIT = 1_500_000


def _chosen(setups: tuple[Setup, ...]) -> list[Setup]:
    return [setup for setup in setups if CAMPAIGN or setup.name in _SMALL]


@pytest.mark.parametrize("setup", [*_chosen(AS_WRITTEN), *_chosen(NOT_NEEDED)], ids=lambda setup: setup.name)
def test_in_every_interleaving_nothing_breaks(setup: Setup, tell: Callable[[str], None]) -> None:
    began = time.perf_counter()
    broken, trace, states, all_seen = explore(setup, limit=_LIMIT)
    if broken:
        broken, trace, _, _ = explore(setup, limit=10 * _LIMIT, symmetric=False)  # a trace that names who did what
    assert not broken, "\n".join([str(broken), *trace])
    assert all_seen, f"{states} states and no end"
    tell(f"model, {setup.name}: holds in all {states:,} states ({time.perf_counter() - began:.0f} s)")


@pytest.mark.parametrize("setup", _chosen(RULES), ids=lambda setup: setup.name)
def test_without_one_rule_something_breaks(setup: Setup, tell: Callable[[str], None]) -> None:
    broken, trace, states, _ = explore(setup, limit=_LIMIT, symmetric=False)
    assert broken, f"{states} states, and nothing broke"
    tell(f"model, {setup.name}: {broken}, after {len(trace)} steps")
