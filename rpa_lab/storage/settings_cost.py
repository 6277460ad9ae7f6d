"""``[cost]`` of a store's settings: what a person's time and the robots cost, and how long the work takes by hand.

::

    [cost]
    currency = "EUR"
    employee_per_hour = 42.0       # a person's hour, with all that the employer pays for it
    robot_per_month = 650.0        # each robot that is seen: licence, machine, operation
    robot_per_hour = 0.0           # each hour that a robot is busy, where one pays by the hour
    fixed_per_month = 900.0        # whatever the robots do: platform, support, development written off

    manual_minutes = 6             # of one case, done by hand; or by workflow:
    [cost.manual_minutes]
    invoices = 6.5
    "order entry" = 11

    [cost.exception_minutes]       # of a person, for a case that the robots didn't complete; likewise
    invoices = 12

What isn't said stays unknown: it is never taken to be 0. A month is a twelfth of 365.25 days.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rpa_lab.storage.settings_values import Section

__all__ = ["Cost", "Minutes", "cost_of"]

_RATES: Final = ("employee_per_hour", "robot_per_month", "robot_per_hour", "fixed_per_month")
_KEYS: Final = ("currency", *_RATES, "manual_minutes", "exception_minutes")
_MINUTES: Final = "minutes, a number, 0 or more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Minutes:
    """A person's minutes for one case: those of some workflows, and (None: unknown) those of all others."""

    by_workflow: tuple[tuple[str, float], ...] = ()
    others: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What time costs, in `currency`; None is unknown."""

    currency: str | None = None
    employee_per_hour: float | None = None
    robot_per_month: float | None = None
    robot_per_hour: float | None = None
    fixed_per_month: float | None = None
    manual_minutes: Minutes = Minutes()
    exception_minutes: Minutes = Minutes()


def cost_of(section: Section) -> Cost:
    """The costs that a table says.

    Raises
    ------
    InputError
        If something in it is no amount.
    """
    section.only(_KEYS)
    amount = "an amount of money, a number, 0 or more"
    return Cost(
        currency=section.text("currency"),
        **{name: section.number(name, what=amount) for name in _RATES},
        manual_minutes=_minutes(section, "manual_minutes"),
        exception_minutes=_minutes(section, "exception_minutes"),
    )


def _minutes(section: Section, key: str) -> Minutes:
    value = section.said.get(key)
    if value is None or not isinstance(value, Mapping):
        return Minutes(others=section.number(key, what=f"{_MINUTES}, or a table of them by workflow"))
    by_workflow = section.inner(key)
    return Minutes(by_workflow=tuple((name, by_workflow.number(name, what=_MINUTES) or 0.0) for name in value))
