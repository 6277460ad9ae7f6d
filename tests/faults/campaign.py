"""How much of the fault campaign this run does: a small cut by default, all of it under ``RPA_LAB_PROFILE=campaign``.

`make faults` runs all of it and prints the counts; ``RPA_LAB_SEED`` repeats a run that failed.
"""

from __future__ import annotations

import os
import secrets

__all__ = ["CAMPAIGN", "SEED", "cut"]

CAMPAIGN = os.environ.get("RPA_LAB_PROFILE") == "campaign"
SEED = int(os.environ.get("RPA_LAB_SEED") or (secrets.randbits(32) if CAMPAIGN else 2026))


def cut(small: int, whole: int) -> int:
    """The number for this run."""
    return whole if CAMPAIGN else small
