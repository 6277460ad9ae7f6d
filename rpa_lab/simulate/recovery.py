"""How bots heal steps by themselves: which can be healed, how often it goes well, and by what."""

from __future__ import annotations

from typing import Final

__all__ = ["HEALED_SHARE", "HEALING", "STRATEGIES"]

HEALING: Final = ("screen", "sign_in", "program")
"""The families of actions that find something on a screen, and so may find it another way."""
HEALED_SHARE: Final = 0.75
STRATEGIES: Final = ("alternative_selector", "wait_and_retry", "restart_application")
