"""The named profiles of Hypothesis.

A profile is chosen by the environment variable ``RPA_LAB_PROFILE``; `make test` takes ``ci``.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

__all__ = ["PROFILES", "load_profile"]

PROFILES = {"dev": 25, "ci": 50, "campaign": 2_000}
"""Name of each profile and its number of examples per property; only ``ci`` draws the same ones every time."""


def load_profile() -> str:
    """Register the profiles and load the one that ``RPA_LAB_PROFILE`` names (default ``dev``); returns its name."""
    for name, examples in PROFILES.items():
        settings.register_profile(
            name,
            max_examples=examples,
            deadline=None,
            derandomize=name == "ci",
            print_blob=True,
            suppress_health_check=[HealthCheck.too_slow],
        )
    chosen = os.environ.get("RPA_LAB_PROFILE", "dev")
    if chosen not in PROFILES:
        raise ValueError(f"RPA_LAB_PROFILE {chosen!r} is no profile; expected one of {', '.join(PROFILES)}")
    settings.load_profile(chosen)
    return chosen
